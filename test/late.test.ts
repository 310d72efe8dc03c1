// Parts of the published library, and namespaces that are filled when they are used.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lateNamespace, moduleLoader } from '../lib/late.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nabla-late-'));
  mkdirSync(join(folder, 'parts'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const part = (name: string, body: string, build = 'b1'): void =>
  writeFileSync(
    join(folder, 'parts', `${name}.cjs`),
    `exports.build = '${build}'; exports.run = (require, here) => { ${body} };`,
  );

const loader = () =>
  moduleLoader({
    url: pathToFileURL(join(folder, 'nabla.js')).href,
    build: 'b1',
    modules: { 'nn/module': { Module: 'the engine' } },
  });

describe('moduleLoader', () => {
  it('gives modules of the engine and of parts, which ask for each other', () => {
    part(
      'models',
      `return { 'models/a': { a: require('nabla:nn/module').Module, b: require('nabla:text/b').b, here } };`,
    );
    part('text', `return { 'text/b': { b: require('node:path').sep } };`);
    const moduleOf = loader();
    expect(moduleOf('nn/module')).toEqual({ Module: 'the engine' });
    const here = pathToFileURL(join(folder, 'nabla.js')).href;
    expect(moduleOf('models/a')).toEqual({ a: 'the engine', b: join('/'), here });
  });

  it('runs a part once', () => {
    part('models', `return { 'models/a': {}, 'models/b': {} };`);
    const moduleOf = loader();
    expect(moduleOf('models/a')).toBe(moduleOf('models/a'));
    rmSync(join(folder, 'parts', 'models.cjs'));
    expect(moduleOf('models/b')).toEqual({});
  });

  it('refuses a part of another version', () => {
    part('models', 'return {};', 'b2');
    expect(() => loader()('models/a')).toThrow(/^import: .*another version of nabla: bundle the application again/);
  });
});

describe('lateNamespace', () => {
  it('has its names at once and their values when one is read', () => {
    let loads = 0;
    const space = lateNamespace(['create', 'list'], () => {
      loads++;
      return { create: 1, list: 2 };
    });
    expect(Object.keys(space)).toEqual(['create', 'list']);
    expect('list' in space && !('other' in space)).toBe(true);
    expect(loads).toBe(0);
    expect([space.list, space.create, { ...space }]).toEqual([2, 1, { create: 1, list: 2 }]);
    expect(loads).toBe(1);
    expect(Object.prototype.toString.call(space)).toBe('[object Module]');
  });

  it('cannot be changed, before and after', () => {
    const space = lateNamespace(['create'], () => ({ create: 1 })) as Record<string, unknown>;
    const change = () => {
      space.create = 2;
    };
    expect(change).toThrow(TypeError);
    expect(space.create).toBe(1);
    expect(change).toThrow(TypeError);
    expect(() => {
      space.other = 2;
    }).toThrow(TypeError);
  });

  it('tries again after a failure', () => {
    let fails = true;
    const space = lateNamespace(['create'], () => {
      if (fails) throw new Error('unreadable');
      return { create: 1 };
    });
    expect(() => space.create).toThrow('unreadable');
    fails = false;
    expect(space.create).toBe(1);
  });
});
