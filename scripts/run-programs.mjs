// Runs test programs, as many at a time as there are processors, and prints each one's output when it ends.
import { spawn, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Runs a command in the root of the project; its exit status, signal or `ETIMEDOUT`. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], ...options });
  if (result.error && result.error.code !== 'ETIMEDOUT') throw result.error;
  return result.error?.code ?? result.signal ?? result.status;
}

/** {@link run}; throws unless the command succeeds. */
export function mustRun(command, args) {
  const status = run(command, args);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${status}`);
}

/** Exit status, signal or error of one program, and what it printed. */
function runOne(command, args, { timeout, env }) {
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout, env });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
    child.on('error', (error) => resolve({ status: error.message, output }));
    child.on('close', (code, signal) => resolve({ status: code ?? signal, output }));
  });
}

/**
 * `programs`: `{ name, command, args }`, the long ones first. Returns the names of those that failed.
 * `options`: `timeout` of one program in milliseconds, `env`.
 */
export async function runPrograms(programs, options) {
  const failures = [];
  const waiting = [...programs];
  const worker = async () => {
    for (let program = waiting.shift(); program; program = waiting.shift()) {
      const started = performance.now();
      const { status, output } = await runOne(program.command, program.args, options);
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      process.stdout.write(output);
      console.log(`${status === 0 ? 'ok' : `FAILED (${status})`}: ${program.name} (${seconds} s)`);
      if (status !== 0) failures.push(program.name);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return failures;
}
