import { writeAtomically } from '../../data/files.js';
import { ArgumentError, valueText } from '../../errors.js';
import type { Callback, EpochLog } from '../callback.js';
import type { Trainer } from '../trainer.js';

const field = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/**
 * Writes the history as a CSV file (RFC 4180) after each epoch: a row per epoch, a column per value. The file is always
 * whole, also after a crash, and a run that is resumed goes on with it: it holds all epochs of the Trainer's history.
 *
 * @example
 * const trainer = new Trainer({ ..., callbacks: [new callbacks.CSVLogger('log.csv')] });
 *
 * @throws ArgumentError unless `path` is a path; out of `fit` an error of the system when the file cannot be written.
 */
export class CSVLogger implements Callback {
  readonly runLast = true;
  readonly path: string;

  constructor(path: string) {
    if (typeof path !== 'string' || path === '') {
      throw new ArgumentError('CSVLogger', `a path is needed, got ${valueText(path)}`, path);
    }
    this.path = path;
  }

  async onEpochEnd(_: EpochLog, trainer: Trainer): Promise<void> {
    const { epochs } = trainer.history;
    const columns = [...new Set(epochs.flatMap((log) => Object.keys(log)))];
    const rows = epochs.map((log) => columns.map((name) => (name in log ? String(log[name]) : '')));
    const text = [columns.map(field), ...rows].map((row) => `${row.join(',')}\n`).join('');
    await writeAtomically(this.path, (file) => file.writeFile(text));
  }
}
