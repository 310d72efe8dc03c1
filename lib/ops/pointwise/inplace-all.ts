// Variants in place (`name_`) of the elementwise functions beside those of inplace.ts: the same meaning, in the memory of
// the first operand, whose dtype must be able to hold the result.

import type { Tensor } from '../../tensor/tensor.js';
import { addMethods } from '../define.js';
import { inPlaceOf } from '../in-place.js';
import { kernelInPlace } from '../out.js';
import { atan2, floorDivide, fmod, pow, remainder } from './arithmetic.js';
import {
  bitwiseLeftShift,
  bitwiseRightShift,
  copysign,
  floatPower,
  gcd,
  heaviside,
  hypot,
  lcm,
  ldexp,
  nextafter,
  xlogy,
} from './binary.js';
import {
  bitwiseAnd,
  bitwiseNot,
  bitwiseOr,
  bitwiseXor,
  eq,
  ge,
  gt,
  le,
  logicalAnd,
  logicalNot,
  logicalOr,
  logicalXor,
  lt,
  ne,
} from './compare.js';
import type { Operand } from './factories.js';
import { digamma, erfinv, i0, type LogitOptions, lgamma, logit, polygamma, sinc } from './gamma.js';
import { deg2rad, type NanToNumOptions, nanToNum, rad2deg, sgn } from './numbers.js';
import { clampMax, clampMin } from './select.js';
import { addcdiv, addcmul, lerp, type ValueOptions } from './ternary.js';
import {
  abs,
  acos,
  acosh,
  asin,
  asinh,
  atan,
  atanh,
  ceil,
  cos,
  cosh,
  erf,
  erfc,
  exp2,
  expm1,
  floor,
  frac,
  log,
  log1p,
  log2,
  log10,
  type RoundOptions,
  reciprocal,
  round,
  rsqrt,
  sigmoid,
  sign,
  sin,
  sinh,
  square,
  tan,
  tanh,
  trunc,
} from './unary.js';

