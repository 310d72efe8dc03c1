import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const setup = join(process.cwd(), 'scripts/setup.mjs');

function run(script: string, env: NodeJS.ProcessEnv = process.env) {
  const started = performance.now();
  const result = spawnSync(process.execPath, [script], { env, encoding: 'utf8', timeout: 50_000 });
  return { status: result.status, output: result.stdout + result.stderr, ms: performance.now() - started };
}

describe('npm run setup', () => {
  it('is silent and quick when nothing is out of date', () => {
    const first = run(setup);
    expect(first.status, first.output).toBe(0);
    const runs = [run(setup), run(setup), run(setup)];
    expect(runs.map((r) => r.output)).toEqual(['', '', '']);
    expect(Math.min(...runs.map((r) => r.ms))).toBeLessThan(1000);
  });

  describe('on a machine without tools', () => {
    let dir = '';
    beforeEach(() => {
      dir = mkdtempSync(join(tmpdir(), 'nabla-setup-'));
      mkdirSync(join(dir, 'scripts'));
      mkdirSync(join(dir, 'native'));
      mkdirSync(join(dir, 'bin'));
      copyFileSync(setup, join(dir, 'scripts/setup.mjs'));
      writeFileSync(join(dir, 'package.json'), '{ "type": "module" }');
      symlinkSync(process.execPath, join(dir, 'bin/node'));
    });
    afterEach(() => rmSync(dir, { recursive: true, force: true }));

    it('says once what to install, for each system', () => {
      const { status, output } = run(join(dir, 'scripts/setup.mjs'), { PATH: join(dir, 'bin') });
      expect(status).toBe(1);
      expect(output).toMatch(/needs CMake and a C\+\+20 compiler/);
      expect(output.match(/apt-get install -y cmake g\+\+ make/g)).toHaveLength(1);
      expect(output).toMatch(/xcode-select --install/);
      expect(output).toMatch(/Visual Studio Build Tools/);
      expect(output).not.toMatch(/at .*\.mjs/);
      expect(existsSync(join(dir, 'build'))).toBe(false);
    });

    it('names the headers of Eigen when only they are missing', () => {
      for (const tool of ['cmake', 'g++', 'make', 'xcode-select']) symlinkSync('/bin/true', join(dir, 'bin', tool));
      const env = { PATH: join(dir, 'bin'), EIGEN3_INCLUDE_DIR: join(dir, 'nowhere') };
      const { status, output } = run(join(dir, 'scripts/setup.mjs'), env);
      expect(status).toBe(1);
      expect(output).toMatch(/needs the headers of Eigen 3\.4/);
      expect(output.match(/apt-get install -y libeigen3-dev/g)).toHaveLength(1);
      expect(output).toMatch(/brew install eigen/);
      expect(output).toMatch(/vcpkg install eigen3/);
      expect(output).not.toMatch(/at .*\.mjs/);
    });
  });
});
