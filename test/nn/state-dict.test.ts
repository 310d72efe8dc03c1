// State dicts: options and hooks.
import { describe, expect, it } from 'vitest';
import { ArgumentError, nn, ones, type Tensor, tensor, zeros } from '../../lib/index.js';

const numbers = (t: Tensor): number[] => Array.from(t.detach().dataSync(), Number);
const make = () => new nn.Sequential(new nn.Linear(1, 2), new nn.BatchNorm1d(2));

describe('stateDict', () => {
  it('takes a prefix, and gives the parameters themselves on demand', () => {
    const model = make();
    expect(Object.keys(model.stateDict({ prefix: 'model.' }))[1]).toBe('model.0.bias');
    const { '0.weight': weight, '1.running_mean': mean } = model.stateDict({ keepVars: true });
    expect([weight, mean]).toEqual([model.parameters()[0], model.buffers()[0]]);
    expect(model.stateDict()['0.weight'].requiresGrad).toBe(false);
  });

  it('runs hooks before and after each module', () => {
    const model = make();
    const seen: unknown[] = [];
    model.registerStateDictPreHook((module, prefix, keepVars) => {
      seen.push([module === model, prefix, keepVars]);
    });
    model.at(0).registerStateDictPostHook((_module, state, prefix) => {
      seen.push(Object.keys(state));
      state[`${prefix}weight`] = zeros([2, 1]);
    });
    const handle = model.registerStateDictPostHook((_module, state) => {
      delete state['1.num_batches_tracked'];
    });
    const state = model.stateDict();
    expect(seen).toEqual([
      [true, '', false],
      ['0.weight', '0.bias'],
    ]);
    expect(numbers(state['0.weight'])).toEqual([0, 0]);
    expect(Object.keys(state)).toHaveLength(6);
    handle.remove();
    expect(Object.keys(model.stateDict())).toHaveLength(7);
    expect(() => model.registerStateDictPreHook(3 as never)).toThrow(ArgumentError);
  });
});