declare module '../../tensor/tensor.js' {
  interface Tensor {
    /** {@link abs} in place. */
    abs_(): Tensor;
    /** {@link sign} in place. */
    sign_(): Tensor;
    /** {@link sgn} in place. */
    sgn_(): Tensor;
    /** {@link square} in place. */
    square_(): Tensor;
    /** {@link reciprocal} in place. */
    reciprocal_(): Tensor;
    /** {@link rsqrt} in place. */
    rsqrt_(): Tensor;
    /** {@link floor} in place. */
    floor_(): Tensor;
    /** {@link ceil} in place. */
    ceil_(): Tensor;
    /** {@link round} in place. */
    round_(options?: RoundOptions): Tensor;
    /** {@link trunc} in place. */
    trunc_(): Tensor;
    /** {@link frac} in place. */
    frac_(): Tensor;
    /** {@link exp2} in place. */
    exp2_(): Tensor;
    /** {@link expm1} in place. */
    expm1_(): Tensor;
    /** {@link log} in place. */
    log_(): Tensor;
    /** {@link log1p} in place. */
    log1p_(): Tensor;
    /** {@link log2} in place. */
    log2_(): Tensor;
    /** {@link log10} in place. */
    log10_(): Tensor;
    /** {@link sigmoid} in place. */
    sigmoid_(): Tensor;
    /** {@link tanh} in place. */
    tanh_(): Tensor;
    /** {@link erf} in place. */
    erf_(): Tensor;
    /** {@link erfc} in place. */
    erfc_(): Tensor;
    /** {@link erfinv} in place. */
    erfinv_(): Tensor;
    /** {@link sin} in place. */
    sin_(): Tensor;
    /** {@link cos} in place. */
    cos_(): Tensor;
    /** {@link tan} in place. */
    tan_(): Tensor;
    /** {@link asin} in place. */
    asin_(): Tensor;
    /** {@link acos} in place. */
    acos_(): Tensor;
    /** {@link atan} in place. */
    atan_(): Tensor;
    /** {@link sinh} in place. */
    sinh_(): Tensor;
    /** {@link cosh} in place. */
    cosh_(): Tensor;
    /** {@link asinh} in place. */
    asinh_(): Tensor;
    /** {@link acosh} in place. */
    acosh_(): Tensor;
    /** {@link atanh} in place. */
    atanh_(): Tensor;
    /** {@link lgamma} in place. */
    lgamma_(): Tensor;
    /** {@link digamma} in place. */
    digamma_(): Tensor;
    /** {@link polygamma} in place. */
    polygamma_(n: number): Tensor;
    /** {@link i0} in place. */
    i0_(): Tensor;
    /** {@link sinc} in place. */
    sinc_(): Tensor;
    /** {@link logit} in place. */
    logit_(options?: LogitOptions): Tensor;
    /** {@link deg2rad} in place. */
    deg2rad_(): Tensor;
    /** {@link rad2deg} in place. */
    rad2deg_(): Tensor;
    /** {@link nanToNum} in place. */
    nanToNum_(options?: NanToNumOptions): Tensor;
    /** {@link logicalNot} in place. */
    logicalNot_(): Tensor;
    /** {@link bitwiseNot} in place. */
    bitwiseNot_(): Tensor;
    /** {@link clampMin} in place. */
    clampMin_(min: Tensor | number): Tensor;
    /** {@link clampMax} in place. */
    clampMax_(max: Tensor | number): Tensor;
    /** {@link floorDivide} in place. */
    floorDivide_(other: Operand): Tensor;
    /** {@link remainder} in place. */
    remainder_(other: Operand): Tensor;
    /** {@link fmod} in place. */
    fmod_(other: Operand): Tensor;
    /** {@link pow} in place. */
    pow_(other: Operand): Tensor;
    /** {@link atan2} in place. */
    atan2_(other: Tensor): Tensor;
    /** {@link copysign} in place. */
    copysign_(other: Operand): Tensor;
    /** {@link hypot} in place. */
    hypot_(other: Tensor): Tensor;
    /** {@link nextafter} in place. */
    nextafter_(other: Tensor): Tensor;
    /** {@link xlogy} in place. */
    xlogy_(other: Operand): Tensor;
    /** {@link heaviside} in place. */
    heaviside_(other: Tensor): Tensor;
    /** {@link gcd} in place. */
    gcd_(other: Tensor): Tensor;
    /** {@link lcm} in place. */
    lcm_(other: Tensor): Tensor;
    /** {@link bitwiseAnd} in place. */
    bitwiseAnd_(other: Operand): Tensor;
    /** {@link bitwiseOr} in place. */
    bitwiseOr_(other: Operand): Tensor;
    /** {@link bitwiseXor} in place. */
    bitwiseXor_(other: Operand): Tensor;
    /** {@link bitwiseLeftShift} in place. */
    bitwiseLeftShift_(other: Operand): Tensor;
    /** {@link bitwiseRightShift} in place. */
    bitwiseRightShift_(other: Operand): Tensor;
    /** {@link eq} in place. */
    eq_(other: Operand): Tensor;
    /** {@link ne} in place. */
    ne_(other: Operand): Tensor;
    /** {@link lt} in place. */
    lt_(other: Operand): Tensor;
    /** {@link le} in place. */
    le_(other: Operand): Tensor;
    /** {@link gt} in place. */
    gt_(other: Operand): Tensor;
    /** {@link ge} in place. */
    ge_(other: Operand): Tensor;
    /** {@link logicalAnd} in place. */
    logicalAnd_(other: Tensor): Tensor;
    /** {@link logicalOr} in place. */
    logicalOr_(other: Tensor): Tensor;
    /** {@link logicalXor} in place. */
    logicalXor_(other: Tensor): Tensor;
    /** {@link lerp} in place. */
    lerp_(end: Tensor, weight: Operand): Tensor;
    /** {@link addcmul} in place. */
    addcmul_(tensor1: Tensor, tensor2: Tensor, options?: ValueOptions): Tensor;
    /** {@link addcdiv} in place. */
    addcdiv_(tensor1: Tensor, tensor2: Tensor, options?: ValueOptions): Tensor;
    /** {@link ldexp} in place. */
    ldexp_(other: Tensor): Tensor;
    /** {@link floatPower} in place. */
    floatPower_(other: Operand): Tensor;
  }
}

