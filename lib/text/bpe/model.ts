// Byte-pair encoding of one word. Source: Sennrich et al., https://arxiv.org/abs/1508.07909
import { ArgumentError, valueText } from '../../errors.js';
import { Heap } from '../heap.js';

/** Two tokens that are joined. The first in a list is joined first. */
export type Merge = readonly [left: string, right: string];

/** What a model is made of; the names are those of `tokenizer.json`. */
export interface BpeModelOptions {
  /** The token for characters that the vocabulary does not have. Default null: they are an error. */
  unkToken?: string | null;
  /** What stands before tokens inside a word. Default none. */
  continuingSubwordPrefix?: string | null;
  /** What stands behind the last token of a word. Default none. */
  endOfWordSuffix?: string | null;
  /** Unknown characters that follow each other become one unknown token. Default false. */
  fuseUnk?: boolean;
  /** Unknown characters become tokens `<0x00>` of their bytes where the vocabulary has these. Default false. */
  byteFallback?: boolean;
  /** A word that is a token is that token, whatever the merges say. Default false. */
  ignoreMerges?: boolean;
}

/** Words up to this many tokens are searched through for the next merge; longer ones use a heap. */
const SHORT = 24;
const CACHED_LENGTH = 64;
const CACHED_WORDS = 1 << 16;

interface Candidate {
  readonly rank: number;
  readonly at: number;
  readonly left: number;
  readonly right: number;
}

/** Vocabulary and merges; splits one word into tokens. @internal */
export class BpeModel {
  readonly options: Required<BpeModelOptions>;
  private readonly idTokens: (string | undefined)[] = [];
  /** The rank of a pair of tokens, by left * size + right. */
  private readonly ranks = new Map<number, number>();
  private readonly mergedIds: Int32Array;
  private readonly size: number;
  private readonly cache = new Map<string, readonly number[]>();

  /** Every merge must be of tokens in the vocabulary, and so must what it makes. */
  constructor(
    readonly vocab: ReadonlyMap<string, number>,
    readonly merges: readonly Merge[],
    options: BpeModelOptions = {},
  ) {
    this.options = {
      unkToken: options.unkToken ?? null,
      continuingSubwordPrefix: options.continuingSubwordPrefix ?? null,
      endOfWordSuffix: options.endOfWordSuffix ?? null,
      fuseUnk: options.fuseUnk ?? false,
      byteFallback: options.byteFallback ?? false,
      ignoreMerges: options.ignoreMerges ?? false,
    };
    const { unkToken } = this.options;
    if (unkToken !== null && !vocab.has(unkToken)) {
      throw new ArgumentError(
        'BpeModel',
        `the unknown token ${valueText(unkToken)} is not in the vocabulary`,
        unkToken,
      );
    }
    for (const [token, id] of vocab) this.idTokens[id] = token;
    this.size = this.idTokens.length;
    this.mergedIds = new Int32Array(merges.length);
    this.addMerges();
  }

  private addMerges(): void {
    const skipped = this.options.continuingSubwordPrefix?.length ?? 0;
    for (const [rank, [left, right]] of this.merges.entries()) {
      const ids = [left, right, left + right.slice(skipped)].map((token) => {
        const id = this.vocab.get(token);
        if (id !== undefined) return id;
        throw new ArgumentError('BpeModel', `merge ${rank} needs ${valueText(token)}, which is no token`, token);
      });
      this.mergedIds[rank] = ids[2];
      this.ranks.set(ids[0] * this.size + ids[1], rank);
    }
  }

  /** The token with a number; undefined when there is none. */
  tokenOf(id: number): string | undefined {
    return this.idTokens[id];
  }

  /**
   * The tokens of a word.
   * @param transform gives the characters that the vocabulary is made of; called only for words not seen lately
   */
  encode(word: string, transform?: (word: string) => string): readonly number[] {
    const known = this.cache.get(word);
    if (known !== undefined) return known;
    const ids = this.encodeNew(transform === undefined ? word : transform(word));
    if (word.length <= CACHED_LENGTH) {
      if (this.cache.size === CACHED_WORDS) this.cache.clear();
      this.cache.set(word, ids);
    }
    return ids;
  }

