// Op records that the differential fuzzer does not compare, each with the reason and where else it is tested.
export const EXEMPT: Readonly<Record<string, string>> = {
  dropout: 'random numbers: test/ops/random.test.ts',
  bernoulli: 'random numbers: test/ops/sample.test.ts',
  multinomial: 'random numbers: test/ops/sample.test.ts',
  poisson: 'random numbers: test/ops/sample.test.ts',
  convolutionMaxPool: 'made by nn.Sequential, with the bits of the separate ops: test/nn/fusion.test.ts',
  viewDType: 'bytes, not numbers: test/tensor/dtype.test.ts',
};
