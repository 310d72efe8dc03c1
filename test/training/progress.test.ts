import { describe, expect, it } from 'vitest';
import { formatValue, formatValues, Progress } from '../../lib/training/progress.js';

class Sink {
  text = '';
  constructor(readonly isTTY: boolean) {}
  readonly columns = 200;
  write(text: string): boolean {
    this.text += text;
    return true;
  }
  cursorTo(): void {}
  moveCursor(): void {}
  clearLine(): void {}
  getWindowSize(): [number, number] {
    return [200, 40];
  }
}

const ESCAPE = String.fromCharCode(27);

describe('Progress', () => {
  it('writes plain lines where the output is no terminal', () => {
    const sink = new Sink(false);
    const progress = new Progress({ stream: sink, plainInterval: 0 });
    progress.start('epoch 1/2', 600);
    progress.update(100, { loss: 0.52346, 'images/s': 4512.7 });
    progress.finish({ loss: 0.4, accuracy: 0.875 });
    const lines = sink.text.split('\n');
    expect(lines[0]).toBe('epoch 1/2  100/600 | loss 0.5235 | images/s 4,513');
    expect(lines[1]).toMatch(/^epoch 1\/2 {2}\d+\.\d s \| loss 0\.4000 \| accuracy 0\.8750$/);
    expect(lines[2]).toBe('');
    expect(sink.text).not.toContain(ESCAPE);
  });

  it('keeps quiet between plain lines', () => {
    const sink = new Sink(false);
    const progress = new Progress({ stream: sink });
    progress.start('epoch', 100);
    for (let i = 1; i <= 100; i++) progress.update(i);
    expect(sink.text).toBe('');
    progress.finish();
    expect(sink.text).toMatch(/^epoch {2}\d+\.\d s\n$/);
  });

  it('draws a bar on a terminal and leaves one line', () => {
    const sink = new Sink(true);
    const progress = new Progress({ stream: sink });
    progress.start('epoch 1/1', 10);
    progress.update(10, { loss: 0.5 });
    progress.finish({ loss: 0.5 });
    expect(sink.text).toContain('epoch 1/1 [');
    expect(sink.text).toContain('10/10');
    expect(sink.text).toMatch(/epoch 1\/1 {2}\d+\.\d s \| loss 0\.5000\n$/);
    // Neither the cursor nor the line wrap may stay switched off.
    expect(sink.text).not.toContain(`${ESCAPE}[?25l`);
    expect(sink.text).not.toContain(`${ESCAPE}[?7l`);
  });

  it('closes a running bar when the next begins, and stops without a line', () => {
    const sink = new Sink(true);
    const progress = new Progress({ stream: sink });
    progress.start('first', 3);
    progress.start('second', 3);
    progress.stop();
    progress.stop();
    expect(sink.text).not.toMatch(/\d s/);
  });
});

describe('formatValue', () => {
  it.each([
    [0, '0'],
    [3, '3'],
    [0.52345678, '0.5235'],
    [123.456, '123.5'],
    [-2.5, '-2.5000'],
    [0.00001234, '1.23e-5'],
    [4512.7, '4,513'],
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
  ])('%d is %s', (value, text) => expect(formatValue(value)).toBe(text));

  it('joins names and numbers', () => {
    expect(formatValues({ loss: 0.5, epoch: 2 })).toBe('loss 0.5000 | epoch 2');
    expect(formatValues({})).toBe('');
  });
});
