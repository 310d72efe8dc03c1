import { ArgumentError, valueText } from '../errors.js';
import { native } from '../native.js';

/** Counters of {@link memory}, in bytes unless said otherwise. */
export interface MemoryInfo {
  /** Held by live tensors. */
  live: number;
  /** Freed and kept for reuse. */
  cached: number;
  /** Largest value of `live` so far. */
  peak: number;
  /** Work space of the threads. */
  scratch: number;
  /** Number of tensor handles alive. */
  tensors: number;
  /** Collections that the allocator has asked for. */
  minorCollections: number;
  fullCollections: number;
}

/** Memory of this environment's tensors. Drops handles whose tensors were collected first. */
export function memory(): MemoryInfo {
  const { polls: _, ...info } = native.memory();
  return info;
}

/** Starts `memory().peak` anew. */
export const resetPeakMemory = (): void => native.resetPeak();

/** Gives cached memory back to the system. */
export const emptyCache = (): void => native.trim();

/** Threads that one operation uses. Default: the processors this process may use, or `NABLA_NUM_THREADS`. */
export const getNumThreads = (): number => native.threads();

/** Results do not depend on the number of threads, bit for bit. Takes effect in stream order. */
export function setNumThreads(n: number): void {
  if (!Number.isInteger(n) || n < 1 || n > 256) {
    throw new ArgumentError('setNumThreads', `an integer in [1, 256] is needed, got ${valueText(n)}`, n);
  }
  native.setThreads(n);
}

/** Settings of the CPU backend. */
export class CpuBackend {
  #priority: 'normal' | 'background' = 'normal';
  #allowWinograd = true;

  /** The instruction set in use: baseline, avx2, avx512 or neon. `NABLA_CPU_ISA` forces one. */
  get isa(): string {
    return native.isa;
  }

  /** What this machine can run, best last. */
  get supportedIsas(): string[] {
    return native.supportedIsas();
  }

  /** 'background' lets a server's event loop go first; computation may starve when other programs use every core. */
  get priority(): 'normal' | 'background' {
    return this.#priority;
  }

  set priority(value: 'normal' | 'background') {
    if (value !== 'normal' && value !== 'background') {
      throw new ArgumentError(
        'backends.cpu.priority',
        `'normal' or 'background' is needed, got ${valueText(value)}`,
        value,
      );
    }
    this.#priority = value;
    native.setPriority(value === 'background');
  }

  /**
   * Whether float32 convolutions with 3 x 3 kernels may use Winograd's method, which multiplies up to four times less.
   * Its relative error is about 1e-6, and an infinite or NaN input can make its neighbours NaN as well. `false` asks for
   * the plain sum of products. Counts for the operations that follow, backward passes included.
   */
  get allowWinograd(): boolean {
    return this.#allowWinograd;
  }

  set allowWinograd(value: boolean) {
    if (typeof value !== 'boolean') {
      throw new ArgumentError('backends.cpu.allowWinograd', `true or false is needed, got ${valueText(value)}`, value);
    }
    this.#allowWinograd = value;
    native.setAllowWinograd(value);
  }
}

/** Settings of the devices. */
export const backends = { cpu: new CpuBackend() };
