// NABLA_CPU_ISA: what is asked for is what runs; nonsense is refused instead of ignored.
import { expect, it } from 'vitest';
import { backends } from '../../lib/index.js';
import { runProgram } from '../support/program.js';

it('this run uses the instruction set it was asked for', () => {
  const { isa, supportedIsas } = backends.cpu;
  expect(supportedIsas).toContain(isa);
  expect(isa).toBe(process.env.NABLA_CPU_ISA ?? supportedIsas.at(-1));
});

it('every supported instruction set loads and computes', async () => {
  for (const isa of backends.cpu.supportedIsas) {
    const outcome = await runProgram('isa', [], { env: { NABLA_CPU_ISA: isa } });
    expect(outcome.stdout, outcome.stderr).toBe(`${isa} 12\n`);
  }
});

it('an unknown or absent instruction set is an error that names it', async () => {
  const absent = backends.cpu.supportedIsas.includes('neon') ? 'avx2' : 'neon';
  for (const [isa, message] of [
    ['sse9', /NABLA_CPU_ISA=sse9 is unknown \(baseline, avx2, avx512, neon\)/],
    [absent, new RegExp(`NABLA_CPU_ISA=${absent}: this processor or build does not support it`)],
  ] as const) {
    const outcome = await runProgram('isa', [], { env: { NABLA_CPU_ISA: isa } });
    expect(outcome.status).toBe('1');
    expect(outcome.stderr).toMatch(message);
  }
});
