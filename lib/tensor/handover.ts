// Tensors that go from one thread to another without a copy (native/addon/handover.cpp).
import { native } from '../native.js';
import { emptyLikeLayout } from './create.js';
import type { DType } from './dtype.js';
import { currentScope } from './frame.js';
import { adopt, Tensor } from './tensor.js';

/** A tensor on its way, as a message can hold it. */
export interface HandedTensor {
  /** Under which it lies in the mailbox. */
  readonly token: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly dtype: DType;
}

/** A place for tensors of another thread; its number is for that thread. */
export const openMailbox = (): number => native.openMailbox();

/** Frees what nobody has taken. Nothing more can be handed over. */
export const closeMailbox = (mailbox: number): void => native.closeMailbox(mailbox);

/**
 * Gives tensors of the open scope away: they are disposed here, and lie in the mailbox of another thread. Of one that others
 * look at, too, a copy goes. Null where that is impossible, because the mailbox is closed or a kernel has failed.
 */
export async function handOver(tensors: readonly Tensor[], mailbox: number): Promise<(HandedTensor | null)[]> {
  const scope = currentScope();
  const given = tensors.map((tensor) => {
    const isOwn = scope !== null && tensor._scope === scope && tensor._isSoleUser();
    return isOwn && native.storageUsers(tensor._handle('handOver')) === 1 ? tensor : copyOf(tensor);
  });
  await native.synchronize();
  return given.map((tensor, i) => {
    const token = native.handOver(tensor._handle('handOver'), mailbox);
    if (token === 0) {
      if (tensor !== tensors[i]) tensor.dispose();
      return null;
    }
    tensor._leave();
    return { token, shape: [...tensor.shape], strides: [...tensor.strides], dtype: tensor.dtype };
  });
}

function copyOf(tensor: Tensor): Tensor {
  const copy = emptyLikeLayout(tensor);
  native.copy(copy._id, tensor._handle('handOver'));
  return copy;
}

/** Takes a tensor out of its mailbox; null where it is not there any more. */
export function takeOver({ token, shape, strides, dtype }: HandedTensor): Tensor | null {
  const tensor = new Tensor(shape, strides, dtype, null, 0);
  const id = native.takeOver(tensor, token);
  return id === 0 ? null : adopt(tensor, id);
}
