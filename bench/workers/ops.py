# The operations of ops.mjs in PyTorch, eager.
import time

import torch
import torch.nn.functional as F
from runner import rand, randn, serve

torch.manual_seed(0)
N = 16 * 1024 * 1024
SIDE = 4096


def vector():
    return rand(N) + 0.5


def matrix():
    return randn(SIDE, SIDE)


POINTWISE = {
    'add': (torch.add, lambda: (vector(), vector())),
    'mul': (torch.mul, lambda: (vector(), vector())),
    'relu': (torch.relu, lambda: (randn(N),)),
    'exp': (torch.exp, lambda: (vector(),)),
    'tanh': (torch.tanh, lambda: (vector(),)),
    'sigmoid': (torch.sigmoid, lambda: (vector(),)),
    'log': (torch.log, lambda: (vector(),)),
    'pow': (torch.pow, lambda: (vector(), 1.7)),
}


def pointwise(name):
    fn, inputs = POINTWISE[name]
    args = inputs()
    return lambda: fn(*args)


def pointwise_out(name):
    fn, inputs = POINTWISE[name]
    args = inputs()
    out = torch.ones(N, dtype=args[0].dtype)  # touched, so that its pages are there
    if name == 'relu':  # takes no out
        return lambda: torch.clamp(args[0], min=0, out=out)
    return lambda: fn(*args, out=out)


def on_matrix(fn):
    def make():
        x = matrix()
        return lambda: fn(x)
    return make


def where():
    a, b = vector(), vector()
    condition = a < b
    return lambda: torch.where(condition, a, b)


def lt():
    a, b = vector(), vector()
    return lambda: a < b


def on(fn, *shape):
    def make():
        x = randn(*shape)
        return lambda: fn(x)
    return make


def gather():
    x, index = matrix(), torch.randint(0, SIDE, (SIDE, SIDE))
    return lambda: x.gather(1, index)


def index_select():
    x, index = randn(32768, 512), torch.randint(0, 32768, (8192,))
    return lambda: x.index_select(0, index)


def embedding():
    table = randn(32000, 512, requires_grad=True)
    tokens = torch.randint(0, 32000, (16, 512))

    def run():
        table.grad = None
        F.embedding(tokens, table).sum().backward()
        return table.grad
    return run


def cat():
    parts = [randn(1024, 2048) for _ in range(8)]
    return lambda: torch.cat(parts, 1)


def adds():
    x = randn(10, 10, requires_grad=True)
    b = randn(10, 10)

    def run():
        x.grad = None
        y = x
        for _ in range(1000):
            y = y + b
        y.sum().backward()
        return y
    return run


def enqueue(grad):
    def make():
        x = randn(10, 10, requires_grad=grad)
        b = randn(10, 10)

        def run():
            start = time.perf_counter()
            for _ in range(500):
                x + b
            return (time.perf_counter() - start) * 1e3 / 500
        return run
    return make


CASES = {
    'where': where, 'lt': lt,
    'sum': on_matrix(lambda x: x.sum()), 'sum rows': on_matrix(lambda x: x.sum(1)),
    'sum columns': on_matrix(lambda x: x.sum(0)), 'max': on_matrix(lambda x: x.max()),
    'max rows': on_matrix(lambda x: x.max(1)), 'var': on_matrix(lambda x: x.var()),
    'var rows': on_matrix(lambda x: x.var(1)), 'argmax': on_matrix(lambda x: x.argmax(1)),
    'logsumexp': on_matrix(lambda x: x.logsumexp(1)), 'cumsum rows': on_matrix(lambda x: x.cumsum(1)),
    'cumsum columns': on_matrix(lambda x: x.cumsum(0)), 'sort': on(lambda x: x.sort(1), 1024, SIDE),
    'sort vector': on(lambda x: x.sort(), 1024 * 1024), 'topk': on(lambda x: x.topk(10, 1), 1024, SIDE),
    'transpose': on_matrix(lambda x: x.t().contiguous()),
    'NCHW to NHWC': on(lambda x: x.contiguous(memory_format=torch.channels_last), 32, 64, 56, 56),
    'gather': gather, 'indexSelect': index_select, 'embedding': embedding, 'cat': cat,
    'pad': on(lambda x: F.pad(x, (1, 1, 1, 1)), 32, 64, 56, 56), '1000 adds': adds,
}
TIMED = {'enqueue': enqueue(False), 'enqueue with tape': enqueue(True)}
for key in POINTWISE:
    CASES[key] = lambda key=key: pointwise(key)
    CASES[key + ' out'] = lambda key=key: pointwise_out(key)

serve(CASES, TIMED)
