/**
 * Says which items of a dataset make each batch; a DataLoader asks it once per epoch.
 * Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.Sampler
 */
export interface BatchSampler {
  /** Batches per epoch. */
  readonly length: number;
  /** The items of every batch of an epoch, counted from 0; the same epoch gives the same batches. */
  batches(epoch: number): Iterable<ArrayLike<number>>;
}
