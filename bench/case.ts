// What a benchmark's row says about itself.

/** A row: what it moves or computes, and what the ratio to PyTorch should be. */
export interface Case {
  readonly name: string;
  readonly text: string;
  /** Bytes that have to be read and written, for GB/s. */
  readonly bytes?: number;
  /** Floating-point operations of the plain algorithm, for GFLOP/s. */
  readonly flops?: number;
  /** The rival's time through ours. */
  readonly target?: number;
  /** The same in words, where it differs by rival. */
  readonly goal?: string;
  /** Most milliseconds. */
  readonly most?: number;
  /** Shown in microseconds. */
  readonly micro?: true;
}
