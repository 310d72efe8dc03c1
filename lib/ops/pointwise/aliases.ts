// PyTorch's second names, where programs use them: the same functions.
import { addMethods } from '../define.js';
import { atan2, div, mul, sub } from './arithmetic.js';
import { ge, gt, le, lt, ne } from './compare.js';
import { clamp } from './select.js';
import { abs, acos, acosh, asin, asinh, atan, atanh, neg, trunc } from './unary.js';

export {
  abs as absolute,
  acos as arccos,
  acosh as arccosh,
  asin as arcsin,
  asinh as arcsinh,
  atan as arctan,
  atan2 as arctan2,
  atanh as arctanh,
  clamp as clip,
  div as divide,
  div as trueDivide,
  ge as greaterEqual,
  gt as greater,
  le as lessEqual,
  lt as less,
  mul as multiply,
  ne as notEqual,
  neg as negative,
  sub as subtract,
  trunc as fix,
};

type T = import('../../tensor/tensor.js').Tensor;

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** {@link abs} */
    absolute: T['abs'];
    /** {@link acos} */
    arccos: T['acos'];
    /** {@link acosh} */
    arccosh: T['acosh'];
    /** {@link asin} */
    arcsin: T['asin'];
    /** {@link asinh} */
    arcsinh: T['asinh'];
    /** {@link atan} */
    arctan: T['atan'];
    /** {@link atan2} */
    arctan2: T['atan2'];
    /** {@link atanh} */
    arctanh: T['atanh'];
    /** {@link clamp} */
    clip: T['clamp'];
    /** {@link div} */
    divide: T['div'];
    /** {@link div} */
    trueDivide: T['div'];
    /** {@link ge} */
    greaterEqual: T['ge'];
    /** {@link gt} */
    greater: T['gt'];
    /** {@link le} */
    lessEqual: T['le'];
    /** {@link lt} */
    less: T['lt'];
    /** {@link mul} */
    multiply: T['mul'];
    /** {@link ne} */
    notEqual: T['ne'];
    /** {@link neg} */
    negative: T['neg'];
    /** {@link sub} */
    subtract: T['sub'];
    /** {@link trunc} */
    fix: T['trunc'];
  }
}

addMethods({
  absolute: abs,
  arccos: acos,
  arccosh: acosh,
  arcsin: asin,
  arcsinh: asinh,
  arctan: atan,
  arctan2: atan2,
  arctanh: atanh,
  clip: clamp,
  divide: div,
  trueDivide: div,
  greaterEqual: ge,
  greater: gt,
  lessEqual: le,
  less: lt,
  multiply: mul,
  notEqual: ne,
  negative: neg,
  subtract: sub,
  fix: trunc,
});
