// Files of the embedding projector: vectors, labels and pictures as tables and an image, and the list of them.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from '../data/files.js';
import { ArgumentError, ShapeError, shapeText, WriteError } from '../errors.js';
import { zeros } from '../tensor/create.js';
import '../tensor/read.js';
import { cat } from '../ops/index.js';
import { noGrad } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { grid, imageOf } from './images.js';

/** What stands beside the vectors. */
export interface EmbeddingOptions {
  /** A label for each row; with `metadataHeader` a list of columns for each. */
  metadata?: readonly unknown[];
  /** Names of the columns of `metadata`. */
  metadataHeader?: readonly string[];
  /** A picture for each row `[N, C, H, W]`, as in `addImages`. Needs the package sharp. */
  labelImg?: Tensor;
  /** Name of the embedding. Default `default`. */
  tag?: string;
}

const OP = 'addEmbedding';

/** Throws unless rows, labels and pictures go together. */
export function checkEmbedding(mat: Tensor, options: EmbeddingOptions): void {
  const { metadata, metadataHeader, labelImg } = options;
  if (mat.ndim !== 2) throw new ShapeError(OP, `mat must be [N, D], got ${shapeText(mat.shape)}`, mat.shape);
  const [rows] = mat.shape;
  if (metadata && metadata.length !== rows) {
    throw new ArgumentError(OP, `${rows} rows need as many labels, got ${metadata.length}`, metadata);
  }
  if (metadataHeader && metadata?.some((row) => !Array.isArray(row) || row.length !== metadataHeader.length)) {
    throw new ArgumentError(OP, `each label must be a list of ${metadataHeader.length} columns`, metadata);
  }
  if (labelImg && (labelImg.ndim !== 4 || labelImg.shape[0] !== rows)) {
    const text = `labelImg must be [${rows}, C, H, W], got ${shapeText(labelImg.shape)}`;
    throw new ShapeError(OP, text, labelImg.shape);
  }
}

/** A cell cannot hold what separates cells. */
const cell = (value: unknown): string => String(value).replace(/[\t\n\r]/g, ' ');

function metadataText({ metadata = [], metadataHeader }: EmbeddingOptions): string {
  const rows = metadataHeader ? [metadataHeader, ...(metadata as readonly (readonly unknown[])[])] : metadata;
  return rows.map((row) => `${Array.isArray(row) ? row.map(cell).join('\t') : cell(row)}\n`).join('');
}

/** A square picture of all pictures, as the projector wants it. */
function spriteOf(images: Tensor): Promise<Uint8Array> {
  const columns = Math.ceil(Math.sqrt(images.shape[0]));
  const square = noGrad(() => {
    const all = grid(images.detach(), columns);
    const [c, h, w] = all.shape;
    return h >= w ? all : cat([all, zeros([c, w - h, w], { dtype: all.dtype })], 1);
  });
  const message = imageOf(OP, square, 'CHW');
  square.dispose();
  return message.then((fields) => fields.encoded_image_string as Uint8Array);
}

const quote = (text: string): string => `"${text.replace(/[\\"]/g, (c) => `\\${c}`)}"`;

/** What the projector's list says of one embedding, in protobuf's text format. */
function infoText(folder: string, name: string, { metadata, labelImg }: EmbeddingOptions): string {
  const lines = [`tensor_name: ${quote(name)}`, `tensor_path: ${quote(`${folder}/tensors.tsv`)}`];
  if (metadata) lines.push(`metadata_path: ${quote(`${folder}/metadata.tsv`)}`);
  if (labelImg) {
    const [, , height, width] = labelImg.shape;
    const size = `single_image_dim: ${width} single_image_dim: ${height}`;
    lines.push(`sprite { image_path: ${quote(`${folder}/sprite.png`)} ${size} }`);
  }
  return `embeddings {\n  ${lines.join('\n  ')}\n}\n`;
}

/** Percent signs and slashes would make folders. */
const encodeTag = (tag: string): string => tag.replace(/[%/\\]/g, (c) => `%${c.charCodeAt(0).toString(16)}`);

/** Reads at once what the files need; they are written when the promise is awaited. */
export function writeEmbedding(logDir: string, mat: Tensor, step: number, options: EmbeddingOptions): Promise<string> {
  const { tag = 'default', metadata, labelImg } = options;
  const number = String(step).padStart(5, '0');
  const subfolder = `${number}/${encodeTag(tag)}`;
  const folder = join(logDir, number, encodeTag(tag));
  const columns = mat.shape[1];
  const vectors = mat.data();
  const sprite = labelImg && spriteOf(labelImg);
  sprite?.catch(() => {}); // awaited below
  const write = async (): Promise<string> => {
    const values = await vectors;
    const rows = Array.from({ length: mat.shape[0] }, (_, i) =>
      values.subarray(i * columns, (i + 1) * columns).join('\t'),
    );
    const png = await sprite;
    try {
      await mkdir(folder, { recursive: true });
      const put = (name: string, content: string | Uint8Array): Promise<void> =>
        writeAtomically(join(folder, name), (file) => file.writeFile(content));
      await put('tensors.tsv', rows.map((row) => `${row}\n`).join(''));
      if (metadata) await put('metadata.tsv', metadataText(options));
      if (png) await put('sprite.png', png);
    } catch (error) {
      throw new WriteError(OP, folder, error);
    }
    return infoText(subfolder, `${tag}:${number}`, options);
  };
  return write();
}

/** The list of all embeddings of a run. */
export async function writeProjectorConfig(logDir: string, infos: readonly string[]): Promise<void> {
  const path = join(logDir, 'projector_config.pbtxt');
  try {
    await writeAtomically(path, (file) => file.writeFile(infos.join('')));
  } catch (error) {
    throw new WriteError(OP, path, error);
  }
}
