// Work in worker threads: each loads a module of the user and calls its default export.
import { Worker } from 'node:worker_threads';
import { ArgumentError, valueText } from '../errors.js';
import { WorkerError } from './errors.js';

/** As text, so that it runs from sources, from the package and from a bundle alike: there is no file to find. */
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads');
const loaded = import(workerData.module);
loaded.catch(() => undefined);
const waiting = new Map();
const plain = (error) => error instanceof Error
  ? { name: error.name, message: error.message, stack: error.stack, text: true }
  : { value: String(error) };
let asked = 0;
parentPort.on('message', async ({ id, job, answer, refused }) => {
  if (job === undefined) {
    const [resolve, reject] = waiting.get(id);
    waiting.delete(id);
    if (refused === undefined) resolve(answer);
    else reject(new Error(refused));
    return;
  }
  const ask = (question) => new Promise((resolve, reject) => {
    const number = ++asked;
    waiting.set(number, [resolve, reject]);
    parentPort.postMessage({ id: number, question });
  });
  try {
    const fn = (await loaded).default;
    if (typeof fn !== 'function') throw new TypeError('the module has no function as its default export');
    parentPort.postMessage({ id, result: await fn(workerData.wrap ? wrap(job, ask) : job) });
  } catch (error) {
    parentPort.postMessage({ id, error: plain(error) });
  }
});
function wrap(job, ask) {
  let prune = false;
  return {
    ...job,
    report: async (value, step) => { prune = await ask({ value, step }); return prune; },
    shouldPrune: () => prune,
  };
}
`;

/** What a worker asks in the middle of a job. */
export interface Question {
  readonly value: number;
  readonly step: number;
}

interface Message {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: { name?: string; message?: string; stack?: string; value?: string };
  readonly question?: Question;
}

/** @internal An error of a worker, as an error of this thread. */
function errorOf({ name, message, stack, value }: NonNullable<Message['error']>): Error {
  if (message === undefined) return new Error(value);
  const error = new Error(message);
  error.name = name ?? 'Error';
  if (stack) error.stack = stack;
  return error;
}

/** What the worker is told: an answer, or why there is none. */
function answerTo(question: Question, answer: (question: Question) => boolean): object {
  try {
    return { answer: answer(question) };
  } catch (error) {
    return { refused: (error as Error).message };
  }
}

/** @internal A number of lanes; each runs one job at a time in a worker of its own, which is replaced when it dies. */
export class WorkerLanes {
  private readonly lanes: (Worker | null)[];
  private readonly module: string;
  private readonly wrap: boolean;

  constructor(op: string, module: URL, lanes: number, options: { wrap: boolean }) {
    if (!(module instanceof URL)) {
      throw new ArgumentError(op, `worker threads need the URL of a module, got ${valueText(module)}`, module);
    }
    this.module = module.href;
    this.lanes = new Array<Worker | null>(lanes).fill(null);
    this.wrap = options.wrap;
  }

  /** Runs a job in lane `lane`, which must be free. */
  run(lane: number, job: unknown, answer: (question: Question) => boolean = () => false): Promise<unknown> {
    const worker = this.lanes[lane] ?? this.start(lane);
    worker.ref();
    return new Promise((resolve, reject) => {
      const end = (act: () => void): void => {
        worker.off('message', onMessage).off('error', onError).off('exit', onExit);
        act();
      };
      const onMessage = ({ id, result, error, question }: Message): void => {
        if (question !== undefined) worker.postMessage({ id, ...answerTo(question, answer) });
        else if (error !== undefined) end(() => reject(errorOf(error)));
        else end(() => resolve(result));
      };
      const gone = (why: string, cause?: unknown): void => {
        this.lanes[lane] = null;
        end(() => reject(new WorkerError('', `the worker thread ended before it had answered: ${why}`, { cause })));
      };
      const onError = (error: Error): void => gone(error.message, error);
      const onExit = (code: number): void => gone(`exit code ${code}`);
      worker.on('message', onMessage).on('error', onError).on('exit', onExit);
      worker.postMessage({ id: 0, job });
    });
  }

  /** Ends all workers; jobs that run are lost. */
  async close(): Promise<void> {
    await Promise.all(this.lanes.map((worker) => worker?.terminate()));
    this.lanes.fill(null);
  }

  private start(lane: number): Worker {
    const worker = new Worker(PROGRAM, { eval: true, workerData: { module: this.module, wrap: this.wrap } });
    // An error without a job must not end the process; the next job finds the lane empty.
    worker
      .on('error', () => undefined)
      .on('exit', () => {
        if (this.lanes[lane] === worker) this.lanes[lane] = null;
      });
    this.lanes[lane] = worker;
    return worker;
  }
}

/** @internal Runs jobs in order, `lanes` at a time. The first failure lets those that run end, and starts no more. */
export async function inLanes(
  count: number,
  lanes: number,
  run: (job: number, lane: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const failures: unknown[] = [];
  const lane = async (_: unknown, number: number): Promise<void> => {
    while (next < count && failures.length === 0) {
      try {
        await run(next++, number);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, count) }, lane));
  if (failures.length > 0) throw failures[0];
}
