import { nn, ShapeError, type Tensor, zeros } from '../../lib/index.js';
import { rnnLayer } from '../../lib/ops/layers/rnn.js';
import { type RnnKind, spansOf } from '../../lib/ops/layers/rnn-rule.js';
import { family } from '../support/spec.js';

type Args = {
  kind: RnnKind;
  reverse: boolean;
  counts: number[];
  /** Which input is which: x, h0, w, v, and c0, b, d, p where there are. */
  names: string[];
};

family('rnn', {
  rnnLayer: {
    call: (inputs: Tensor[], { kind, reverse, counts, names }: Args) => {
      const at = (name: string): Tensor => inputs[names.indexOf(name)];
      const maybe = (name: string): Tensor | null => (names.includes(name) ? at(name) : null);
      const weights = {
        inputWeight: at('w'),
        stateWeight: at('v'),
        inputBias: maybe('b'),
        stateBias: maybe('d'),
        project: maybe('p'),
      };
      const spans = counts.every((count) => count === counts[0]) ? null : spansOf(counts);
      return rnnLayer(at('x'), at('h0'), maybe('c0'), weights, { kind, reverse, spans });
    },
    errors: [
      [
        () => new nn.LSTM(3, 4).forward(zeros([5, 2, 4])),
        ShapeError,
        /^LSTM: input \[5, 2, 4\] must end in inputSize 3/,
      ],
      [() => new nn.GRU(3, 4).forward(zeros([5, 2, 3]), zeros([2, 4])), ShapeError, /^GRU: h0 has shape \[2, 4\]/],
    ],
  },
});
