// How long the event loop was held, told apart from how long its thread had to wait for a core.
import { openSync, readSync } from 'node:fs';
import { type IntervalHistogram, monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';

/** Milliseconds that the loop was late. */
export interface LoopDelay {
  p50: number;
  p99: number;
  max: number;
  /** The longest delay without the time in which other programs had the cores; where the system tells (Linux). */
  maxHeld?: number;
  /** The longest collection of garbage, a part of what the loop was held. */
  maxGc: number;
}

const hundredths = (ms: number): number => Math.round(Math.max(0, ms) * 100) / 100;

export class LoopWatch {
  private readonly delay: IntervalHistogram = monitorEventLoopDelay({ resolution: 1 });
  private readonly collections = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) this.maxGc = Math.max(this.maxGc, duration);
  });
  private maxHeld: number | undefined;
  private maxGc = 0;
  private timer: NodeJS.Timeout | undefined;

  /** `held` costs some microseconds each millisecond. */
  constructor(held = false) {
    this.delay.enable();
    this.collections.observe({ entryTypes: ['gc'] });
    if (held) this.watchHeld();
  }

  read(): LoopDelay {
    // The histogram holds whole turns of its timer, one millisecond each.
    const late = (nanoseconds: number): number => hundredths(nanoseconds / 1e6 - 1);
    const { delay, maxHeld } = this;
    const held = maxHeld === undefined ? {} : { maxHeld: hundredths(maxHeld) };
    const [p50, p99, max] = [delay.percentile(50), delay.percentile(99), delay.max].map(late);
    return { p50, p99, max, ...held, maxGc: hundredths(this.maxGc) };
  }

  reset(): void {
    this.delay.reset();
    this.maxGc = 0;
    if (this.maxHeld !== undefined) this.maxHeld = 0;
  }

  close(): void {
    this.delay.disable();
    this.collections.disconnect();
    clearInterval(this.timer);
  }

  private watchHeld(): void {
    let file: number;
    try {
      file = openSync('/proc/self/schedstat', 'r');
    } catch {
      return;
    }
    const buffer = Buffer.alloc(128);
    /** Milliseconds that the main thread was ready and had no core. */
    const waited = (): number =>
      Number(buffer.toString('latin1', 0, readSync(file, buffer, 0, 128, 0)).split(' ')[1]) / 1e6;
    this.maxHeld = 0;
    let [at, before] = [performance.now(), waited()];
    this.timer = setInterval(() => {
      const [now, total] = [performance.now(), waited()];
      this.maxHeld = Math.max(this.maxHeld ?? 0, now - at - 1 - (total - before));
      [at, before] = [now, total];
    }, 1).unref();
  }
}
