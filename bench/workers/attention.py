# The cases of attention.mjs in PyTorch.
import json, os

import torch
import torch.nn.functional as F
from runner import randn, serve

CASES = {}


def heads_of(shape):
    n, h, l, e = shape
    return randn(n, l, h, e).transpose(1, 2)


def case(name, query, key, causal=False, grouped=False, inference=False):
    options = {'is_causal': causal, 'enable_gqa': grouped}

    def forward():
        q, k, v = heads_of(query), heads_of(key), heads_of(key)

        def step():
            with torch.no_grad():
                return F.scaled_dot_product_attention(q, k, v, **options)
        return step

    def backward():
        leaves = [heads_of(shape).requires_grad_() for shape in (query, key, key)]
        g = heads_of(query)

        def step():
            for x in leaves:
                x.grad = None
            F.scaled_dot_product_attention(*leaves, **options).backward(g)
            return [x.grad for x in leaves]
        return step

    CASES[f'{name} forward'] = forward
    if not inference:
        CASES[f'{name} backward'] = backward


with open(os.path.join(os.path.dirname(__file__), '..', 'shapes', 'attention.json')) as file:
    for name, shape in json.load(file).items():
        case(name, **shape)
serve(CASES)
