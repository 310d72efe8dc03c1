// Reading of the parts of a tokenizer.json: every mistake names the file and the place in it.
import { FormatError, valueText } from '../../errors.js';

/** A JSON object of a file, with the place where it stands. @internal */
export class Config {
  constructor(
    readonly op: string,
    readonly path: string,
    readonly place: string,
    readonly values: Readonly<Record<string, unknown>>,
  ) {}

  static of(op: string, path: string, place: string, value: unknown): Config {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return new Config(op, path, place, value as Record<string, unknown>);
    }
    throw new FormatError(op, path, `${place || 'the file'} must be an object, got ${valueText(value)}`);
  }

  wrong(reason: string): FormatError {
    return new FormatError(this.op, this.path, `${this.place === '' ? '' : `${this.place}: `}${reason}`);
  }

  private at(key: string): string {
    return this.place === '' ? key : `${this.place}.${key}`;
  }

  private expect(key: string, what: string): FormatError {
    return new FormatError(this.op, this.path, `${this.at(key)} must be ${what}, got ${valueText(this.values[key])}`);
  }

  has(key: string): boolean {
    return this.values[key] !== undefined && this.values[key] !== null;
  }

  string(key: string): string {
    const value = this.values[key];
    if (typeof value !== 'string') throw this.expect(key, 'a string');
    return value;
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.values[key] ?? fallback;
    if (typeof value !== 'boolean') throw this.expect(key, 'true or false');
    return value;
  }

  /** An integer >= 0. */
  index(key: string, fallback?: number): number {
    const value = this.values[key] ?? fallback;
    if (!Number.isSafeInteger(value) || (value as number) < 0) throw this.expect(key, 'an integer >= 0');
    return value as number;
  }

  array(key: string): readonly unknown[] {
    const value = this.values[key];
    if (!Array.isArray(value)) throw this.expect(key, 'an array');
    return value;
  }

  object(key: string): Config {
    return Config.of(this.op, this.path, this.at(key), this.values[key]);
  }

  /** The part under a key; null where there is none. */
  part(key: string): Config | null {
    return this.has(key) ? this.object(key) : null;
  }

  /** The objects of an array. */
  objects(key: string): Config[] {
    return this.array(key).map((item, i) => Config.of(this.op, this.path, `${this.at(key)}[${i}]`, item));
  }

  get type(): string {
    return this.string('type');
  }

  /** The error of a part that is not known here. */
  unsupported(what: string): FormatError {
    return this.wrong(`the ${what} ${valueText(this.type)} is not supported`);
  }
}
