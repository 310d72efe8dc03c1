// State dicts of other models: the error says what is missing, unexpected and misshapen, and nothing has changed.
import { describe, expect, it } from 'vitest';
import { ArgumentError, io, models, type nn, StateDictError } from '../../lib/index.js';
import { empty } from '../support/models.js';

type State = nn.StateDict;

function refused(model: nn.AnyModule, state: State, options: { strict?: boolean } = {}): StateDictError {
  const before = Object.values(model.stateDict()).map((x) => x._version);
  let error: unknown;
  try {
    model.loadStateDict(state, options);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(StateDictError);
  expect(error).toBeInstanceOf(ArgumentError);
  expect(Object.values(model.stateDict()).map((x) => x._version)).toEqual(before);
  return error as StateDictError;
}

const stateOf = (name: models.ModelName, options: object = {}): State => empty(name, options).stateDict();

describe('a state dict of', () => {
  it('another number of classes: the two shapes of the head, also without strict', () => {
    const model = empty('resnet18', { numClasses: 10 });
    const text =
      'ResNet.loadStateDict: wrong shapes: fc.weight: [1000, 512] given, [10, 512] expected; ' +
      'fc.bias: [1000] given, [10] expected';
    for (const strict of [true, false]) {
      const error = refused(model, stateOf('resnet18'), { strict });
      expect(error.message).toBe(text);
      expect(error).toMatchObject({ missingKeys: [], unexpectedKeys: [], misshapenKeys: ['fc.weight', 'fc.bias'] });
    }
    const { 'fc.weight': _, 'fc.bias': __, ...rest } = stateOf('resnet18');
    const found = { missingKeys: ['fc.weight', 'fc.bias'], unexpectedKeys: [] };
    expect(model.loadStateDict(rest, { strict: false })).toEqual(found);
    expect(refused(model, rest).message).toBe('ResNet.loadStateDict: missing keys: fc.weight, fc.bias');
  });

  it('a deeper network: the first twelve keys in the message, all in the fields', () => {
    const error = refused(empty('resnet34'), stateOf('resnet18'));
    expect(error.missingKeys).toEqual(missingOf('resnet34', 'resnet18'));
    expect(error.unexpectedKeys).toEqual(missingOf('resnet18', 'resnet34'));
    const [first, ...others] = error.message.split('; ');
    const shown = error.missingKeys.slice(0, 12).join(', ');
    expect(first).toBe(`ResNet.loadStateDict: ${error.missingKeys.length} missing keys: ${shown}, ...`);
    expect(others.length).toBe(0);
  });

  it('other blocks: missing, unexpected and misshapen keys together', () => {
    const [small, large] = ['mobilenet_v3_small', 'mobilenet_v3_large'] as const;
    const error = refused(empty(small), stateOf(large));
    expect(error.missingKeys).toEqual(missingOf(small, large));
    expect(error.unexpectedKeys.toSorted()).toEqual(missingOf(large, small, true).sort());
    expect(error.misshapenKeys).toContain('classifier.0.weight');
    expect(error.message).toMatch(
      /^MobileNetV3\.loadStateDict: (\d+ )?missing keys: .*; \d+ unexpected keys: .*; \d+ wrong shapes: features\.2\.block\.0\.0\.weight: \[64, 16, 1, 1\] given, \[72, 16, 1, 1\] expected; /,
    );
    expect(error.message.length).toBeLessThan(2500);
    const loose = refused(empty(small), stateOf(large), { strict: false });
    expect(loose.message).toMatch(/^MobileNetV3\.loadStateDict: \d+ wrong shapes: /);
    expect(loose.missingKeys).toEqual(error.missingKeys);
  });

  it('a wrapped model: what would make it fit', () => {
    const model = empty('squeezenet1_1');
    const wrapped = io.mapNames(stateOf('squeezenet1_1'), (key) => `module.${key}`);
    expect(refused(model, wrapped).message).toMatch(
      /; without "module\." before each name it would fit \(io\.mapNames renames\)$/,
    );
    model.loadStateDict(io.mapNames(wrapped, [[/^module\./, '']]));
    const part = io.mapNames(stateOf('squeezenet1_1'), [[/^/, 'x.']]);
    delete part['x.features.0.bias'];
    expect(refused(model, part).message).not.toMatch(/would fit/);
  });

  it('a part of a wrapping module', () => {
    const inner = models.lenet5();
    const error = refused(
      inner,
      io.mapNames(inner.stateDict(), (key) => key.replace('conv1.', 'first.')),
    );
    expect(error.message).toBe(
      'Sequential.loadStateDict: missing keys: conv1.weight, conv1.bias; unexpected keys: first.weight, first.bias',
    );
  });
});

/** The keys that the first model has and the second has not. */
function missingOf(name: models.ModelName, other: models.ModelName, counters = false): string[] {
  const known = stateOf(other);
  return Object.keys(stateOf(name)).filter(
    (key) => !(key in known) && (counters || !key.endsWith('num_batches_tracked')),
  );
}
