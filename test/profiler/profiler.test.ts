// Profiles of real models: which layer and op a task belongs to, operations counted by hand, the trace, the picture.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  ArgumentError,
  autograd,
  F,
  getRngState,
  manualSeed,
  matmul,
  models,
  NablaError,
  nn,
  noGrad,
  ones,
  optim,
  profile,
  profiler,
  randn,
  type Tensor,
} from '../../lib/index.js';
import type { LayerProfile, Profile, TraceEvent } from '../../lib/profiler/index.js';
import { tracing } from '../../lib/tensor/graph.js';
import { profiling } from '../../lib/tensor/profiling.js';

const quick = { steps: 1, warmup: 0 };
const layer = (found: Profile, name: string): LayerProfile => {
  const row = found.layers.find((candidate) => candidate.name === name);
  if (!row) throw new Error(`no layer ${name}: ${found.layers.map((one) => one.name).join(', ')}`);
  return row;
};
const op = (found: Profile, name: string, phase = 'forward') =>
  found.ops.find((row) => row.name === name && row.phase === phase);

afterEach(() => {
  expect([profiling.recorder === null, tracing.op === null]).toEqual([true, true]);
});

class Residual extends nn.Module {
  readonly conv = new nn.Conv2d(4, 4, 3, { padding: 1 });
  readonly norm = new nn.BatchNorm2d(4);

  forward(x: Tensor): Tensor {
    return F.relu(this.norm.forward(this.conv.forward(x)).add(x));
  }
}

