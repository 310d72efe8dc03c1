// Clients of the server: they ask for predictions and note how long each took.
import { Agent, request } from 'node:http';

export interface LoadResult {
  /** Milliseconds, of requests that were answered with 200. */
  p50: number;
  p99: number;
  max: number;
  perSecond: number;
  failed: number;
}

export interface LoadOptions {
  clients: number;
  seconds: number;
  /** Requests a second of all clients together; a late answer makes none of the others late. Default: as fast as it goes. */
  rate?: number;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** Posts `body` where there is one. */
export async function fetchJson<T>(url: string, body?: unknown): Promise<T> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, body === undefined ? {} : { method: 'POST', headers, body: JSON.stringify(body) });
  return (await response.json()) as T;
}

/** Posts `body` to `url` again and again. */
export async function load(url: string, body: string, { clients, seconds, rate }: LoadOptions): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const post = (): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const call = request(url, { method: 'POST', agent, headers }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode));
      });
      call.on('error', reject).end(body);
    });
  const times: number[] = [];
  let failed = 0;
  const start = performance.now();
  const end = start + 1000 * seconds;
  const gap = rate === undefined ? 0 : (1000 * clients) / rate;
  const client = async (number: number): Promise<void> => {
    // Measured from when the request was due: a server that stalls is charged for all that would have come meanwhile.
    for (let due = start + (gap * number) / clients; due < end; due += gap) {
      if (gap === 0) due = performance.now();
      else if (due > performance.now()) await sleep(due - performance.now());
      const status = await post().catch(() => undefined);
      if (status === 200) times.push(performance.now() - due);
      else failed++;
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
  const took = (performance.now() - start) / 1000;
  agent.destroy();
  times.sort((a, b) => a - b);
  const at = (share: number): number => percentile(times, share);
  return { p50: at(0.5), p99: at(0.99), max: at(1), perSecond: times.length / took, failed };
}
