# The products of gemm.mjs in PyTorch; tuned: into a given tensor.
import json, os

import torch
from runner import DTYPE, TUNED, randn, serve


def operand(rows, columns, kind):
    return randn(columns, rows).t() if kind == 't' else randn(rows, columns)


def case(m, k, n, left, right):
    def make():
        a, b = operand(m, k, left), operand(k, n, right)
        out = torch.ones(m, n, dtype=a.dtype)  # touched, so that its pages are there
        return (lambda: torch.mm(a, b, out=out)) if TUNED else (lambda: a @ b)
    return make


def rounded(x):
    return x.bfloat16() if DTYPE[0] == torch.float32 else x.bfloat16().to(DTYPE[0])


def narrow(m, k, n, left, right):
    def make():
        a, b = rounded(operand(m, k, left)), rounded(operand(k, n, right))
        out = torch.ones(m, n, dtype=a.dtype)

        def run():
            product = torch.mm(a, b, out=out) if TUNED else a @ b
            return lambda: product.to(DTYPE[0])
        return run
    return make


with open(os.path.join(os.path.dirname(__file__), '..', 'shapes', 'products.json')) as file:
    shapes = [shape for group in json.load(file).values() for shape in group]
cases = {f'{m}x{k}x{n} {left}{right}': case(m, k, n, left, right)
         for m, k, n in shapes for left in 'nt' for right in 'nt'}
for m, k, n in shapes:
    for right in 'nt':
        cases[f'{m}x{k}x{n} n{right}/bfloat16'] = narrow(m, k, n, 'n', right)
serve(cases)
