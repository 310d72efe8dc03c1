/** A dataset in a module that only a loader for TypeScript can read. */
export class Squares {
  constructor(readonly length: number) {}
  get(index: number): number {
    return index ** 2;
  }
}
