"""Values, gradients and second derivatives of as_strided from PyTorch 2.13; writes strided.json beside it."""
import json
import pathlib

import torch

# base shape, how the input is made of it, size, stride, offset (None: the input's own)
CASES = [
    ([6], None, [2, 3], [3, 1], None),
    ([6], None, [3, 2], [1, 2], 0),
    ([6], None, [4, 3], [1, 1], 0),  # a sliding window: elements are shared
    ([8], None, [3, 3], [2, 1], 1),
    ([5], None, [4, 2], [0, 1], 3),
    ([2, 3], None, [3, 2], [1, 3], 0),
    ([3, 4], ['select', 0, 1], [2], [2], None),
    ([3, 4], ['select', 0, 1], [3], [4], 0),  # reaches memory outside the input, which gets no gradient
    ([3, 4], ['transpose', 0, 1], [2, 3], [4, 1], 1),
    ([3], ['expand', [2, 3]], [3, 2], [1, 0], 0),  # the input shares elements too
    ([1, 3], ['expand', [4, 3]], [2, 2], [1, 1], 0),
    ([4], None, [], [], 2),
    ([2, 2, 3], None, [2, 2], [6, 2], 1),
]


def numbers(x):
    return x.detach().reshape(-1).tolist()


def main():
    torch.manual_seed(0)
    cases = []
    for shape, make, size, stride, offset in CASES:
        base = torch.randn(shape, dtype=torch.float64, requires_grad=True)
        x = base if make is None else getattr(base, make[0])(*make[1:])
        y = x.as_strided(size, stride) if offset is None else x.as_strided(size, stride, offset)
        weight = torch.randn(size, dtype=torch.float64)
        # the square makes the gradient depend on the input, so that it can be differentiated again
        (grad,) = torch.autograd.grad((y * y * weight).sum(), base, create_graph=True)
        second = torch.autograd.grad((grad * grad).sum(), base)[0]
        (own,) = torch.autograd.grad((x.as_strided(size, stride, x.storage_offset() if offset is None else offset) * weight).sum(), x)
        cases.append({
            'shape': shape, 'data': numbers(base), 'make': make, 'size': size, 'stride': stride, 'offset': offset,
            'weight': numbers(weight), 'value': numbers(y), 'grad': numbers(grad), 'second': numbers(second), 'own': numbers(own),
        })
    rows = ',\n'.join(json.dumps(c) for c in cases)
    pathlib.Path(__file__).with_name('strided.json').write_text(f'[\n{rows}\n]\n')


main()
