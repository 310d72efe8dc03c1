// The file of a study: one line of JSON for each trial that has ended, with a checksum.
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { writeAtomically } from '../data/files.js';
import { ArgumentError, FormatError, WriteError } from '../errors.js';
import type { FinishedTrial } from './samplers.js';

const FORMAT = 'nabla.study';
const VERSION = 1;

/** What must be the same when a study goes on. */
export interface StudyHead {
  readonly direction: string;
  readonly seed: number;
  readonly space: unknown;
}

interface Head extends StudyHead {
  readonly format: string;
  readonly version: number;
}

const line = (content: unknown): string => {
  const json = JSON.stringify(content);
  return `{"crc":${crc32(json)},"content":${json}}\n`;
};

/** @internal A study's file. What was written is on the disk; a line that a kill has cut off is left out when it is read. */
export class StudyFile {
  /** Writes follow one another. */
  private last: Promise<unknown> = Promise.resolve();
  private begun = false;

  constructor(
    readonly path: string,
    private readonly head: StudyHead,
  ) {}

  /** The head and the trials of a file, or null when there is none. */
  static read(op: string, path: string): { head: StudyHead; trials: FinishedTrial[] } | null {
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw new FormatError(op, path, `cannot be read: ${(error as Error).message}`);
    }
    const lines = text.split('\n');
    // Behind the last line feed stands nothing, or what a kill has left of a line.
    lines.pop();
    if (lines.length === 0) throw new FormatError(op, path, 'holds no complete line', 0);
    const head = parse(op, path, lines[0], 1) as Partial<Head>;
    if (head?.format !== FORMAT) throw new FormatError(op, path, 'is no study', 0);
    if (head.version !== VERSION) throw new FormatError(op, path, `has version ${head.version}, expected ${VERSION}`);
    const seen = new Set<number>();
    const trials = lines.slice(1).map((one, i) => {
      const trial = parse(op, path, one, i + 2) as FinishedTrial;
      if (seen.has(trial?.number))
        throw new FormatError(op, path, `line ${i + 2}: trial ${trial.number} stands there twice`);
      seen.add(trial?.number);
      return trial;
    });
    return { head: head as StudyHead, trials };
  }

  /** Adds trials to the file and waits until they are on the disk. The first time the whole file is written anew. */
  append(op: string, before: readonly FinishedTrial[], trial: FinishedTrial): Promise<void> {
    const write = this.last.then(async () => {
      try {
        if (this.begun) await this.add(line(trial));
        else {
          const head = { format: FORMAT, version: VERSION, ...this.head };
          const all = [head, ...before, trial].map(line).join('');
          await writeAtomically(this.path, async (file) => {
            await file.writeFile(all);
          });
          this.begun = true;
        }
      } catch (error) {
        // Half a line may stand at the end; the next write replaces the file.
        this.begun = false;
        throw new WriteError(op, this.path, error);
      }
    });
    this.last = write.catch(() => undefined);
    return write;
  }

  private async add(text: string): Promise<void> {
    const file = await open(this.path, 'a');
    try {
      await file.writeFile(text);
      await file.datasync();
    } finally {
      await file.close();
    }
  }
}

function parse(op: string, path: string, text: string, number: number): unknown {
  const fail = (reason: string): never => {
    throw new FormatError(op, path, `line ${number}: ${reason}`);
  };
  const match = /^\{"crc":(\d{1,10}),"content":(.*)\}$/.exec(text);
  if (match === null) return fail('is no line of a study');
  if (crc32(match[2]) !== Number(match[1])) return fail('its checksum is wrong');
  try {
    return JSON.parse(match[2]);
  } catch {
    return fail('is no JSON');
  }
}

/** @internal A study goes on only as it began. */
export function checkHead(op: string, path: string, found: StudyHead, head: StudyHead): void {
  for (const key of ['direction', 'seed', 'space'] as const) {
    const [theirs, ours] = [found[key], head[key]].map((value) => JSON.stringify(value));
    if (theirs === ours) continue;
    const change = key === 'space' ? 'has another space' : `has ${key} ${theirs}, not ${ours}`;
    throw new ArgumentError(op, `the study in ${path} ${change}`, found[key]);
  }
}