addMethods({
  abs_: kernelInPlace('abs_', (x: Tensor) => abs(x)),
  sign_: kernelInPlace('sign_', (x: Tensor) => sign(x)),
  sgn_: kernelInPlace('sgn_', (x: Tensor) => sgn(x)),
  square_: kernelInPlace('square_', (x: Tensor) => square(x)),
  reciprocal_: kernelInPlace('reciprocal_', (x: Tensor) => reciprocal(x)),
  rsqrt_: kernelInPlace('rsqrt_', (x: Tensor) => rsqrt(x)),
  floor_: kernelInPlace('floor_', (x: Tensor) => floor(x)),
  ceil_: kernelInPlace('ceil_', (x: Tensor) => ceil(x)),
  round_: inPlaceOf('round_', (x: Tensor, options?: RoundOptions) => round(x, options)),
  trunc_: kernelInPlace('trunc_', (x: Tensor) => trunc(x)),
  frac_: kernelInPlace('frac_', (x: Tensor) => frac(x)),
  exp2_: kernelInPlace('exp2_', (x: Tensor) => exp2(x)),
  expm1_: kernelInPlace('expm1_', (x: Tensor) => expm1(x)),
  log_: kernelInPlace('log_', (x: Tensor) => log(x)),
  log1p_: kernelInPlace('log1p_', (x: Tensor) => log1p(x)),
  log2_: kernelInPlace('log2_', (x: Tensor) => log2(x)),
  log10_: kernelInPlace('log10_', (x: Tensor) => log10(x)),
  sigmoid_: kernelInPlace('sigmoid_', (x: Tensor) => sigmoid(x)),
  tanh_: kernelInPlace('tanh_', (x: Tensor) => tanh(x)),
  erf_: kernelInPlace('erf_', (x: Tensor) => erf(x)),
  erfc_: kernelInPlace('erfc_', (x: Tensor) => erfc(x)),
  erfinv_: kernelInPlace('erfinv_', (x: Tensor) => erfinv(x)),
  sin_: kernelInPlace('sin_', (x: Tensor) => sin(x)),
  cos_: kernelInPlace('cos_', (x: Tensor) => cos(x)),
  tan_: kernelInPlace('tan_', (x: Tensor) => tan(x)),
  asin_: kernelInPlace('asin_', (x: Tensor) => asin(x)),
  acos_: kernelInPlace('acos_', (x: Tensor) => acos(x)),
  atan_: kernelInPlace('atan_', (x: Tensor) => atan(x)),
  sinh_: kernelInPlace('sinh_', (x: Tensor) => sinh(x)),
  cosh_: kernelInPlace('cosh_', (x: Tensor) => cosh(x)),
  asinh_: kernelInPlace('asinh_', (x: Tensor) => asinh(x)),
  acosh_: kernelInPlace('acosh_', (x: Tensor) => acosh(x)),
  atanh_: kernelInPlace('atanh_', (x: Tensor) => atanh(x)),
  lgamma_: kernelInPlace('lgamma_', (x: Tensor) => lgamma(x)),
  digamma_: kernelInPlace('digamma_', (x: Tensor) => digamma(x)),
  polygamma_: kernelInPlace('polygamma_', (x: Tensor, n: number) => polygamma(n, x)),
  i0_: kernelInPlace('i0_', (x: Tensor) => i0(x)),
  sinc_: kernelInPlace('sinc_', (x: Tensor) => sinc(x)),
  logit_: kernelInPlace('logit_', (x: Tensor, options?: LogitOptions) => logit(x, options)),
  deg2rad_: kernelInPlace('deg2rad_', (x: Tensor) => deg2rad(x)),
  rad2deg_: kernelInPlace('rad2deg_', (x: Tensor) => rad2deg(x)),
  nanToNum_: kernelInPlace('nanToNum_', (x: Tensor, options?: NanToNumOptions) => nanToNum(x, options)),
  logicalNot_: kernelInPlace('logicalNot_', (x: Tensor) => logicalNot(x)),
  bitwiseNot_: kernelInPlace('bitwiseNot_', (x: Tensor) => bitwiseNot(x)),
  clampMin_: inPlaceOf('clampMin_', (x: Tensor, bound: Operand) => clampMin(x, bound)),
  clampMax_: inPlaceOf('clampMax_', (x: Tensor, bound: Operand) => clampMax(x, bound)),
  floorDivide_: kernelInPlace('floorDivide_', (x: Tensor, other: Operand) => floorDivide(x, other)),
  remainder_: kernelInPlace('remainder_', (x: Tensor, other: Operand) => remainder(x, other)),
  fmod_: kernelInPlace('fmod_', (x: Tensor, other: Operand) => fmod(x, other)),
  pow_: kernelInPlace('pow_', (x: Tensor, other: Operand) => pow(x, other)),
  atan2_: kernelInPlace('atan2_', (x: Tensor, other: Tensor) => atan2(x, other)),
  copysign_: kernelInPlace('copysign_', (x: Tensor, other: Operand) => copysign(x, other)),
  hypot_: kernelInPlace('hypot_', (x: Tensor, other: Tensor) => hypot(x, other)),
  nextafter_: kernelInPlace('nextafter_', (x: Tensor, other: Tensor) => nextafter(x, other)),
  xlogy_: kernelInPlace('xlogy_', (x: Tensor, other: Operand) => xlogy(x, other)),
  heaviside_: kernelInPlace('heaviside_', (x: Tensor, other: Tensor) => heaviside(x, other)),
  gcd_: kernelInPlace('gcd_', (x: Tensor, other: Tensor) => gcd(x, other)),
  lcm_: kernelInPlace('lcm_', (x: Tensor, other: Tensor) => lcm(x, other)),
  bitwiseAnd_: kernelInPlace('bitwiseAnd_', (x: Tensor, other: Operand) => bitwiseAnd(x, other)),
  bitwiseOr_: kernelInPlace('bitwiseOr_', (x: Tensor, other: Operand) => bitwiseOr(x, other)),
  bitwiseXor_: kernelInPlace('bitwiseXor_', (x: Tensor, other: Operand) => bitwiseXor(x, other)),
  bitwiseLeftShift_: kernelInPlace('bitwiseLeftShift_', (x: Tensor, other: Operand) => bitwiseLeftShift(x, other)),
  bitwiseRightShift_: kernelInPlace('bitwiseRightShift_', (x: Tensor, other: Operand) => bitwiseRightShift(x, other)),
  eq_: kernelInPlace('eq_', (x: Tensor, other: Operand) => eq(x, other)),
  ne_: kernelInPlace('ne_', (x: Tensor, other: Operand) => ne(x, other)),
  lt_: kernelInPlace('lt_', (x: Tensor, other: Operand) => lt(x, other)),
  le_: kernelInPlace('le_', (x: Tensor, other: Operand) => le(x, other)),
  gt_: kernelInPlace('gt_', (x: Tensor, other: Operand) => gt(x, other)),
  ge_: kernelInPlace('ge_', (x: Tensor, other: Operand) => ge(x, other)),
  logicalAnd_: kernelInPlace('logicalAnd_', (x: Tensor, other: Tensor) => logicalAnd(x, other)),
  logicalOr_: kernelInPlace('logicalOr_', (x: Tensor, other: Tensor) => logicalOr(x, other)),
  logicalXor_: kernelInPlace('logicalXor_', (x: Tensor, other: Tensor) => logicalXor(x, other)),
  lerp_: kernelInPlace('lerp_', (x: Tensor, end: Tensor, weight: Operand) => lerp(x, end, weight)),
  addcmul_: kernelInPlace('addcmul_', (x: Tensor, tensor1: Tensor, tensor2: Tensor, options?: ValueOptions) =>
    addcmul(x, tensor1, tensor2, options),
  ),
  addcdiv_: kernelInPlace('addcdiv_', (x: Tensor, tensor1: Tensor, tensor2: Tensor, options?: ValueOptions) =>
    addcdiv(x, tensor1, tensor2, options),
  ),
  ldexp_: inPlaceOf('ldexp_', (x: Tensor, other: Tensor) => ldexp(x, other)),
  floatPower_: inPlaceOf('floatPower_', (x: Tensor, other: Operand) => floatPower(x, other)),
});
