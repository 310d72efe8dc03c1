// Recurrent layers over sequences of different lengths, and a small GPT; sequences.py has the same cases.
import * as nabla from 'nabla';
import { randn, serve } from './runner.mjs';

const { F, manualSeed, models, nn, noGrad, optim, randint, scope } = nabla;

const VOCABULARY = 96;
const gpt = () => {
  manualSeed(0);
  const off = { residPdrop: 0, embdPdrop: 0, attnPdrop: 0 };
  return new models.GPT({ vocabSize: VOCABULARY, nPositions: 256, nEmbd: 384, nLayer: 6, nHead: 6, ...off });
};

const cases = {
  lstm() {
    manualSeed(0);
    const lstm = new nn.LSTM(128, 256, { numLayers: 2, bidirectional: true });
    const x = randn([50, 64, 128]);
    const lengths = Array.from({ length: 64 }, (_, i) => 5 + ((i * 29) % 46));
    const packed = nn.utils.rnn.packPaddedSequence(x, lengths, { enforceSorted: false });
    const g = randn([packed.data.shape[0], 512]);
    return () => {
      lstm.zeroGrad();
      const [output] = lstm.forward(packed);
      output.data.backward({ gradient: g });
    };
  },
  'gpt step'() {
    const model = gpt();
    const optimizer = new optim.AdamW(model.parameters(), { lr: 3e-4 });
    const tokens = randint(0, VOCABULARY, [8, 257]);
    return () => {
      const logits = model.forward(tokens.narrow(1, 0, 256));
      const loss = F.crossEntropy(logits.flatten(0, 1), tokens.narrow(1, 1, 256).flatten());
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss;
    };
  },
  'gpt decoding'() {
    const model = gpt().eval();
    const prompt = randint(0, VOCABULARY, [1, 64]);
    return () =>
      noGrad(() => {
        const cache = model.createCache();
        let token = prompt;
        for (let i = 0; i < 64; i++) token = scope(() => model.step(token, cache).argmax(-1, { keepdim: true }));
        cache.dispose();
        return token;
      });
  },
};
for (const make of Object.values(cases)) make.unchecked = true; // their errors: test/nn, test/models

await serve(cases);
