// The messages of summaries whose values are at hand.
import { ArgumentError, ShapeError, shapeText, valueText } from '../errors.js';
import { cat, scatterAdd } from '../ops/index.js';
import { zeros } from '../tensor/create.js';
import '../tensor/read.js';
import { noGrad } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { type Encode, type Fields, loadEncoder } from './schema.js';

const DT_FLOAT = 1;
const DT_DOUBLE = 2;
const DT_STRING = 7;

/** A hyperparameter. */
export type HparamValue = number | string | boolean | null;

/** Charts of the custom scalars page: category, chart, and the tags it shows; a margin has value, lower and upper. */
export type ScalarsLayout = Readonly<
  Record<string, Readonly<Record<string, readonly ['Multiline' | 'Margin', readonly string[]]>>>
>;

/** Counts at each threshold, for {@link SummaryWriter.addPrCurveRaw}. All of one length. */
export interface RawPrCurve {
  truePositiveCounts: readonly number[];
  falsePositiveCounts: readonly number[];
  trueNegativeCounts: readonly number[];
  falseNegativeCounts: readonly number[];
  precision: readonly number[];
  recall: readonly number[];
}

/** Marks a value as belonging to a plugin. */
const plugin = (name: string, content?: Uint8Array): Fields => ({
  plugin_data: { plugin_name: name, ...(content && { content }) },
});

const shapeOf = (...sizes: readonly number[]): Fields => ({ dim: sizes.map((size) => ({ size })) });

/** How a scalar is stored. */
export interface ScalarStyle {
  newStyle?: boolean;
  doublePrecision?: boolean;
}

/** One number: in the old field, or as a tensor. */
export function scalar(tag: string, value: number, style: ScalarStyle): Fields {
  if (!style.newStyle) return { tag, simple_value: value };
  const data = style.doublePrecision
    ? { dtype: DT_DOUBLE, double_val: [value] }
    : { dtype: DT_FLOAT, float_val: [value] };
  return { tag, tensor: { ...data, tensor_shape: {} }, metadata: plugin('scalars') };
}

/** Markdown for the text page. */
export async function text(tag: string, markdown: string): Promise<Fields> {
  const encode = await loadEncoder();
  return {
    tag: `${tag}/text_summary`,
    metadata: plugin('text', encode('TextPluginData', {})),
    tensor: { dtype: DT_STRING, string_val: [Buffer.from(markdown)], tensor_shape: shapeOf(1) },
  };
}

/** Charts that show several scalars. */
export async function customScalars(layout: ScalarsLayout): Promise<Fields> {
  const chart = (title: string, [kind, tags]: readonly [string, readonly string[]]): Fields => {
    if (kind !== 'Margin') return { title, multiline: { tag: tags } };
    const [value, lower, upper] = tags;
    return { title, margin: { series: [{ value, lower, upper }] } };
  };
  const category = Object.entries(layout).map(([title, charts]) => ({
    title,
    chart: Object.entries(charts).map(([name, content]) => chart(name, content)),
  }));
  const encode = await loadEncoder();
  return {
    tag: 'custom_scalars__config__',
    metadata: plugin('custom_scalars'),
    tensor: { dtype: DT_STRING, string_val: [encode('Layout', { category })], tensor_shape: {} },
  };
}

/** Throws unless each chart is known and a margin has three tags. */
export function checkLayout(op: string, layout: ScalarsLayout): void {
  for (const charts of Object.values(layout)) {
    for (const [name, [kind, tags]] of Object.entries(charts)) {
      if (kind !== 'Multiline' && kind !== 'Margin') {
        throw new ArgumentError(op, `chart ${name} must be Multiline or Margin, got ${valueText(kind)}`, kind);
      }
      if (kind === 'Margin' && tags.length !== 3) {
        throw new ArgumentError(op, `a margin has 3 tags (value, lower, upper), got ${tags.length}`, tags);
      }
    }
  }
}

/** Samples from -1 to 1 as a WAV file of 16 bits. */
export async function audio(tag: string, sound: Tensor, sampleRate: number): Promise<Fields> {
  const op = 'addAudio';
  const x = noGrad(() => sound.detach().squeeze());
  if (x.ndim > 1 || x.numel === 0) {
    throw new ShapeError(op, `samples of one channel are needed, got ${shapeText(sound.shape)}`, sound.shape);
  }
  const samples = noGrad(() => x.to('float64').nanToNum({ nan: 0 }).clamp(-1, 1).mul(32767).to('int32').reshape([-1]));
  const read = samples.data() as Promise<Int32Array>;
  samples.dispose();
  const data = Int16Array.from(await read);
  const wave = Buffer.concat([waveHeader(data.byteLength, sampleRate), new Uint8Array(littleEndian(data))]);
  const fields = { sample_rate: sampleRate, num_channels: 1, length_frames: data.length };
  return { tag, audio: { ...fields, encoded_audio_string: wave, content_type: 'audio/wav' } };
}

function littleEndian(data: Int16Array): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(data.byteLength));
  for (let i = 0; i < data.length; i++) view.setInt16(2 * i, data[i], true);
  return view.buffer;
}

/** RIFF, 16-bit PCM, one channel. */
function waveHeader(bytes: number, rate: number): Buffer {
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + bytes, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(bytes, 40);
  return header;
}

