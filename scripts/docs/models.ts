// The pictures of docs/models.md: `npx tsx scripts/docs/models.ts` writes docs/images/models/<family>.svg.
import { mkdirSync, writeFileSync } from 'node:fs';

/** A box with a text, or ways side by side that end in one box. */
type Part = string | { ways: readonly (readonly string[])[]; end: string };

/** One block of each family, from left to right; an empty way is a connection past the others. */
const BLOCKS: Readonly<Record<string, readonly Part[]>> = {
  lenet: ['conv 5x5, 6', 'pool', 'conv 5x5, 16', 'pool', 'affine 120', 'affine 84', 'affine 10'],
  alexnet: ['conv 11x11 /4', 'relu, pool', 'conv 5x5', 'relu, pool', '3 x conv 3x3', 'pool', '3 x affine'],
  vgg: ['conv 3x3', 'relu', 'conv 3x3', 'relu', 'max pool 2x2'],
  nin: ['conv k x k', 'relu', 'conv 1x1', 'relu', 'conv 1x1', 'relu', 'pool'],
  googlenet: [
    'input',
    {
      ways: [['conv 1x1'], ['conv 1x1', 'conv 3x3'], ['conv 1x1', 'conv 3x3'], ['max pool 3x3', 'conv 1x1']],
      end: 'cat',
    },
  ],
  inception: [
    'input',
    {
      ways: [['conv 1x1'], ['1x1', '1x7', '7x1'], ['1x1', '7x1', '1x7', '7x1', '1x7'], ['avg pool 3x3', '1x1']],
      end: 'cat',
    },
  ],
  squeezenet: [
    'squeeze 1x1',
    'relu',
    {
      ways: [
        ['expand 1x1', 'relu'],
        ['expand 3x3', 'relu'],
      ],
      end: 'cat',
    },
  ],
  densenet: ['all before', { ways: [['bn, relu', 'conv 1x1', 'bn, relu', 'conv 3x3'], []], end: 'cat' }],
  resnet: ['input', { ways: [['conv 3x3', 'bn, relu', 'conv 3x3', 'bn'], []], end: '+' }, 'relu'],
  bottleneck: [
    'input',
    { ways: [['conv 1x1', 'bn, relu', 'conv 3x3', 'bn, relu', 'conv 1x1 x4', 'bn'], []], end: '+' },
    'relu',
  ],
  plain: ['input', 'conv 3x3', 'bn, relu', 'conv 3x3', 'bn, relu'],
  'resnet-small': ['input', { ways: [['conv 3x3', 'bn, relu', 'conv 3x3', 'bn'], ['/2, zeros']], end: '+' }, 'relu'],
  preact: ['input', { ways: [['bn, relu', 'conv 3x3', 'bn, relu', 'conv 3x3'], []], end: '+' }],
  resnext: [
    'input',
    { ways: [['conv 1x1', 'bn, relu', 'conv 3x3, 32 groups', 'bn, relu', 'conv 1x1', 'bn'], []], end: '+' },
    'relu',
  ],
  'wide-resnet': [
    'input',
    { ways: [['conv 1x1', 'bn, relu', 'conv 3x3, twice as wide', 'bn, relu', 'conv 1x1', 'bn'], []], end: '+' },
    'relu',
  ],
  r3d: ['input', { ways: [['conv 3x3x3', 'bn, relu', 'conv 3x3x3', 'bn'], []], end: '+' }, 'relu'],
  'mobilenet-v2': [
    'input',
    { ways: [['conv 1x1 x6', 'bn, relu6', 'depthwise 3x3', 'bn, relu6', 'conv 1x1', 'bn'], []], end: '+' },
  ],
  'mobilenet-v3': [
    'input',
    {
      ways: [['conv 1x1', 'bn, hardswish', 'depthwise', 'bn, hardswish', 'squeeze, excite', 'conv 1x1', 'bn'], []],
      end: '+',
    },
  ],
  efficientnet: [
    'input',
    {
      ways: [
        ['conv 1x1 x6', 'bn, silu', 'depthwise', 'bn, silu', 'squeeze, excite', 'conv 1x1', 'bn', 'drop path'],
        [],
      ],
      end: '+',
    },
  ],
  vit: [
    'tokens',
    { ways: [['layer norm', 'attention'], []], end: '+' },
    { ways: [['layer norm', 'linear x4', 'gelu', 'linear'], []], end: '+' },
  ],
  convnext: [
    'input',
    {
      ways: [['depthwise 7x7', 'layer norm', 'linear x4', 'gelu', 'linear', 'scale', 'drop path'], []],
      end: '+',
    },
  ],
  mlp: ['linear', 'norm', 'relu', 'dropout', 'linear', 'dropout'],
  'deep-conv-net': ['conv 3x3', 'relu', 'conv 3x3', 'relu', 'max pool 2x2'],
};

