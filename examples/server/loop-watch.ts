// How long the event loop was held, told apart from how long its thread had to wait for a core.
import { openSync, readSync } from 'node:fs';
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';

/** Milliseconds that the loop was late. */
export interface LoopDelay {
  p50: number;
  p99: number;
  max: number;
  /** The longest delay without the time in which other programs had the cores; where the system tells (Linux). */
  maxHeld?: number;
}

const hundredths = (ms: number): number => Math.round(Math.max(0, ms) * 100) / 100;

export class LoopWatch {
  private readonly delay: IntervalHistogram = monitorEventLoopDelay({ resolution: 1 });
  private maxHeld: number | undefined;
  private timer: NodeJS.Timeout | undefined;

  /** `held` costs some microseconds each millisecond. */
  constructor(held = false) {
    this.delay.enable();
    if (held) this.watchHeld();
  }

  read(): LoopDelay {
    // The histogram holds whole turns of its timer, one millisecond each.
    const late = (nanoseconds: number): number => hundredths(nanoseconds / 1e6 - 1);
    const { delay, maxHeld } = this;
    const held = maxHeld === undefined ? {} : { maxHeld: hundredths(maxHeld) };
    return { p50: late(delay.percentile(50)), p99: late(delay.percentile(99)), max: late(delay.max), ...held };
  }

  reset(): void {
    this.delay.reset();
    if (this.maxHeld !== undefined) this.maxHeld = 0;
  }

  close(): void {
    this.delay.disable();
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
