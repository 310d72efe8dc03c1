// Runs the same work in several processes in turn (A B A B ...), so that a slow spell of the machine hits all of them.
import { type ChildProcess, spawn } from 'node:child_process';
import { cpus } from 'node:os';
import { createInterface } from 'node:readline';

/** A process that runs steps when told to. */
export interface Contestant {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** What was measured; `times` is empty when the contestant could not run. */
export interface Measurement {
  readonly name: string;
  readonly description: string;
  readonly times: number[];
  /** The same times, turn by turn. */
  readonly rounds: number[][];
  readonly peakRssMb: number;
  readonly error?: string;
}

interface Reply {
  ready?: string;
  times?: number[];
  peakRssMb?: number;
  /** This contestant cannot run the task. */
  error?: string;
}

class Worker {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #stderr = '';

  constructor({ command, args, env }: Contestant) {
    this.#process = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
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
    if (line.done) throw new Error(this.#stderr.trim().split('\n').at(-1) || 'the process ended');
    return JSON.parse(line.value) as Reply;
  }

  run(steps: number, task?: string): Promise<Reply> {
    this.#process.stdin?.write(task === undefined ? `${steps}\n` : `${task} ${steps}\n`);
    return this.reply();
  }

  stop(): void {
    this.#process.kill();
  }
}

/** How {@link interleave} runs. */
export interface Plan {
  /** Steps of a contestant before the next one has its turn. */
  readonly steps: number;
  readonly rounds: number;
  /** Steps that are not counted, at the start. */
  readonly warmup: number;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

async function attempt(result: Mutable<Measurement>, work: () => Promise<void>): Promise<void> {
  if (result.error !== undefined) return;
  try {
    await work();
  } catch (error) {
    result.error = error instanceof Error ? error.message : String(error);
  }
}

/** Contestants that stay alive for several measurements. */
export class Contest {
  readonly #runs: { worker: Worker; start: Mutable<Measurement> }[];

  constructor(contestants: readonly Contestant[]) {
    this.#runs = contestants.map((contestant) => ({
      worker: new Worker(contestant),
      start: { name: contestant.name, description: '', times: [], rounds: [], peakRssMb: 0 },
    }));
  }

  /** Waits until all are ready. */
  async start(): Promise<void> {
    for (const { worker, start } of this.#runs) {
      await attempt(start, async () => {
        start.description = (await worker.reply()).ready ?? '';
      });
    }
  }

  /** Times all contestants in turn. */
  async measure(plan: Plan, task?: string): Promise<Measurement[]> {
    const runs = this.#runs.map(({ worker, start }) => ({ worker, result: { ...start, times: [], rounds: [] } }));
    const turn = (run: { worker: Worker; result: Mutable<Measurement> }, steps: number, counts: boolean) =>
      attempt(run.result, async () => {
        const { times = [], peakRssMb = 0, error } = await run.worker.run(steps, task);
        if (error !== undefined) throw new Error(error);
        if (!counts) return;
        run.result.times.push(...times);
        run.result.rounds.push(times);
        run.result.peakRssMb = Math.max(run.result.peakRssMb, peakRssMb);
      });
    for (const run of runs) await turn(run, plan.warmup, false);
    for (let round = 0; round < plan.rounds; round++) for (const run of runs) await turn(run, plan.steps, true);
    return runs.map(({ result }) => result);
  }

  stop(): void {
    for (const { worker } of this.#runs) worker.stop();
  }
}

/** Times all contestants in turn. */
export async function interleave(contestants: readonly Contestant[], plan: Plan): Promise<Measurement[]> {
  const contest = new Contest(contestants);
  await contest.start();
  const results = await contest.measure(plan);
  contest.stop();
  return results;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The rival's median through ours, turn by turn; of these the median: a slow spell then hits both sides alike. */
export function ratioText(ours: Measurement, rival: Measurement): string {
  const turns = Math.min(ours.rounds.length, rival.rounds.length);
  if (ours === rival || turns === 0) return '';
  const ratios = Array.from({ length: turns }, (_, i) => median(rival.rounds[i]) / median(ours.rounds[i]));
  return median(ratios).toFixed(2);
}

/** A Markdown table; the first row is nabla's. */
export function table(title: string, results: readonly Measurement[]): string {
  const [ours] = results;
  const lines = [`## ${title}`, '', machine(), ''];
  lines.push('| | median ms | min ms | spread (p10–p90) | rival / nabla | peak RSS MB |', '|---|---|---|---|---|---|');
  for (const r of results) {
    if (r.error !== undefined || r.times.length === 0) {
      lines.push(`| ${r.name} | NOT RUN: ${r.error ?? 'no result'} | | | | |`);
      continue;
    }
    const sorted = [...r.times].sort((a, b) => a - b);
    const at = (q: number): string => sorted[Math.floor(q * (sorted.length - 1))].toFixed(1);
    const numbers = `${median(r.times).toFixed(2)} | ${sorted[0].toFixed(2)} | ${at(0.1)}–${at(0.9)}`;
    lines.push(`| ${r.name} (${r.description}) | ${numbers} | ${ratioText(ours, r)} | ${r.peakRssMb.toFixed(0)} |`);
  }
  return `${lines.join('\n')}\n`;
}

export function machine(): string {
  const list = cpus();
  return `${list[0]?.model.trim() ?? 'unknown processor'}, ${list.length} cores, Node ${process.version}, ${process.platform}-${process.arch}`;
}