describe('loadStateDict', () => {
  it('does without the counter of batches, as PyTorch for older files', () => {
    const norm = new nn.BatchNorm1d(2);
    const { num_batches_tracked: counter, ...state } = norm.stateDict();
    counter.fill_(4);
    expect(norm.loadStateDict(state)).toEqual({ missingKeys: [], unexpectedKeys: [] });
    expect(numbers(norm.stateDict().num_batches_tracked)).toEqual([4]);
  });

  it('lists missing, unexpected and misshapen keys together', () => {
    const model = make();
    const { '0.bias': _, ...state } = model.stateDict();
    state['2.weight'] = zeros([1]);
    state['1.running_mean'] = zeros([3]);
    const text =
      'Sequential.loadStateDict: missing keys: 0.bias; unexpected keys: 2.weight; ' +
      'wrong shapes: 1.running_mean: [3] given, [2] expected';
    expect(() => model.loadStateDict(state)).toThrow(text);
  });

  it('with assign takes over tensors and dtypes, and keeps what requires gradients', () => {
    const model = make();
    model.at(0).requiresGrad_(false);
    const old = model.parameters()[0];
    const state = make().to('float64').stateDict();
    model.loadStateDict(state, { assign: true });
    expect(model.parameters()[0]).not.toBe(old);
    expect(model.parameters().map((p) => [p.dtype, p.requiresGrad])).toEqual([
      ['float64', false],
      ['float64', false],
      ['float64', true],
      ['float64', true],
    ]);
    state['0.bias'].fill_(7);
    state['1.running_mean'].fill_(5);
    expect(numbers(model.stateDict()['0.bias'])).toEqual([7, 7]);
    expect(numbers(model.buffers()[0])).toEqual([5, 5]);
    expect([...model.namedBuffers()].map(([name]) => name)).toContain('1.running_var');
    const other = make();
    const short = make().stateDict();
    other.loadStateDict(short, { assign: true });
    for (const x of Object.values(short)) x.dispose();
    expect(other.forward(ones([3, 1])).shape).toEqual([3, 2]);
    const wrong = { ...state, '0.weight': zeros([2, 1], { dtype: 'int64' }) };
    expect(() => model.loadStateDict(wrong, { assign: true })).not.toThrow();
    expect(() =>
      model.loadStateDict({ ...state, '1.weight': zeros([2], { dtype: 'int64' }) }, { assign: true }),
    ).toThrow(/1\.weight: int64 cannot require gradients/);
  });

  it('with assign reaches lists, dictionaries and nn.Buffer', () => {
    class Holder extends nn.Module {
      list = new nn.ParameterList([zeros([1])]);
      dict = new nn.ParameterDict({ aB: zeros([1]) });
      offSet = new nn.Buffer(zeros([1]));
      forward(x: Tensor): Tensor {
        return x;
      }
    }
    const holder = new Holder();
    expect(Object.keys(holder.stateDict())).toEqual(['off_set', 'list.0', 'dict.aB']);
    const one = { off_set: ones([1]), 'list.0': ones([1]), 'dict.aB': ones([1]) };
    holder.loadStateDict(one, { assign: true });
    for (const x of [holder.list.at(0), holder.dict.get('aB'), holder.offSet]) expect(numbers(x)).toEqual([1]);
    expect(Object.keys(holder.stateDict())).toEqual(['off_set', 'list.0', 'dict.aB']);
  });

  it('takes one element for a number', () => {
    const norm = new nn.BatchNorm1d(1);
    norm.loadStateDict({ ...norm.stateDict(), num_batches_tracked: tensor([3], { dtype: 'int64' }) });
    expect(norm.numBatchesTracked?.itemSync()).toBe(3);
  });

  it('lets a hook rename keys of an older version, in a copy', () => {
    const model = make();
    model.at(0).registerLoadStateDictPreHook((_module, state, prefix) => {
      if (!(`${prefix}kernel` in state)) return;
      state[`${prefix}weight`] = state[`${prefix}kernel`];
      delete state[`${prefix}kernel`];
    });
    const { '0.weight': _, ...rest } = model.stateDict();
    const old = { ...rest, '0.kernel': ones([2, 1]) };
    expect(model.loadStateDict(old)).toEqual({ missingKeys: [], unexpectedKeys: [] });
    expect(numbers(model.parameters()[0])).toEqual([1, 1]);
    expect(Object.keys(old)).toContain('0.kernel');
  });

  it('fails with what a hook reports, and changes nothing', () => {
    const model = make();
    const before = numbers(model.parameters()[0]);
    const state = { ...model.stateDict(), '0.weight': ones([2, 1]) };
    const handle = model.registerLoadStateDictPreHook((_module, _state, _prefix, problems) => {
      problems.errors.push('too old');
    });
    expect(() => model.loadStateDict(state, { strict: false })).toThrow('Sequential.loadStateDict: too old');
    expect(numbers(model.parameters()[0])).toEqual(before);
    handle.remove();
    model.loadStateDict(state);
  });

  it('lets a hook forgive missing and unexpected keys', () => {
    const model = make();
    const { '0.bias': _, ...state } = model.stateDict();
    const given = { ...state, '0.weight': ones([2, 1]), extra: zeros([1]) };
    model.at(0).registerLoadStateDictPostHook((_module, result) => {
      result.missingKeys.length = 0;
    });
    expect(() => model.loadStateDict(given)).toThrow(/^Sequential.loadStateDict: unexpected keys: extra$/);
    model.registerLoadStateDictPostHook((module, result) => {
      expect(numbers(module.parameters()[0])).toEqual([1, 1]);
      result.unexpectedKeys.length = 0;
    });
    expect(model.loadStateDict(given)).toEqual({ missingKeys: [], unexpectedKeys: [] });
  });

  it('tells keys of submodules that do not exist', () => {
    const model = make();
    const state = { ...model.stateDict(), '0.deep.weight': zeros([1]), '7.weight': zeros([1]), '0.': zeros([1]) };
    expect(model.loadStateDict(state, { strict: false }).unexpectedKeys).toEqual(['7.weight', '0.deep.weight', '0.']);
  });
});
