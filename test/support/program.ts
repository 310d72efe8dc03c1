// Runs a program of test/runtime/programs in a process of its own. Programs use dist/, as users do.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = new URL('../runtime/programs/', import.meta.url);

export interface Outcome {
  /** Exit code as text, or the signal that ended it. */
  status: string;
  stdout: string;
  stderr: string;
}

export interface ProgramOptions {
  env?: Record<string, string>;
  flags?: readonly string[];
  /** Sent when the program has printed `ready`. */
  signalWhenReady?: NodeJS.Signals;
  /** Milliseconds from there to the signal. Default 0. */
  signalDelay?: number;
  timeoutMs?: number;
}

export function runProgram(name: string, args: readonly string[] = [], options: ProgramOptions = {}): Promise<Outcome> {
  if (!existsSync(new URL('../../dist/index.js', import.meta.url))) throw new Error('dist/ is missing: npm run setup');
  const command = [...(options.flags ?? []), fileURLToPath(new URL(`${name}.mjs`, folder)), ...args];
  const child = spawn(process.execPath, command, {
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const outcome: Outcome = { status: '', stdout: '', stderr: '' };
  let { signalWhenReady } = options;
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    outcome.stdout += chunk;
    if (!signalWhenReady || !outcome.stdout.includes('ready')) return;
    const signal = signalWhenReady;
    signalWhenReady = undefined; // once
    if (!options.signalDelay) child.kill(signal);
    else setTimeout(() => child.kill(signal), options.signalDelay);
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    outcome.stderr += chunk;
  });
  // A program that hangs is a failure with a name, not a test that never ends.
  const timer = setTimeout(() => {
    outcome.stderr += `\nhung for ${options.timeoutMs ?? 60_000} ms`;
    child.kill('SIGKILL');
  }, options.timeoutMs ?? 60_000);
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      outcome.status = String(signal ?? code);
      resolve(outcome);
    });
  });
}

/** How often a scenario is repeated: 20 in CI, 200 in the hardening run. */
export const repetitions = Number(process.env.NABLA_REPEAT ?? 20);

/** Runs `body` `count` times, two at a time. */
export async function repeat(count: number, body: (round: number) => Promise<void>): Promise<number> {
  let next = 0;
  let done = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      await body(next++);
      done++;
    }
  };
  await Promise.all([lane(), lane()]);
  return done;
}
