import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  ArgumentError,
  callbacks,
  manualSeed,
  nn,
  optim,
  randn,
  Trainer,
  tensor,
  WriteError,
  zeros,
} from '../../lib/index.js';
import { Message, type ReadEvent, readEvents } from '../support/event-file.js';
import { liveTensors } from '../support/garbage.js';

const root = mkdtempSync(join(tmpdir(), 'nabla-board-'));
afterAll(() => rmSync(root, { recursive: true }));
let folders = 0;

function setUp(options: callbacks.TensorBoardOptions = {}, logDir = join(root, String(folders++))) {
  manualSeed(3);
  const model = new nn.Sequential(new nn.Linear(4, 3), new nn.ReLU(), new nn.Linear(3, 2));
  const groups = model.layers.flatMap((layer, i) =>
    i === 1 ? [] : [{ params: layer.parameters(), lr: 0.1 * (i + 1) }],
  );
  const optimizer = new optim.SGD(groups, { lr: 0.1 });
  const board = new callbacks.TensorBoard(logDir, options);
  const trainer = new Trainer({ model, loss: new nn.CrossEntropyLoss(), optimizer, callbacks: [board] });
  const batches = Array.from(
    { length: 3 },
    () => [randn([6, 4]), tensor([0, 1, 0, 1, 1, 0], { dtype: 'int64' })] as const,
  );
  return { model, trainer, board, batches, logDir };
}

const scalars = (events: readonly ReadEvent[], tag: string): [number, number][] =>
  events.filter((event) => event.tag === tag).map(({ step, value }) => [step, (value as Message).float(2)]);

describe('TensorBoard', () => {
  it('writes the log of each epoch, validation into a run of its own', async () => {
    const { trainer, batches, logDir } = setUp({ steps: 2 });
    const { epochs } = await trainer.fit(batches, { epochs: 2, validation: batches, progress: false });
    const train = readEvents(join(logDir, 'train'));
    const validation = readEvents(join(logDir, 'validation'));
    const column = (name: string): [number, number][] => epochs.map((log, i) => [3 * (i + 1), Math.fround(log[name])]);
    expect(scalars(train, 'loss')).toEqual(column('loss'));
    expect(scalars(train, 'seconds')).toEqual(column('seconds'));
    expect(scalars(train, 'epoch')).toEqual(column('epoch'));
    expect(scalars(validation, 'loss')).toEqual(column('valLoss'));
    expect(scalars(train, 'learningRate/0')).toEqual([
      [3, Math.fround(0.1)],
      [6, Math.fround(0.1)],
    ]);
    expect(scalars(train, 'learningRate/1').map(([, rate]) => rate)).toEqual([0.1 * 3, 0.1 * 3].map(Math.fround));
    const losses = scalars(train, 'step/loss');
    expect(losses.map(([step]) => step)).toEqual([2, 4, 6]);
    for (const [, loss] of losses) expect(loss).toBeGreaterThan(0);
  });

  it('writes weights and gradients every n epochs', async () => {
    const { trainer, batches, logDir, model } = setUp({ histograms: 2 });
    await trainer.fit(batches, { epochs: 3, progress: false });
    const events = readEvents(join(logDir, 'train')).filter(({ value }) => value?.has(5));
    const names = ['0.weight', '0.bias', '2.weight', '2.bias'];
    expect(events.map(({ tag, step }) => [tag, step])).toEqual([
      ...names.map((name) => [`gradients/${name}`, 4]),
      ...names.map((name) => [`weights/${name}`, 6]),
    ]);
    const counts = events.map(({ value }) => value?.message(5).double(3));
    expect(counts).toEqual([12, 3, 6, 2, 12, 3, 6, 2]);
    const gradients = events[0].value?.message(5) as Message;
    expect(gradients.double(2)).toBeGreaterThan(gradients.double(1));
    expect(model.parameters()).toHaveLength(4);
  });

  it('writes images and the graph, and keeps no tensor', async () => {
    const image = zeros([2, 1, 4, 4], { dtype: 'uint8' });
    const { trainer, batches, logDir } = setUp({
      graph: zeros([1, 4]),
      images: { fixed: image, filters: async ({ model }) => model.parameters()[0].unsqueeze(0).unsqueeze(0).abs() },
      hparams: { lr: 0.1 },
    });
    await trainer.fit(batches, { progress: false });
    const before = liveTensors();
    await trainer.fit(batches, { epochs: 2, progress: false });
    expect(liveTensors()).toBe(before);
    expect(existsSync(join(logDir, 'train', 'hparams'))).toBe(true);
  });

  it('writes the fixed parts once, and hides what a crashed run left', async () => {
    const logDir = join(root, String(folders++));
    const { trainer, batches } = setUp({ graph: zeros([1, 4]), images: { fixed: zeros([1, 1, 2, 2]) } }, logDir);
    await trainer.fit(batches, { progress: false });
    const first = readEvents(join(logDir, 'train'));
    const graph = first.find(({ event }) => event.has(4));
    const nodes = new Message((graph as ReadEvent).event.bytes(4)).messages(1).map((node) => node.text(1));
    expect(nodes).toContain('Sequential/0/linear');
    expect(first.filter(({ tag }) => tag === 'fixed').map(({ step }) => step)).toEqual([0]);
    rmSync(join(logDir, 'train'), { recursive: true });
    await trainer.fit(batches, { progress: false });
    const second = readEvents(join(logDir, 'train'));
    expect(second.some(({ event, tag }) => event.has(4) || tag === 'fixed')).toBe(false);
    const [start] = second.filter(({ event }) => event.has(7));
    expect([start.step, start.event.message(7).int(1)]).toEqual([4, 1]);
  });

  it('offers its writer while the trainer runs', async () => {
    const { trainer, board, batches, logDir } = setUp();
    expect(() => board.writer).toThrow(/while the trainer runs/);
    const stop = new Trainer({
      model: trainer.model,
      loss: new nn.CrossEntropyLoss(),
      optimizer: trainer.optimizer,
      callbacks: [{ onBatchEnd: (batch) => board.writer.addScalar('own', batch, batch) }, board],
    });
    await stop.fit(batches, { progress: false });
    expect(scalars(readEvents(join(logDir, 'train')), 'own')).toEqual([
      [0, 0],
      [1, 1],
      [2, 2],
    ]);
  });

  it('ends the training with a WriteError when nothing can be written', async () => {
    const logDir = join(root, String(folders++));
    writeFileSync(logDir, '');
    const { trainer, batches } = setUp({}, logDir);
    await expect(trainer.fit(batches, { progress: false })).rejects.toThrow(WriteError);
    expect(trainer.history.epochs).toHaveLength(1);
  });

  it('refuses options of the wrong kind', () => {
    expect(() => new callbacks.TensorBoard('')).toThrow(/^TensorBoard: logDir must be a path, got ""/);
    expect(() => new callbacks.TensorBoard('a', { histograms: -1 })).toThrow(
      /histograms must be an integer >= 0, got -1/,
    );
    expect(() => new callbacks.TensorBoard('a', { images: { x: 5 as never } })).toThrow(ArgumentError);
  });
});
