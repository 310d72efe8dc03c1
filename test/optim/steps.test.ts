// 100 steps of each optimizer against PyTorch's.
import { describe, expect, it } from 'vitest';
import { type optim, scope } from '../../lib/index.js';
import {
  expectNear,
  FAMILIES,
  loadFixture,
  make,
  makeParams,
  type OptimCase,
  type OptimFixture,
  roundingOf,
  SAVED,
  STEPS,
  setGrads,
  type Tensor,
  torchState,
  values,
} from './fixture.js';

/** Steps [from, to), calling `after` behind each. */
function run(
  fixture: OptimFixture,
  testCase: OptimCase,
  o: optim.Optimizer<object>,
  params: Tensor[],
  from: number,
  after: (done: number) => void,
): void {
  for (let step = from; step < STEPS; step++) {
    scope(() => {
      setGrads(fixture, testCase, params, step);
      o.step();
      after(step + 1);
    });
  }
}

for (const family of FAMILIES) {
  const fixture = loadFixture(family);
  describe(family, () => {
    for (const testCase of fixture.cases) {
      const { optimizer, options } = testCase;
      const name = `${optimizer} ${JSON.stringify(options)}`;
      for (const [dtype, layout] of [
        ['float32', 'contiguous'],
        ['float64', 'contiguous'],
        ['float64', 'channelsLast'],
        ['float64', 'gaps'],
      ] as const) {
        it(`${name} ${dtype} ${layout}: every step equals PyTorch's`, () => {
          const params = makeParams(fixture, dtype, layout);
          const o = make(optimizer, params, options);
          let compared = 0;
          run(fixture, testCase, o, params, 0, (done) => {
            const want = testCase[dtype][done];
            if (!want) return;
            const tolerance = dtype === 'float64' ? 1e-12 : 1e-6 + roundingOf(fixture, testCase, done);
            expectNear(fixture, params, want, tolerance);
            compared++;
          });
          expect(compared).toBe(3);
        });
      }
      it(`${name} goes on exactly where it was saved`, () => {
        const whole = makeParams(fixture, 'float32', 'contiguous');
        const o = make(optimizer, whole, options);
        let resumed: Tensor[] = [];
        let p = o;
        run(fixture, testCase, o, whole, STEPS - 17, (done) => {
          if (resumed.length > 0) {
            setGrads(fixture, testCase, resumed, done - 1);
            p.step();
          }
          if (done !== STEPS - 10) return;
          resumed = whole.map((param) => param.detach().clone().requiresGrad_().keep());
          p = make(optimizer, resumed);
          p.loadStateDict(o.stateDict());
          p.loadStateDict(p.stateDict()); // its own: must not lose anything
        });
        expect(resumed.map(values)).toEqual(whole.map(values));
        expect(values(whole[0])).not.toEqual(fixture.params[0]);
      });
      if (testCase.state) {
        const { state } = testCase;
        it(`${name} goes on from PyTorch's state dict`, () => {
          const params = makeParams(fixture, 'float64', 'contiguous', testCase.float64[SAVED]);
          const o = make(optimizer, params);
          o.loadStateDict(torchState(state));
          run(fixture, testCase, o, params, SAVED, () => undefined);
          expectNear(fixture, params, testCase.float64[STEPS], 1e-12);
        });
      }
      if (testCase.bfloat16) {
        const { bfloat16 } = testCase;
        it(`${name} stays near PyTorch, which rounds the iteration to bfloat16`, () => {
          const params = makeParams(fixture, 'float32', 'contiguous');
          const o = make(optimizer, params, options);
          run(fixture, testCase, o, params, 0, () => undefined);
          const worst = expectNear(fixture, params, bfloat16[STEPS], 0.05);
          expect(worst).toBeGreaterThan(0);
        });
      }
    }
  });
}
