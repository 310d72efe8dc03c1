/** Base of every error nabla throws. `op` names the function that found the mistake. */
export class NablaError extends Error {
  /** The op or function that threw. */
  readonly op: string;

  constructor(op: string, message: string, options?: ErrorOptions) {
    super(op ? `${op}: ${message}` : message, options);
    this.name = new.target.name;
    this.op = op;
  }
}

/** Any value, as messages show what was passed: short, and never throwing itself. */
export function valueText(value: unknown): string {
  if (Array.isArray(value)) return shapeText(value);
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return String(value);
  const name = Object.getPrototypeOf(value)?.constructor?.name;
  return typeof name === 'string' && name !== 'Object' ? `a value of type ${name}` : 'an object';
}

/** `[2, 3]`, as messages show a shape. */
export function shapeText(shape: readonly unknown[]): string {
  if (!Array.isArray(shape)) return valueText(shape);
  const items = shape.slice(0, 12).map((item) => (Array.isArray(item) ? '[…]' : valueText(item)));
  return `[${items.join(', ')}${shape.length > 12 ? ', …' : ''}]`;
}

/** Shapes, axes or sizes that do not fit together. `shapes` holds what was compared. */
export class ShapeError extends NablaError {
  readonly shapes: readonly (readonly number[])[];

  constructor(op: string, message: string, ...shapes: (readonly number[])[]) {
    super(op, message);
    this.shapes = shapes;
  }
}

/** An element type that the op does not take, or two that do not go together. */
export class DTypeError extends NablaError {
  readonly dtypes: readonly string[];

  constructor(op: string, message: string, ...dtypes: string[]) {
    super(op, message);
    this.dtypes = dtypes;
  }
}

/** A device that is unknown, absent, or different from the other tensor's. */
export class DeviceError extends NablaError {}

/** A tensor was used after `dispose()` or after its scope had closed. */
export class DisposedError extends NablaError {}

/** An argument or option of the wrong type or outside its range. */
export class ArgumentError extends NablaError {
  /** What was passed. */
  readonly value: unknown;

  constructor(op: string, message: string, value?: unknown) {
    super(op, message);
    this.value = value;
  }
}

/** What {@link StateDictError} lists. */
export interface StateDictProblems {
  /** Keys of the module that the state dict has not. */
  readonly missingKeys: readonly string[];
  /** Keys of the state dict that the module has not. */
  readonly unexpectedKeys: readonly string[];
  /** Keys whose tensors have another shape than the module's. */
  readonly misshapenKeys: readonly string[];
}

/** A state dict that does not fit a module. The message names the first keys of each kind, the fields hold all. */
export class StateDictError extends ArgumentError implements StateDictProblems {
  readonly missingKeys: readonly string[];
  readonly unexpectedKeys: readonly string[];
  readonly misshapenKeys: readonly string[];

  constructor(op: string, message: string, given: readonly string[], problems: StateDictProblems) {
    super(op, message, given);
    this.missingKeys = problems.missingKeys;
    this.unexpectedKeys = problems.unexpectedKeys;
    this.misshapenKeys = problems.misshapenKeys;
  }
}

/** A mistake in values that only a kernel could find; it rejects the reads that depend on it. */
export class ValueError extends NablaError {}

/** A gradient that cannot be computed: no graph, a freed graph, a tensor changed in place. */
export class AutogradError extends NablaError {}

/** A file that is truncated, foreign or made to harm. Says what is wrong, and where. */
export class FormatError extends NablaError {
  readonly path: string;
  /** Byte offset of the mistake, where one is known. */
  readonly offset: number | undefined;
  readonly reason: string;

  constructor(op: string, path: string, reason: string, offset?: number) {
    super(op, `${path}: ${reason}${offset === undefined ? '' : ` (at byte ${offset})`}`);
    this.path = path;
    this.offset = offset;
    this.reason = reason;
  }
}

/** An item of a dataset that could not be had: its file is wrong, its annotation lies outside the image, its code threw. */
export class DataError extends NablaError {
  /** The class of the dataset, or its file. */
  readonly dataset: string;
  /** The number of the item; undefined where none is to blame. */
  readonly index: number | undefined;
  /** The items that were to become one batch. */
  readonly indices: readonly number[];
  readonly reason: string;

