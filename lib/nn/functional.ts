// torch.nn.functional: re-exports of the functions in lib/ops, one line a family.
export {};
