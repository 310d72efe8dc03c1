/**
 * PyTorch's `torch.special`. Some functions stand in the package root too, as in PyTorch.
 * @packageDocumentation
 */
export { logSoftmax, softmax } from '../ops/layers/softmax.js';
export { xlog1py, xlogy } from '../ops/pointwise/binary.js';
export {
  digamma,
  digamma as psi,
  entr,
  erfcx,
  erfinv,
  gammainc,
  gammaincc,
  i0,
  i0e,
  i1,
  i1e,
  type LogitOptions,
  lgamma as gammaln,
  logit,
  logNdtr,
  multigammaln,
  ndtr,
  ndtri,
  polygamma,
  sinc,
  zeta,
} from '../ops/pointwise/gamma.js';
export {
  erf,
  erfc,
  exp2,
  expm1,
  log1p,
  type RoundOptions,
  round,
  sigmoid as expit,
} from '../ops/pointwise/unary.js';
