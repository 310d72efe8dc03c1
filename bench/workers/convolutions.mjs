// Convolutions of known networks; images lie channels last, as they do inside a network.
import { readFileSync } from 'node:fs';
import { autograd, F, noGrad } from 'nabla';
import { randn, serve } from './runner.mjs';

const networks = JSON.parse(readFileSync(new URL('../shapes/convolutions.json', import.meta.url), 'utf8'));
const cases = {};

function passes(name, batch, [inputs, outputs, size, kernel, stride, padding, groups = 1, up]) {
  const layer = (x, w) => (up ? F.convTranspose2d : F.conv2d)(x, w, null, { stride, padding, groups });
  const operands = () => {
    const x = randn([batch, inputs, size, size]).contiguous('channelsLast');
    const shape = up ? [inputs, outputs / groups] : [outputs, inputs / groups];
    return [x, randn([...shape, kernel, kernel]).mul(1 / (kernel * Math.sqrt(inputs / groups)))];
  };
  cases[`${name} forward`] = () => {
    const [x, w] = operands();
    return () => noGrad(() => layer(x, w));
  };
  const backward = (which) => () => {
    const pair = operands();
    const leaf = pair[which].requiresGrad_();
    const y = layer(...pair);
    const g = randn(y.shape).contiguous('channelsLast');
    return () => autograd.grad(y, [leaf], { gradOutputs: [g], retainGraph: true });
  };
  cases[`${name} data`] = backward(0);
  cases[`${name} weight`] = backward(1);
}

for (const { net, batch, layers } of networks) {
  for (const shape of layers) {
    const [inputs, outputs, size, kernel, stride, , groups = 1, up = ''] = shape;
    const kind = `k${kernel}${stride > 1 ? `s${stride}` : ''}${groups > 1 ? 'dw' : ''}${up}`;
    passes(`${net}/${inputs}-${outputs}/${size}/${kind}`, batch, shape);
  }
}

await serve(cases);
