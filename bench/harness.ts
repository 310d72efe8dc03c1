// Runs the same work in several processes in turn (A B A B ...), so that a slow spell of the machine hits all of them.
import { type ChildProcess, spawn } from 'node:child_process';
import { cpus } from 'node:os';
import { createInterface } from 'node:readline';
import { setTimeout as rest } from 'node:timers/promises';

/** A process that runs steps when told to. */
export interface Contestant {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Why it cannot be started. */
  readonly missing?: string;
}

/** What a worker finds out about one step, beside its time. */
export interface Inspection {
  /** Largest difference to the same step in float64, as a part of the largest value. */
  readonly maxError?: number;
  /** Length of the difference (Frobenius) as a part of the length of the float64 result. */
  readonly normError?: number;
  /** How far the resident memory of the process grows during one step. */
  readonly stepMb?: number;
  /** Floating-point operations of one step. */
  readonly flops?: number;
}

/** What was measured; `times` is empty when the contestant could not run. */
export interface Measurement {
  readonly name: string;
  readonly description: string;
  readonly times: number[];
  /** The same times, turn by turn. */
  readonly rounds: number[][];
  readonly peakRssMb: number;
  readonly inspection?: Inspection;
  readonly error?: string;
}

/** How {@link Contest.measure} runs. */
export interface Plan {
  /** Steps of a contestant before the next one has its turn. */
  readonly steps: number;
  readonly rounds: number;
  /** Steps that are not counted, at the start. */
  readonly warmup: number;
  /** More steps, at most 40, until the slowest contestant's turn lasts this many milliseconds. Default 0. */
  readonly turnMs?: number;
}

interface Reply extends Inspection {
  ready?: string;
  times?: number[];
  peakRssMb?: number;
  names?: string[];
  /** This contestant cannot run the task. */
  error?: string;
}

/** The last line of what a process said before it died, in words for the table. */
export function reasonOf(stderr: string): string {
  const line = stderr.trim().split('\n').at(-1) ?? '';
  if (/ENOENT|No module named|Cannot find (module|package)/.test(stderr)) return `not installed (${line})`;
  return line || 'the process ended';
}

/** Threads of the contestant before spin for some time after its turn, and it leaves the caches to itself. */
const REST_MS = 20;
const LEAD = 2;
const MOST_STEPS = 40;

class Worker {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #closed: Promise<unknown>;
  #stderr = '';

  constructor({ command, args, env }: Contestant) {
    this.#process = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    this.#closed = new Promise((resolve) => this.#process.once('close', resolve));
    this.#process.on('error', (error) => {
      this.#stderr += error.message;
    });
    this.#process.stdin?.on('error', () => {}); // the process is gone; reply() says so
    this.#process.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr += chunk.toString();
    });
    this.#lines = createInterface({ input: this.#process.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  }

  async reply(): Promise<Reply> {
    const line = await this.#lines.next();
    if (!line.done) return JSON.parse(line.value) as Reply;
    await this.#closed; // what it said has arrived by then
    throw new Error(reasonOf(this.#stderr));
  }

  ask(line: string): Promise<Reply> {
    this.#process.stdin?.write(`${line}\n`);
    return this.reply();
  }

  stop(): void {
    this.#process.kill();
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface Run {
  readonly worker: Worker | null;
  readonly result: Mutable<Measurement>;
}

async function attempt({ worker, result }: Run, work: (worker: Worker) => Promise<void>): Promise<void> {
  if (result.error !== undefined || !worker) return;
  try {
    await work(worker);
  } catch (error) {
    result.error = error instanceof Error ? error.message : String(error);
  }
}

/** Contestants that stay alive for several measurements. */
export class Contest {
  readonly #runs: Run[];

  constructor(contestants: readonly Contestant[]) {
    this.#runs = contestants.map((contestant) => ({
      worker: contestant.missing === undefined ? new Worker(contestant) : null,
      result: {
        name: contestant.name,
        description: '',
        times: [],
        rounds: [],
        peakRssMb: 0,
        ...(contestant.missing === undefined ? {} : { error: contestant.missing }),
      },
    }));
  }

  /** Waits until all are ready. */
  async start(): Promise<void> {
    for (const run of this.#runs) {
      await attempt(run, async (worker) => {
        run.result.description = (await worker.reply()).ready ?? '';
      });
    }
  }

  /** Times all contestants in turn, then lets them look at one step. */
  async measure(plan: Plan, task?: string, inspect = false): Promise<Measurement[]> {
    const runs = this.#runs.map(({ worker, result }) => ({ worker, result: { ...result, times: [], rounds: [] } }));
    const slowest: number[] = [];
    const turn = (run: Run, steps: number, counts: boolean) =>
      attempt(run, async (worker) => {
        if (counts) await rest(REST_MS);
        const {
          times = [],
          peakRssMb = 0,
          error,
        } = await worker.ask(task === undefined ? `${steps + LEAD}` : `${task} ${steps + LEAD}`);
        if (error !== undefined) throw new Error(error);
        if (!counts) slowest.push(Math.min(...times));
        if (!counts) return;
        const own = times.slice(LEAD);
        run.result.times.push(...own);
        run.result.rounds.push(own);
        run.result.peakRssMb = Math.max(run.result.peakRssMb, peakRssMb);
      });
    for (const run of runs) await turn(run, plan.warmup, false);
    const enough = Math.ceil((plan.turnMs ?? 0) / Math.max(...slowest, 1e-3));
    const steps = Math.max(plan.steps, Math.min(MOST_STEPS, enough));
    for (let round = 0; round < plan.rounds; round++) for (const run of runs) await turn(run, steps, true);
    if (inspect && task !== undefined) for (const run of runs) await attempt(run, (worker) => look(run, worker, task));
    return runs.map(({ result }) => result);
  }

  /** The tasks that the first contestant knows. */
  async names(): Promise<readonly string[]> {
    return (await this.#runs[0].worker?.ask('names'))?.names ?? [];
  }

  stop(): void {
    for (const { worker } of this.#runs) worker?.stop();
  }
}

async function look({ result }: Run, worker: Worker, task: string): Promise<void> {
  const { error, ...inspection } = await worker.ask(`? ${task}`);
  if (error === undefined) result.inspection = inspection;
}

/** Times all contestants in turn. */
export async function interleave(contestants: readonly Contestant[], plan: Plan): Promise<Measurement[]> {
  const contest = new Contest(contestants);
  await contest.start();
  const results = await contest.measure(plan);
  contest.stop();
  return results;
}

export function machine(): string {
  const list = cpus();
  return `${list[0]?.model.trim() ?? 'unknown processor'}, ${list.length} cores, Node ${process.version}, ${process.platform}-${process.arch}`;
}