  constructor(
    op: string,
    at: { dataset: string; index?: number; indices?: readonly number[] },
    reason: string,
    options?: ErrorOptions,
  ) {
    const { dataset, index, indices = index === undefined ? [] : [index] } = at;
    super(op, `${itemText(index, indices)}${dataset}: ${reason}`, options);
    this.dataset = dataset;
    this.index = index;
    this.indices = indices;
    this.reason = reason;
  }
}

function itemText(index: number | undefined, indices: readonly number[]): string {
  if (index !== undefined) return `item ${index} of `;
  if (indices.length === 0) return '';
  const shown = indices.slice(0, 8).join(', ');
  return `items ${shown}${indices.length > 8 ? `, … (${indices.length})` : ''} of `;
}

/** A worker of a DataLoader ended, was too slow, or could not start. */
export class WorkerError extends DataError {
  /** The number of the worker. */
  readonly worker: number;
  /** What the thread ended with, where it ended by itself. */
  readonly exitCode: number | undefined;

  constructor(
    op: string,
    at: { dataset: string; index?: number; indices?: readonly number[]; worker: number; exitCode?: number },
    reason: string,
    options?: ErrorOptions,
  ) {
    super(op, at, reason, options);
    this.worker = at.worker;
    this.exitCode = at.exitCode;
  }
}

/** A file could not be written: the disk is full, the folder read-only. What stood in it before is still there. */
export class WriteError extends NablaError {
  readonly path: string;
  /** The system's name for the reason, such as `ENOSPC` (disk full) or `EACCES`. */
  readonly code: string | undefined;

  constructor(op: string, path: string, cause: unknown) {
    const { message, code } = cause as NodeJS.ErrnoException;
    super(op, `${path} could not be written: ${code === 'ENOSPC' ? 'the disk is full' : message}`, { cause });
    this.path = path;
    this.code = code;
  }
}

/** Memory could not be had, even after every unreachable tensor was collected. */
export class OutOfMemoryError extends NablaError {
  readonly bytes: number;

  constructor(op: string, bytes: number) {
    super(op, `out of memory: ${bytes} bytes could not be allocated`);
    this.bytes = bytes;
  }
}

/** A checkpoint that cannot be written (disk full), or read: damaged, foreign, or made by another model. */
export class CheckpointError extends NablaError {
  readonly path: string;
  readonly reason: string;
  /** The system's code where it refused: `ENOSPC`, `ENOENT`, … */
  readonly code: string | undefined;

  constructor(op: string, path: string, reason: string, options: ErrorOptions & { code?: string } = {}) {
    super(op, `${path}: ${reason}`, options);
    this.path = path;
    this.reason = reason;
    this.code = options.code;
  }
}

/** A callback threw; what it threw is the `cause`. Errors of this library pass through as they are. */
export class CallbackError extends NablaError {
  /** The class of the callback. */
  readonly callback: string;
  /** The hook, such as `onBatchEnd`. */
  readonly hook: string;

  constructor(op: string, callback: string, hook: string, cause: unknown) {
    super(op, `${hook} of ${callback} failed: ${cause instanceof Error ? cause.message : valueText(cause)}`, { cause });
    this.callback = callback;
    this.hook = hook;
  }
}

/** A loss or a gradient is NaN or infinite. Thrown before the step, so the weights are still good. */
export class NonFiniteError extends NablaError {
  /** The optimizer step that was not made, counted from 1. */
  readonly step: number;
  readonly epoch: number;
  /** `loss`, or the names of the parameters whose gradients are not finite. */
  readonly names: readonly string[];

  constructor(op: string, message: string, at: { step: number; epoch: number }, names: readonly string[]) {
    super(op, `${message} in step ${at.step} (epoch ${at.epoch})`);
    this.step = at.step;
    this.epoch = at.epoch;
    this.names = names;
  }
}

/** So much is waiting already that a new request is refused. A server answers 503; trying again later is right. */
export class QueueFullError extends NablaError {
  /** How many requests may wait. */
  readonly limit: number;

  constructor(op: string, limit: number) {
    super(op, `${limit} requests are waiting already`);
    this.limit = limit;
  }
}

/** Something was asked of an object that was closed. */
export class ClosedError extends NablaError {}