  private encodeNew(word: string): readonly number[] {
    if (this.options.ignoreMerges) {
      const id = this.vocab.get(word);
      if (id !== undefined) return [id];
    }
    const ids = this.characters(word);
    return ids.length <= SHORT ? this.mergeShort(ids) : this.mergeLong(ids);
  }

  /** The tokens of single characters, before any merge. */
  private characters(word: string): number[] {
    const { unkToken, continuingSubwordPrefix: prefix, endOfWordSuffix: suffix, fuseUnk, byteFallback } = this.options;
    const ids: number[] = [];
    let wasUnknown = false;
    for (let at = 0; at < word.length; ) {
      const char = String.fromCodePoint(word.codePointAt(at)!);
      const isFirst = at === 0;
      at += char.length;
      let token = char;
      if (prefix !== null && !isFirst) token = prefix + token;
      if (suffix !== null && at === word.length) token += suffix;
      const id = this.vocab.get(token);
      const bytes = id === undefined && byteFallback ? this.byteIds(token) : null;
      if (id !== undefined) ids.push(id);
      else if (bytes !== null) ids.push(...bytes);
      else if (unkToken === null) {
        throw new ArgumentError(
          'encode',
          `the token ${valueText(token)} is unknown, and there is no unknown token`,
          token,
        );
      } else if (!(fuseUnk && wasUnknown)) ids.push(this.vocab.get(unkToken)!);
      wasUnknown = id === undefined && bytes === null;
    }
    return ids;
  }

  private byteIds(token: string): number[] | null {
    const ids: number[] = [];
    for (const byte of Buffer.from(token, 'utf8')) {
      const id = this.vocab.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
      if (id === undefined) return null;
      ids.push(id);
    }
    return ids;
  }

  /** Joins the pair of the lowest rank, the leftmost of equal ones, until none is left. */
  private mergeShort(ids: number[]): number[] {
    const { ranks, size, mergedIds } = this;
    const pairRanks: number[] = [];
    const rankAt = (i: number) => ranks.get(ids[i] * size + ids[i + 1]) ?? Number.POSITIVE_INFINITY;
    for (let i = 0; i + 1 < ids.length; i++) pairRanks.push(rankAt(i));
    for (;;) {
      let best = Number.POSITIVE_INFINITY;
      let at = -1;
      for (let i = 0; i < pairRanks.length; i++) {
        if (pairRanks[i] < best) {
          best = pairRanks[i];
          at = i;
        }
      }
      if (at < 0) return ids;
      ids[at] = mergedIds[best];
      ids.splice(at + 1, 1);
      pairRanks.splice(at, 1);
      if (at > 0) pairRanks[at - 1] = rankAt(at - 1);
      if (at + 1 < ids.length) pairRanks[at] = rankAt(at);
    }
  }

  /** The same with a heap of pairs over a linked list: n log n steps for n characters. */
  private mergeLong(ids: number[]): number[] {
    const { ranks, size, mergedIds } = this;
    const count = ids.length;
    const next = Int32Array.from({ length: count }, (_, i) => i + 1);
    const before = Int32Array.from({ length: count }, (_, i) => i - 1);
    const heap = new Heap<Candidate>((a, b) => a.rank < b.rank || (a.rank === b.rank && a.at < b.at));
    const offer = (at: number): void => {
      if (at < 0 || next[at] >= count) return;
      const [left, right] = [ids[at], ids[next[at]]];
      const rank = ranks.get(left * size + right);
      if (rank !== undefined) heap.push({ rank, at, left, right });
    };
    for (let i = 0; i + 1 < count; i++) offer(i);
    for (let one = heap.pop(); one !== undefined; one = heap.pop()) {
      const { rank, at, left, right } = one;
      const second = next[at];
      if (ids[at] !== left || second >= count || ids[second] !== right) continue; // one of them was joined since
      ids[at] = mergedIds[rank];
      ids[second] = -1;
      next[at] = next[second];
      if (next[at] < count) before[next[at]] = at;
      offer(before[at]);
      offer(at);
    }
    return ids.filter((id) => id >= 0);
  }
}
