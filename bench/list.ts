// What `npm run bench -- list` prints.
import { GROUPS } from './groups.js';

/** Each group with its title, then its rows: the part behind a space is a variant of the row. */
export function listText(): string {
  return Object.entries(GROUPS)
    .map(([name, { title, cases }]) => {
      const rows = new Map<string, string[]>();
      for (const row of cases) {
        const [shape, ...variant] = name === 'convolutions' || name === 'gemm' ? row.name.split(' ') : [row.name];
        rows.set(shape, [...(rows.get(shape) ?? []), ...variant]);
      }
      const lines = [...rows].map(
        ([shape, variants]) => `    ${shape}${variants.length > 0 ? `  ${variants.join(', ')}` : ''}`,
      );
      return [`${name}  ${title}, ${cases.length} rows`, ...lines].join('\n');
    })
    .join('\n\n');
}