describe('profile', () => {
  it('shows the layers of a network in their order, with the operations of all passes', async () => {
    const batch = 2;
    const found = await profile(models.deepConvNet(), randn([batch, 1, 28, 28]), { steps: 3, warmup: 1 });
    const types = found.layers.filter(({ type }) => type !== 'Flatten').map(({ type }) => type);
    const block = ['Conv2d', 'ReLU', 'Conv2d', 'ReLU', 'MaxPool2d'];
    expect(types).toEqual([...block, ...block, ...block, 'Linear', 'ReLU', 'Dropout', 'Linear', 'Dropout']);
    // The input needs no gradient: two passes for the first convolution, three for the others.
    const first = 2 * batch * 28 * 28 * 9 * 16;
    expect(layer(found, '0').flops).toBe(2 * first);
    expect(layer(found, '2').flops).toBe(3 * first * 16);
    expect(layer(found, '7').flops).toBe(3 * 2 * batch * 16 * 16 * 9 * 32 * 32);
    expect(layer(found, '16').flops).toBe(3 * 2 * batch * 1024 * 50);
    expect(layer(found, '1').flops).toBe(0);
    expect(found.flops).toBe(found.layers.reduce((sum, { flops }) => sum + flops, 0));
    expect(layer(found, '2').output).toBe('float32 [2, 16, 28, 28]');
    for (const row of found.layers.filter(({ type }) => type !== 'Flatten')) {
      expect(row.forward, row.name).toBeGreaterThan(0);
      expect(row.backward, row.name).toBeGreaterThan(0);
      expect(row.bytes, row.name).toBeGreaterThan(0);
    }
    expect(op(found, 'convolution')).toMatchObject({ calls: 6 });
    expect(op(found, 'convolutionBackwardWeight', 'backward')).toMatchObject({ calls: 6 });
    expect(op(found, 'convolutionTranspose', 'backward')).toMatchObject({ calls: 5 });
    expect(op(found, 'ConvolutionBackward', 'backward')).toMatchObject({ calls: 6, time: 0 });
    expect(found.ops.some(({ name }) => name === 'synchronize')).toBe(false);
    expect(found.ops.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 9);
    expect(found.ops.reduce((sum, { time }) => sum + time, 0)).toBeCloseTo(found.time, 9);
    expect(found.steps).toBe(3);
    expect(found.dropped).toBe(0);
  });

  it('gives a module what it does itself, and nested modules theirs', async () => {
    const model = new nn.Sequential(new Residual(), new Residual());
    const found = await profile(model, randn([1, 4, 8, 8]), quick);
    expect(found.layers.map(({ name, type }) => `${name} ${type}`)).toEqual([
      '0 Residual',
      '0.conv Conv2d',
      '0.norm BatchNorm2d',
      '1 Residual',
      '1.conv Conv2d',
      '1.norm BatchNorm2d',
    ]);
    expect(layer(found, '1').backward).toBeGreaterThan(0); // the gradients of its own relu and add
    expect(layer(found, '1.norm').backward).toBeGreaterThan(0);
    expect(layer(found, '0').flops).toBe(0);
    expect(layer(found, '0.conv').flops).toBe(2 * 2 * 64 * 9 * 16);
  });

  it('leaves gradients, buffers, random state and the model as they were', async () => {
    const model = new nn.Sequential(new Residual(), new nn.Dropout(0.5));
    const [weight] = model.parameters();
    weight.grad = ones(weight.shape);
    const { grad } = weight;
    const before = Array.from(model.buffers()[0].dataSync(), Number);
    manualSeed(5);
    const state = getRngState();
    await profile(model, randn([2, 4, 8, 8]).mul(3).add(1), quick);
    const next = getRngState();
    manualSeed(5);
    randn([2, 4, 8, 8]); // the input is drawn in between
    expect(next).toEqual(getRngState());
    expect(next).not.toEqual(state);
    expect(weight.grad).toBe(grad);
    expect(Array.from((grad as Tensor).dataSync(), Number)).toEqual(new Array(weight.numel).fill(1));
    expect(model.parameters()[1].grad).toBeNull();
    expect(Array.from(model.buffers()[0].dataSync(), Number)).toEqual(before);
    expect(Object.hasOwn(model, 'forward')).toBe(false);
    expect(Object.hasOwn(model.at(0), 'forward')).toBe(false);
  });

  it('counts recurrent layers and attention', async () => {
    const [batch, steps, inputs, hidden] = [3, 5, 4, 6];
    const lstm = await profile(new nn.LSTM(inputs, hidden, { batchFirst: true }), randn([batch, steps, inputs]), quick);
    const forward = 2 * batch * steps * 4 * hidden * (inputs + hidden);
    expect(op(lstm, 'rnnLayer')?.flops).toBe(forward);
    expect(layer(lstm, '').flops).toBeGreaterThanOrEqual(2 * forward);
    const encoder = new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 12, dropout: 0, batchFirst: true });
    const found = await profile(encoder, randn([2, 5, 8]), quick);
    expect(layer(found, 'linear1').flops).toBe(3 * 2 * 10 * 8 * 12);
    expect(found.layers.map(({ type }) => type)).toContain('LayerNorm');
  });

  it('runs forward only, takes several inputs, and a loss', async () => {
    const model = new nn.Bilinear(3, 4, 2);
    const inputs = [randn([5, 3]), randn([5, 4])];
    const ahead = await profile(model, inputs, { ...quick, backward: false });
    expect(ahead.ops.every(({ phase }) => phase === 'forward')).toBe(true);
    let calls = 0;
    const loss = (output: unknown): Tensor => {
      calls++;
      return (output as Tensor).square().mean();
    };
    const both = await profile(model, inputs, { steps: 2, warmup: 1, loss });
    expect(calls).toBe(3);
    expect(op(both, 'square')?.calls ?? op(both, 'mul')?.calls).toBe(1);
    expect(both.ops.some(({ phase }) => phase === 'backward')).toBe(true);
  });

  it('refuses what it cannot run, and lets go of the model when forward throws', async () => {
    const model = new nn.Linear(3, 2);
    await expect(profile('net' as unknown as nn.Module, ones([1]))).rejects.toThrow(ArgumentError);
    await expect(profile(model, ones([1, 3]), { steps: 0 })).rejects.toThrow(/steps must be/);
    await expect(profile(model, ones([1, 3]), 2 as never)).rejects.toThrow(/options must be an object/);
    await expect(profile(new nn.ReLU(), ones([1, 3]), { backward: true })).rejects.toThrow(
      /nothing that needs a gradient/,
    );
    await expect(profile(model, ones([1, 4]), quick)).rejects.toThrow(NablaError);
    expect(Object.hasOwn(model, 'forward')).toBe(false);
    expect((await profile(model, ones([1, 3]), quick)).layers.length).toBe(1);
  });
});