const HEIGHT = 26;
const GAP = 18;
const ROW = 38;
const widthOf = (text: string): number => 16 + 6.6 * text.length;

class Picture {
  private readonly shapes: string[] = [];
  private right = 0;

  constructor(private readonly middle: number) {}

  private arrow(x: number, y: number, toX: number, toY: number): void {
    const path =
      y === toY ? `M${x} ${y}H${toX - 4}` : `M${x} ${y}C${x + GAP} ${y} ${x} ${toY} ${x + GAP} ${toY}H${toX - 4}`;
    this.shapes.push(`<path d="${path}" marker-end="url(#a)"/>`);
  }

  private line(x: number, y: number, toX: number, toY: number): void {
    const bend = toX - GAP;
    this.shapes.push(`<path d="M${x} ${y}H${bend}C${toX} ${y} ${bend} ${toY} ${toX} ${toY}"/>`);
  }

  private box(text: string, x: number, y: number): number {
    const width = widthOf(text);
    this.shapes.push(
      `<rect x="${x}" y="${y - HEIGHT / 2}" width="${width}" height="${HEIGHT}" rx="4"/>`,
      `<text x="${x + width / 2}" y="${y + 4}">${text}</text>`,
    );
    return x + width;
  }

  /** Boxes one after the other; where the last one ends. */
  private chain(texts: readonly string[], from: number, y: number): number {
    let x = from;
    texts.forEach((text, i) => {
      if (i > 0) this.arrow(x, y, x + GAP, y);
      x = this.box(text, i > 0 ? x + GAP : x, y);
    });
    return x;
  }

  draw(parts: readonly Part[]): string {
    let x = 4;
    for (const part of parts) {
      const start = x === 4 ? 4 : x + GAP;
      if (typeof part === 'string') {
        if (x > 4) this.arrow(x, this.middle, start, this.middle);
        x = this.box(part, start, this.middle);
      } else x = this.fork(part.ways, part.end, x);
    }
    this.right = x + 4;
    return this.text();
  }

  private fork(ways: readonly (readonly string[])[], end: string, from: number): number {
    const start = from + 2 * GAP;
    const ends = ways.map((texts, i) => {
      const y = this.middle + (i - (ways.length - 1) / 2) * ROW;
      if (texts.length === 0) return { x: from, y, empty: true };
      this.arrow(from, this.middle, start, y);
      return { x: this.chain(texts, start, y), y, empty: false };
    });
    const join = Math.max(...ends.map(({ x }) => x)) + 2 * GAP;
    for (const { x, y, empty } of ends) {
      if (!empty) this.line(x, y, join, this.middle);
      else {
        const [low, bend] = [y, from + 2 * GAP];
        const out = `C${from + GAP} ${this.middle} ${from + GAP} ${low} ${bend} ${low}`;
        this.shapes.push(
          `<path d="M${from} ${this.middle}${out}H${join - 2 * GAP}C${join - GAP} ${low} ${join - GAP} ${this.middle} ${join} ${this.middle}"/>`,
        );
      }
    }
    return this.box(end, join, this.middle);
  }

  private text(): string {
    const [width, height] = [Math.ceil(this.right), 2 * this.middle];
    const style =
      'rect{fill:#eef3fb;stroke:#3b6ea5}path{fill:none;stroke:#555}text{font:12px Inter,Helvetica,Arial,sans-serif;text-anchor:middle;fill:#222}';
    const head =
      '<marker id="a" orient="auto" markerWidth="6" markerHeight="6" refX="3" refY="3"><path d="M0 0L6 3L0 6" style="fill:#555"/></marker>';
    return (
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">` +
      `<style>${style}</style><defs>${head}</defs>\n${this.shapes.join('\n')}\n</svg>\n`
    );
  }
}

const folder = new URL('../../docs/images/models/', import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [family, parts] of Object.entries(BLOCKS)) {
  const rows = Math.max(...parts.map((part) => (typeof part === 'string' ? 1 : part.ways.length)));
  writeFileSync(new URL(`${family}.svg`, folder), new Picture((rows * ROW) / 2).draw(parts));
}
