"""Results of torch.autograd.functional in PyTorch 2.13; writes functional.json beside it."""
import json
import pathlib

import torch
from torch.autograd import functional as AF

FUNCTIONS = {
    'rows': lambda x: (x.exp() * x).sum(1),
    'outer': lambda x, y: x.unsqueeze(1) * y.unsqueeze(0) ** 2,
    'two': lambda x, y: (x.sin() * y.sum(), y * y * y),
    'constant': lambda x, y: (x * 2).sum(0, keepdim=True),
    'energy': lambda x: (x ** 3).sum() * x.sum(),
    'mixed': lambda x, y: (x.sin() * (y ** 2).sum()).sum() + y.prod(),
}
SHAPES = {'rows': [[2, 3]], 'outer': [[2], [3]], 'two': [[3], [2]], 'constant': [[3], [2]], 'energy': [[2, 2]], 'mixed': [[3], [2]]}


def tree(x):
    if isinstance(x, torch.Tensor):
        return {'shape': list(x.shape), 'data': x.detach().reshape(-1).tolist()}
    return [tree(item) for item in x]


def main():
    torch.manual_seed(5)
    cases = []
    for name, fn in FUNCTIONS.items():
        inputs = [torch.randn(s, dtype=torch.float64) for s in SHAPES[name]]
        given = inputs[0] if len(inputs) == 1 else tuple(inputs)
        out = fn(*inputs)
        like_out = torch.randn_like(out) if isinstance(out, torch.Tensor) else tuple(torch.randn_like(y) for y in out)
        like_in = torch.randn_like(inputs[0]) if len(inputs) == 1 else tuple(torch.randn_like(x) for x in inputs)
        case = {
            'name': name, 'inputs': tree(inputs), 'vOut': tree(like_out), 'vIn': tree(like_in),
            'jacobian': tree(AF.jacobian(fn, given)),
            'vjp': tree(AF.vjp(fn, given, like_out)),
            'jvp': tree(AF.jvp(fn, given, like_in)),
        }
        if name in ('energy', 'mixed'):
            case['hessian'] = tree(AF.hessian(fn, given))
            case['vhp'] = tree(AF.vhp(fn, given, like_in))
            case['hvp'] = tree(AF.hvp(fn, given, like_in))
        cases.append(case)
    rows = ',\n'.join(json.dumps(c) for c in cases)
    pathlib.Path(__file__).with_name('functional.json').write_text(f'[\n{rows}\n]\n')


main()
