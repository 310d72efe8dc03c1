// Every way a process or worker can end while kernels run and reads are pending: no crash, no hang, the right status.
import { describe, expect, it } from 'vitest';
import { type ProgramOptions, repeat, repetitions, runProgram } from '../support/program.js';

const scenarios: [name: string, status: string, output: RegExp, options?: ProgramOptions][] = [
  ['normal', '0', /^$/],
  ['pendingRead', '0', /read 65536/],
  ['exit', '3', /^$/],
  ['exitLater', '3', /^$/],
  ['uncaught', '1', /^$/],
  ['rejection', '1', /^$/],
  ['sigterm', 'SIGTERM', /ready/, { signalWhenReady: 'SIGTERM' }],
  ['workerTerminate', '0', /terminated in [12]?\d{1,3} ms/],
  ['workerTerminateInRead', '0', /terminated in [12]?\d{1,3} ms/],
  ['workerTerminateFullQueue', '0', /terminated in [12]?\d{1,3} ms/],
  ['workerExit', '0', /worker ended with 3/],
  ['workerThrow', '0', /worker ended with on purpose/],
  ['workerNormal', '0', /worker ended with 0/],
  ['mainExitBusyWorkers', '3', /^$/],
  ['mainExitReadingWorkers', '3', /^$/],
];

describe(`exit with work in flight, ${repetitions} times`, () => {
  for (const [name, status, output, options] of scenarios) {
    it(name, { timeout: 30_000 + repetitions * 10_000 }, async () => {
      const done = await repeat(repetitions, async (round) => {
        const outcome = await runProgram('exit', [name], options);
        const text = `round ${round}: ${outcome.stdout}${outcome.stderr}`;
        expect(outcome.status, text).toBe(status);
        expect(outcome.stdout, text).toMatch(output);
        if (status === '1') expect(outcome.stderr, text).toMatch(/on purpose/);
      });
      expect(done).toBe(repetitions);
    });
  }
});