/** The tensor of a curve: six rows, one column for each threshold. */
export async function prCurveRaw(tag: string, curve: RawPrCurve, thresholds: number): Promise<Fields> {
  const rows = [
    curve.truePositiveCounts,
    curve.falsePositiveCounts,
    curve.trueNegativeCounts,
    curve.falseNegativeCounts,
    curve.precision,
    curve.recall,
  ];
  const encode = await loadEncoder();
  return {
    tag,
    metadata: plugin('pr_curves', encode('PrCurvePluginData', { num_thresholds: thresholds })),
    tensor: { dtype: DT_FLOAT, float_val: rows.flat(), tensor_shape: shapeOf(6, rows[0].length) },
  };
}

const SMALLEST = 1e-7;

/** Counts predictions by threshold on the device, then sums up from the largest threshold down. */
export async function prCurve(
  labels: Tensor,
  predictions: Tensor,
  thresholds: number,
  weights: Tensor | null,
): Promise<RawPrCurve> {
  const counts = noGrad(() => {
    const p = predictions.detach().reshape([-1]).to('float64');
    const label = labels.detach().reshape([-1]).to('float64');
    const weight = weights?.detach().reshape([-1]).to('float64');
    const truths = weight ? label.mul(weight) : label;
    const falses = weight ? label.neg().add(1).mul(weight) : label.neg().add(1);
    const bucket = p.mul(thresholds - 1).floor();
    // What lies outside, NaN too, goes into a place of its own and is left out.
    const inside = bucket.ge(0).logicalAnd(bucket.lt(thresholds));
    const at = bucket.where(inside, thresholds).to('int64');
    const empty = () => zeros([thresholds + 1], { dtype: 'float64' });
    return cat([scatterAdd(empty(), 0, at, truths), scatterAdd(empty(), 0, at, falses)]);
  });
  const read = counts.data();
  counts.dispose();
  const all = Array.from((await read) as Float64Array);
  const tp = reverseCumulative(all.slice(0, thresholds));
  const fp = reverseCumulative(all.slice(thresholds + 1, 2 * thresholds + 1));
  const tn = fp.map((count) => fp[0] - count);
  const fn = tp.map((count) => tp[0] - count);
  return {
    truePositiveCounts: tp,
    falsePositiveCounts: fp,
    trueNegativeCounts: tn,
    falseNegativeCounts: fn,
    precision: tp.map((count, i) => count / Math.max(SMALLEST, count + fp[i])),
    recall: tp.map((count, i) => count / Math.max(SMALLEST, count + fn[i])),
  };
}

function reverseCumulative(counts: number[]): number[] {
  for (let i = counts.length - 2; i >= 0; i--) counts[i] += counts[i + 1];
  return counts;
}

const HPARAM_TYPES = { string: 1, boolean: 2, number: 3 } as const;

/** The field of a value in google.protobuf.Value. */
function structValue(value: number | string | boolean): Fields {
  if (typeof value === 'number') return { number_value: value };
  return typeof value === 'string' ? { string_value: value } : { bool_value: value };
}

/** Throws unless every hyperparameter is a value the page can show, and every domain has values of its type. */
export function checkHparams(
  hparams: Readonly<Record<string, HparamValue>>,
  metrics: Readonly<Record<string, number>>,
  domains: Readonly<Record<string, readonly HparamValue[]>>,
): void {
  const op = 'addHparams';
  for (const [name, value] of Object.entries(hparams)) {
    if (value === null || (typeof value) in HPARAM_TYPES) continue;
    throw new ArgumentError(op, `${name} must be a number, string, boolean or null, got ${valueText(value)}`, value);
  }
  for (const [name, value] of Object.entries(metrics)) {
    if (typeof value !== 'number') {
      throw new ArgumentError(op, `metric ${name} must be a number, got ${valueText(value)}`, value);
    }
  }
  for (const [name, values] of Object.entries(domains)) {
    const type = typeof hparams[name];
    if (name in hparams && Array.isArray(values) && values.every((value) => typeof value === type)) continue;
    throw new ArgumentError(op, `domainDiscrete.${name} must be a list of values of the type of ${name}`, values);
  }
}

/** The three summaries of a session: its experiment, its start with the values, its end. */
export async function hparamSummaries(
  hparams: Readonly<Record<string, HparamValue>>,
  metrics: Readonly<Record<string, number>>,
  domains: Readonly<Record<string, readonly HparamValue[]>>,
): Promise<Fields[]> {
  const encode: Encode = await loadEncoder();
  const given = Object.entries(hparams).filter(
    (entry): entry is [string, number | string | boolean] => entry[1] !== null,
  );
  const infos = given.map(([name, value]) => {
    const domain = domains[name] as readonly (number | string | boolean)[] | undefined;
    const type = HPARAM_TYPES[typeof value as keyof typeof HPARAM_TYPES];
    return { name, type, ...(domain && { domain_discrete: { values: domain.map(structValue) } }) };
  });
  const metricInfos = Object.keys(metrics).map((tag) => ({ name: { tag } }));
  const values = Object.fromEntries(given.map(([name, value]) => [name, structValue(value)]));
  const summary = (tag: string, data: Fields): Fields => ({
    tag: `_hparams_/${tag}`,
    metadata: plugin('hparams', encode('HParamsPluginData', data)),
  });
  return [
    summary('experiment', { experiment: { hparam_infos: infos, metric_infos: metricInfos } }),
    summary('session_start_info', { session_start_info: { hparams: values } }),
    summary('session_end_info', { session_end_info: { status: 1 } }),
  ];
}
