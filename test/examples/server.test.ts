// The example server as a user runs it: curl it, train it, end it, start it again.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { io } from '../../lib/index.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
let folder = '';
beforeAll(() => {
  mkdirSync(join(root, 'runs'), { recursive: true });
  folder = mkdtempSync(join(root, 'runs', 'test-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const running: ChildProcess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

interface Server {
  url: string;
  output: string;
  /** Sends a signal; the exit code. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** Starts the server; it has said where it listens. */
async function start(...args: string[]): Promise<Server> {
  const file = join('examples', 'server.ts');
  const command = ['--import', 'tsx', file, '--port', '0', '--dataset', 'digits', '--training-priority', 'normal'];
  const child = spawn(process.execPath, [...command, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  running.push(child);
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  const server: Server = {
    url: '',
    output: '',
    end: (signal) => {
      child.kill(signal);
      return closed;
    },
  };
  await new Promise<void>((resolve, reject) => {
    const read = (chunk: string): void => {
      server.output += chunk;
      const found = server.output.match(/listening at (\S+)/);
      if (found) resolve();
      server.url = found?.[1] ?? '';
    };
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', read);
    child.once('close', () => reject(new Error(server.output)));
  });
  return server;
}

interface Answer {
  status: number;
  json: Record<string, never> & {
    error: string;
    class: string;
    pixels: number[];
    probabilities: number[];
    training: { state: string; steps: number; epochs: number; error?: string };
    requests: { served: number; batches: number };
  };
}

async function call(url: string, body?: unknown): Promise<Answer> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, body === undefined ? {} : { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, json: (await response.json()) as Answer['json'] };
}

/** Sends half of a request; the rest, and the status, come with the call. */
async function begin(url: string, body: string): Promise<() => Promise<number | undefined>> {
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const sent = request(url, { method: 'POST', headers });
  const status = new Promise<number | undefined>((resolve, reject) => {
    sent.once('error', reject).once('response', (response) => {
      response.resume().once('end', () => resolve(response.statusCode));
    });
  });
  await new Promise<void>((resolve) => sent.write(body.slice(0, 9), () => resolve()));
  await call(url.replace('/predict', '/status')); // by now the server has read the head
  return () => {
    sent.end(body.slice(9));
    return status;
  };
}

/** Waits until the training has made so many steps. */
async function trained(url: string, steps: number): Promise<Answer['json']['training']> {
  for (;;) {
    const { training } = (await call(`${url}/status`)).json;
    if (training.error) throw new Error(training.error);
    if (training.steps >= steps) return training;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

for (const where of ['worker', 'thread']) {
  it(`predicts while it trains in a ${where}, and loses nothing when it is ended`, { timeout: 240_000 }, async () => {
    const own = join(folder, where);
    const checkpoint = join(own, 'last.safetensors');
    const args = ['--folder', own, '--train-in', where];
    const first = await start(...args);
    const sample = (await call(`${first.url}/sample/3`)).json;
    expect(sample.pixels).toHaveLength(64);
    expect((await call(`${first.url}/sample/100000`)).status).toBe(404);
    expect((await call(`${first.url}/train`, { epochs: 5000 })).status).toBe(202);
    expect((await call(`${first.url}/train`, {})).status).toBe(409);
    await trained(first.url, 5);

    const requests = Array.from({ length: 24 }, (_, i) =>
      call(`${first.url}/predict`, i === 7 ? { pixels: [1, 2, 3] } : i === 9 ? {} : sample),
    );
    const answers = await Promise.all(requests);
    const codes = answers.map(({ status }) => status);
    expect(codes).toEqual(codes.map((_, i) => (i === 7 || i === 9 ? 400 : 200)));
    expect(answers[7].json.error).toContain('a sample has shape [1, 8, 8], got [3]');
    const total = answers[0].json.probabilities.reduce((a, b) => a + b, 0);
    expect(total).toBeCloseTo(1, 4);
    const { requests: counts } = (await call(`${first.url}/status`)).json;
    expect(counts.batches).toBeLessThan(counts.served);

    // A request that has begun is answered, though the signal comes before its end.
    const late = await begin(`${first.url}/predict`, JSON.stringify(sample));
    const exit = first.end('SIGTERM');
    while (!first.output.includes('finishing')) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await late()).toBe(200);
    expect(await exit).toBe(0);
    expect(first.output).toContain('stopped');
    expect(existsSync(checkpoint)).toBe(true);
    const saved = (await io.loadCheckpoint(checkpoint)).run as { globalStep: number };
    expect(saved.globalStep).toBeGreaterThanOrEqual(5);

    const second = await start(...args);
    await call(`${second.url}/train`, { epochs: 1 });
    await trained(second.url, saved.globalStep + 1);
    expect(await second.end('SIGINT')).toBe(0);
    const later = (await io.loadCheckpoint(checkpoint)).run as { globalStep: number };
    expect(later.globalStep).toBeGreaterThan(saved.globalStep);
  });
}
