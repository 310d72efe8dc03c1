import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

let found: string | undefined;

/** The folder of the package, with a slash at its end. lib/ and dist/, where this code runs, lie directly in it. */
export function packageRoot(): string {
  if (found !== undefined) return found;
  const above = new URL('..', import.meta.url);
  // An application that has been bundled together with nabla carries this code elsewhere.
  found = existsSync(new URL('data/digits.csv.gz', above))
    ? fileURLToPath(above)
    : createRequire(import.meta.url)
        .resolve('nabla/package.json')
        .slice(0, -'package.json'.length);
  return found;
}
