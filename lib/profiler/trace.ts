// Chrome's trace format, which chrome://tracing and Perfetto read.
import type { Task } from './assign.js';
import type { Span } from './recorder.js';

/** An event of a trace: `X` is complete, `M` names a process or a thread. Times are microseconds. */
export interface TraceEvent {
  readonly name: string;
  readonly ph: 'X' | 'M';
  readonly pid: number;
  readonly tid: number;
  readonly cat?: string;
  readonly ts?: number;
  readonly dur?: number;
  readonly args: Readonly<Record<string, unknown>>;
}

/** What a trace file holds. */
export interface ChromeTrace {
  readonly displayTimeUnit: 'ms';
  readonly traceEvents: readonly TraceEvent[];
}

const PROCESS = 1;
const SCRIPT = 1;
const STREAM = 2;

const named = (what: 'process_name' | 'thread_name', tid: number, name: string): TraceEvent => ({
  name: what,
  ph: 'M',
  pid: PROCESS,
  tid,
  args: { name },
});

function argsOf(span: Span | null): Record<string, unknown> {
  if (!span) return {};
  const { module, phase, step, inputs, outputs, flops, bytes } = span;
  return {
    ...(module === null ? {} : { module: module || '(model)' }),
    phase,
    step,
    ...(inputs.length > 0 ? { inputs } : {}),
    ...(outputs.length > 0 ? { outputs } : {}),
    ...(flops > 0 ? { flops } : {}),
    ...(bytes > 0 ? { bytes } : {}),
  };
}

const labelOf = ({ kind, name, module }: Span): string =>
  kind === 'module' ? `${module || '(model)'}: ${name}` : name;

/** @internal `origin`: performance.now() when the profile began. */
export function chromeTrace(spans: readonly Span[], tasks: readonly Task[], origin: number): ChromeTrace {
  const micros = (milliseconds: number): number => Math.round(milliseconds * 1e6) / 1e3;
  const script = spans.map(
    (span): TraceEvent => ({
      name: labelOf(span),
      ph: 'X',
      pid: PROCESS,
      tid: SCRIPT,
      cat: span.kind,
      ts: micros(span.start - origin),
      dur: micros(span.end - span.start),
      args: argsOf(span),
    }),
  );
  const stream = tasks.map(
    ({ name, start, end, span }): TraceEvent => ({
      name,
      ph: 'X',
      pid: PROCESS,
      tid: STREAM,
      cat: 'task',
      ts: micros(start),
      dur: micros(end - start),
      args: { ...(span ? { op: span.name } : {}), ...argsOf(span) },
    }),
  );
  return {
    displayTimeUnit: 'ms',
    traceEvents: [
      named('process_name', SCRIPT, 'nabla'),
      named('thread_name', SCRIPT, 'JavaScript: modules, ops, backward rules'),
      named('thread_name', STREAM, 'stream: tasks'),
      ...script,
      ...stream,
    ],
  };
}
