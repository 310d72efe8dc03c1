import { describe, expect, it } from 'vitest';
import { ArgumentError, nn, ShapeError, tensor, ValueError } from '../../lib/index.js';

const { clipGradsWithNorm_, clipGradNorm_, clipGradValue_, getTotalNorm, parametersToVector, vectorToParameters } =
  nn.utils;

/** Parameters whose gradients are the given rows. */
const withGradients = (...rows: number[][]) =>
  rows.map((row) => {
    const parameter = new nn.Parameter(
      tensor(
        row.map(() => 0),
        { dtype: 'float64' },
      ),
    );
    parameter
      .mul(tensor(row, { dtype: 'float64' }))
      .sum()
      .backward();
    return parameter;
  });

const gradients = (parameters: nn.Parameter[]) => parameters.map((p) => p.grad?.toArraySync());

describe('clipGradNorm_', () => {
  it('scales to the norm and returns the old one', () => {
    const parameters = withGradients([3, 0], [0, 4, 0]);
    expect(clipGradNorm_(parameters, 1).itemSync()).toBe(5);
    const factor = 1 / (5 + 1e-6);
    const rows = gradients(parameters) as number[][];
    expect(rows[0][0]).toBeCloseTo(3 * factor, 14);
    expect(rows[1][1]).toBeCloseTo(4 * factor, 14);
  });

  it('leaves small gradients as they are', () => {
    const parameters = withGradients([0.3, -0.4]);
    clipGradNorm_(parameters, 1);
    expect(gradients(parameters)).toEqual([[0.3, -0.4]]);
  });

  it('takes other norms, single tensors, and parameters without gradients', () => {
    const [parameter] = withGradients([3, -8]);
    expect(clipGradNorm_(parameter, 4, { normType: Infinity }).itemSync()).toBe(8);
    expect((gradients([parameter])[0] as number[])[1]).toBeCloseTo(-4, 5);
    expect(clipGradNorm_([new nn.Parameter(tensor([1]))], 1).itemSync()).toBe(0);
    expect(getTotalNorm([tensor([1, -2]), tensor([3])], 1).itemSync()).toBe(6);
  });

  it('takes a norm that is there already', () => {
    const parameters = withGradients([3, 0], [0, 4]);
    clipGradsWithNorm_(parameters, 1, tensor(10, { dtype: 'float64' }));
    expect((gradients(parameters) as number[][])[0][0]).toBeCloseTo(0.3, 6);
    expect(() => clipGradsWithNorm_(parameters, 1, 10 as never)).toThrow(ArgumentError);
  });

  it('refuses norms that are not finite where it is told so', () => {
    const parameters = withGradients([Infinity, 1]);
    expect(() => clipGradNorm_(parameters, 1, { errorIfNonfinite: true })).toThrow(ValueError);
    expect(gradients(parameters)).toEqual([[Infinity, 1]]);
    expect(getTotalNorm([tensor([NaN])]).itemSync()).toBeNaN();
    expect(() => getTotalNorm([tensor([NaN])], 2, { errorIfNonfinite: true })).toThrow(/not finite/);
  });

  it('refuses what is no parameter and no norm', () => {
    expect(() => clipGradNorm_(3 as never, 1)).toThrow(ArgumentError);
    expect(() => clipGradNorm_(['a'] as never, 1)).toThrow(/parameters must be Tensors, got "a"/);
    expect(() => clipGradNorm_([], -1)).toThrow(/maxNorm must be a number of at least 0, got -1/);
  });
});

it('clipGradValue_ cuts each element', () => {
  const parameters = withGradients([3, -0.5], [-7]);
  clipGradValue_(parameters, 2);
  expect(gradients(parameters)).toEqual([[2, -0.5], [-2]]);
  expect(() => clipGradValue_(parameters, 'a' as never)).toThrow(ArgumentError);
});

describe('parameters as a vector', () => {
  it('goes there and back', () => {
    const layer = new nn.Linear(2, 3);
    const vector = parametersToVector(layer.parameters());
    expect(vector.shape).toEqual([9]);
    expect(vector.requiresGrad).toBe(true);
    const other = new nn.Linear(2, 3);
    vectorToParameters(vector, other.parameters());
    expect(other.weight.toArraySync()).toEqual(layer.weight.toArraySync());
    expect(other.bias?.toArraySync()).toEqual(layer.bias?.toArraySync());
  });

  it('refuses a vector of another length', () => {
    const layer = new nn.Linear(2, 3);
    expect(() => vectorToParameters(tensor([1, 2]), layer.parameters())).toThrow(ShapeError);
    expect(() => parametersToVector([])).toThrow(ArgumentError);
  });
});