describe('profiler.start', () => {
  it('profiles a plain loop by steps', () => {
    const x = randn([16, 16]).requiresGrad_();
    const optimizer = new optim.SGD([x], { lr: 0.1 });
    const prof = profiler.start();
    for (let i = 0; i < 3; i++) {
      optimizer.zeroGrad();
      matmul(x, x).sum().backward();
      profiler.recordFunction('update', () => optimizer.step());
      prof.step();
    }
    const found = prof.stop();
    expect(prof.stop()).toBe(found);
    expect(found.steps).toBe(3);
    expect(op(found, 'matmul')).toMatchObject({ calls: 1, flops: 2 * 16 ** 3, bytes: 3 * 16 * 16 * 4 });
    expect(op(found, 'matmul', 'backward')).toMatchObject({ calls: 2, flops: 4 * 16 ** 3 });
    expect(op(found, 'optimStep', 'other')).toMatchObject({ calls: 1, flops: 0 });
    expect(found.layers).toEqual([]);
    const text = found.table();
    expect(text).toMatch(/^op +phase +calls +ms +share +JavaScript ms +GFLOP\/s +GB\/s$/m);
    expect(text).toMatch(/^matmul +backward +2 /m);
    expect(text).toMatch(/ms on the stream a step, .* GFLOP\/s, 3 steps in /);
    expect(found.table({ by: 'ops', rows: 2 }).split('\n').length).toBe(5);
    expect(String(found)).toBe(text);
  });

  it('shows several models by their names, and ends with its block', () => {
    const [encoder, decoder] = [new nn.Linear(4, 3), new nn.Linear(3, 4)];
    const prof = profiler.start({ model: { encoder, decoder } });
    noGrad(() => decoder.forward(encoder.forward(ones([2, 4]))));
    prof[Symbol.dispose]();
    expect(prof.stop().layers.map(({ name }) => name)).toEqual(['encoder', 'decoder']);
    expect(prof.stop().table()).toMatch(/^encoder +Linear +float32 \[2, 3\]/m);
  });

  it('takes one profile at a time and goes on after an op that throws', () => {
    const prof = profiler.start();
    expect(() => profiler.start()).toThrow(/another profile/);
    expect(() => matmul(ones([2, 3]), ones([2, 3]))).toThrow(NablaError);
    ones([2, 2]).exp();
    const found = prof.stop();
    expect(op(found, 'exp')).toMatchObject({ calls: 1 });
    expect(() => profiler.start({ maxTasks: 0 })).toThrow(ArgumentError);
    expect(() => profiler.start({ model: 3 as never })).toThrow(ArgumentError);
    expect(() => found.table({ by: 'time' as never })).toThrow(ArgumentError);
    expect(() => found.table({ rows: 0 })).toThrow(ArgumentError);
  });

  it('notes at most so many tasks', () => {
    const x = ones([4]);
    const prof = profiler.start({ maxTasks: 5 });
    for (let i = 0; i < 20; i++) x.exp();
    const found = prof.stop();
    expect(found.dropped).toBe(15);
    expect(found.table()).toContain('15 tasks were not noted');
  });

  it('changes no number: second derivatives with and without it', () => {
    const run = (): number[] => {
      const x = ones([3]).mul(0.5).requiresGrad_();
      const [g] = autograd.grad(x.exp().mul(x).sum(), [x], { createGraph: true });
      const [gg] = autograd.grad((g as Tensor).square().sum(), [x]);
      return Array.from((gg as Tensor).dataSync(), Number);
    };
    const want = run();
    const prof = profiler.start();
    const got = run();
    prof.stop();
    expect(got).toEqual(want);
  });
});

describe('a profile', () => {
  let folder: string;
  let found: Profile;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'nabla-profiler-'));
    found = await profile(models.deepConvNet(), randn([2, 1, 28, 28]), { steps: 2, warmup: 0 });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('is written as a trace: ops lie in their modules, and no task runs before its op began', async () => {
    const path = join(folder, 'trace.json');
    await found.saveTrace(path);
    const { traceEvents } = JSON.parse(readFileSync(path, 'utf8')) as { traceEvents: TraceEvent[] };
    expect(traceEvents).toEqual(JSON.parse(JSON.stringify(found.chromeTrace().traceEvents)));
    const complete = traceEvents.filter(({ ph }) => ph === 'X');
    for (const { name, ts = -1, dur = -1, pid, tid } of complete) {
      expect(ts, name).toBeGreaterThanOrEqual(0);
      expect(dur, name).toBeGreaterThanOrEqual(0);
      expect((ts + dur) / 1000, name).toBeLessThanOrEqual(found.wallTime);
      expect([pid, [1, 2].includes(tid)]).toEqual([1, true]);
    }
    const names = traceEvents.filter(({ ph }) => ph === 'M').map(({ args }) => args.name);
    expect(names).toContain('stream: tasks');
    const of = (cat: string) => complete.filter((event) => event.cat === cat);
    const modules = of('module');
    expect(modules.filter(({ name }) => name === '0: Conv2d').length).toBe(2); // one a step
    const convolutions = of('op').filter(({ name }) => name === 'convolution');
    expect(convolutions.length).toBe(12);
    for (const { ts = 0, dur = 0, args } of convolutions) {
      const around = modules.filter((m) => (m.ts ?? 0) <= ts && ts + dur <= (m.ts ?? 0) + (m.dur ?? 0) + 1e-3);
      expect(around.map(({ name }) => name)).toContain(`${args.module}: Conv2d`);
    }
    const [first] = convolutions;
    expect(first.args).toMatchObject({
      module: '0',
      phase: 'forward',
      step: 0,
      inputs: ['float32 [2, 1, 28, 28]', 'float32 [16, 1, 3, 3]', 'float32 [16]'],
      outputs: ['float32 [2, 16, 28, 28]'],
      flops: 2 * 2 * 28 * 28 * 9 * 16,
    });
    const tasks = of('task').filter(({ name, args }) => args.op === 'convolution' && name === 'convolution');
    expect(tasks.length).toBe(12);
    const clock = 50; // the two clocks are read one after the other
    tasks.forEach((task, i) => {
      expect(task.ts ?? 0).toBeGreaterThanOrEqual((convolutions[i].ts ?? 0) - clock);
    });
    expect(of('pass').length).toBe(2);
    expect(of('label').map(({ name }) => name)).toEqual(['loss', 'loss']);
  });

  it('is drawn by class and layer by layer', async () => {
    const svg = join(folder, 'where.svg');
    await found.saveChart(svg, { title: 'DeepConvNet' });
    const text = readFileSync(svg, 'utf8');
    for (const part of [
      'DeepConvNet',
      'by class',
      'layer by layer',
      '12 Conv2d',
      'MaxPool2d',
      'forward',
      'backward',
      ' %',
    ]) {
      expect(text).toContain(part);
    }
    const png = join(folder, 'where.png');
    await found.saveChart(png);
    const { format, width, height = 0 } = await sharp(png).metadata();
    expect([format, width]).toEqual(['png', 2000]);
    expect(height).toBeGreaterThan(1000);
    await expect(found.saveChart(join(folder, 'where.gif'))).rejects.toThrow(/\.png or \.svg/);
    const prof = profiler.start();
    ones([1]).exp();
    await expect(prof.stop().saveChart(png)).rejects.toThrow(/knows no layers/);
  });

  it('prints a table of layers', () => {
    const lines = found.table().split('\n');
    expect(lines[0]).toMatch(/^layer +type +output +forward ms +backward ms +share +MFLOP +GFLOP\/s +MB$/);
    expect(lines[2]).toMatch(
      /^0 +Conv2d +float32 \[2, 16, 28, 28\] +\d+\.\d{3} +\d+\.\d{3} +\d+\.\d % +0\.9 +\d+\.\d +0\.2$/,
    );
    expect(found.table({ by: 'ops' })).toMatch(/^convolution +forward +6 /m);
  });
});
