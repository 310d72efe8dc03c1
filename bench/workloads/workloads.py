# The nine workloads in PyTorch.
#   workloads.py default|tuned       a line `name N` on stdin runs N steps of one and prints their times (runner.py);
#                                    tuned: channels_last, fused optimizers, elementwise results in a given tensor
#   workloads.py --fixture FILE      writes what the small sizes give in float64 (test/bench/workloads.test.ts)
import json, math, os, sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'workers'))
from runner import DTYPE, TUNED, serve

SMALL = '--fixture' in sys.argv
FUSED = True if TUNED else None


def images(model_or_batch):
    return model_or_batch.to(memory_format=torch.channels_last) if TUNED else model_or_batch


def hashed(n, seed):
    """Numbers of [-0.5, 0.5) by a hash of seed and position (common.ts)."""
    with np.errstate(over='ignore'):
        h = np.arange(n, dtype=np.uint32) * np.uint32(0x9E3779B1) + np.uint32(seed * 0x85EBCA77 % 2**32)
        h = (h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B)
        h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35)
        h = h ^ (h >> np.uint32(16))
    return h.astype(np.float64) / 2**32 - 0.5


def values(shape, seed, low=-1.0, high=1.0):
    data = low + (hashed(math.prod(shape), seed) + 0.5) * (high - low)
    return torch.from_numpy(data).reshape(shape).to(torch.get_default_dtype())


def classes(n, of, seed):
    return torch.from_numpy(np.floor((hashed(n, seed) + 0.5) * of).astype(np.int64))


def fill(model):
    with torch.no_grad():
        for k, (name, p) in enumerate(sorted(model.named_parameters())):
            own = torch.from_numpy(hashed(p.numel(), 1000 + k)).reshape(p.shape)
            vector = p.dim() == 1
            factor = 0.2 if vector else math.sqrt(24 / (p.numel() / p.shape[0]))
            p.copy_(own * factor + (1.0 if vector and name.endswith('weight') else 0.0))
    return model


def trainer(model, optimizer, x, y):
    def step():
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss
    return step, list(model.parameters())


def deep_conv_net(dropout):
    def conv(i, o, p=1):
        return [nn.Conv2d(i, o, 3, padding=p), nn.ReLU()]
    return fill(nn.Sequential(
        *conv(1, 16), *conv(16, 16), nn.MaxPool2d(2), *conv(16, 32), *conv(32, 32, 2), nn.MaxPool2d(2),
        *conv(32, 64), *conv(64, 64), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(1024, 50), nn.ReLU(), nn.Dropout(dropout), nn.Linear(50, 10), nn.Dropout(dropout)))


def w1():
    batch = 4 if SMALL else 100
    model = images(deep_conv_net(0.0 if SMALL else 0.5))
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=FUSED)
    return trainer(model, optimizer, images(values([batch, 1, 28, 28], 1, 0, 1)), classes(batch, 10, 2))


def w9():
    count, batch = (12, 4) if SMALL else (10000, 100)
    model = images(deep_conv_net(0.5).eval())
    x, y = values([count, 1, 28, 28], 1, 0, 1), classes(count, 10, 3)

    @torch.inference_mode()
    def step():
        correct = torch.zeros((), dtype=torch.int64)
        for i in range(0, count, batch):
            correct = correct + (model(images(x[i:i + batch])).argmax(1) == y[i:i + batch]).sum()
        return correct
    return step, []


class Block(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(i, o, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(o)
        self.conv2 = nn.Conv2d(o, o, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(o)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or i != o:
            self.downsample = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        y += x if self.downsample is None else self.downsample(x)
        return self.relu(y)


class ResNet18(nn.Module):
    """torchvision's, with its names."""

    def __init__(self, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        i = 64
        for stage in range(4):
            o = 64 * 2**stage
            setattr(self, f'layer{stage + 1}', nn.Sequential(Block(i, o, 1 if stage == 0 else 2), Block(o, o, 1)))
            i = o
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(i, classes)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


def resnet18():
    return fill(ResNet18(10 if SMALL else 1000))


SIDE = 32 if SMALL else 224


def w2(batch):
    model, x = images(resnet18().eval()), images(values([batch, 3, SIDE, SIDE], 1, 0, 1))

    @torch.inference_mode()
    def step():
        return model(x)
    return step, []


def w2t():
    batch = 4 if SMALL else 8
    model = images(resnet18())
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, fused=FUSED)
    x, y = images(values([batch, 3, SIDE, SIDE], 1, 0, 1)), classes(batch, 10 if SMALL else 1000, 2)
    return trainer(model, optimizer, x, y)


def w3(kind, backward):
    batch, steps, inputs, hidden = (3, 5, 4, 6) if SMALL else (64, 50, 128, 256)
    model = fill(getattr(nn, kind)(inputs, hidden, batch_first=True))
    x = values([batch, steps, inputs], 1, 0, 1)

    @torch.no_grad()
    def forward():
        return model(x)[0]

    def both():
        model.zero_grad(set_to_none=True)
        loss = model(x)[0].sum()
        loss.backward()
        return loss
    return (both, list(model.parameters())) if backward else (forward, [])


def w4():
    n = 9 if SMALL else 1024
    a, b = values([n, n], 1), values([n, n], 2)
    return (lambda: a @ b), []


def w5(name):
    n = 100 if SMALL else 16 * 1024 * 1024
    a, b = values([n], 1), values([n], 2)
    if TUNED:
        out = torch.ones_like(a)  # touched, so that its pages are there
        return {'relu': lambda: torch.clamp(a, min=0, out=out), 'add': lambda: torch.add(a, b, out=out),
                'exp': lambda: torch.exp(a, out=out)}[name], []
    return {'relu': lambda: torch.relu(a), 'add': lambda: a + b, 'exp': lambda: torch.exp(a)}[name], []


def w6():
    inputs, hidden, batch = (20, 16, 8) if SMALL else (784, 512, 128)
    model = fill(nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(),
                               nn.Linear(hidden, 10)))
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=FUSED)
    return trainer(model, optimizer, values([batch, inputs], 1, 0, 1), classes(batch, 10, 2))


def w7():
    x, b = values([10, 10], 1).requires_grad_(), values([10, 10], 2)

    def step():
        x.grad = None
        y = x
        for _ in range(1000):
            y = y + b
        total = y.sum()
        total.backward()
        return total
    return step, [x]


def w8(backward):
    batch, steps, features, heads, inner = (2, 5, 8, 2, 12) if SMALL else (16, 128, 256, 8, 1024)
    model = fill(nn.TransformerEncoderLayer(features, heads, inner, dropout=0.0, batch_first=True))
    x = values([batch, steps, features], 1)

    @torch.no_grad()
    def forward():
        return model(x)

    def both():
        model.zero_grad(set_to_none=True)
        loss = model(x).square().mean()
        loss.backward()
        return loss
    if not backward:
        model.eval()
    return (both, list(model.parameters())) if backward else (forward, [])


WORKLOADS = {
    'W1': w1, 'W2i1': lambda: w2(1), 'W2i8': lambda: w2(8), 'W2t': w2t,
    'W3lf': lambda: w3('LSTM', False), 'W3lb': lambda: w3('LSTM', True),
    'W3gf': lambda: w3('GRU', False), 'W3gb': lambda: w3('GRU', True), 'W4': w4,
    'W5relu': lambda: w5('relu'), 'W5add': lambda: w5('add'), 'W5exp': lambda: w5('exp'), 'W6': w6, 'W7': w7,
    'W8f': lambda: w8(False), 'W8': lambda: w8(True), 'W9': w9,
}


def checksum(out):
    """A number that depends on every element and its place."""
    if out.dim() == 0:
        return float(out)
    return float((out.double().flatten() * torch.from_numpy(hashed(out.numel(), 99))).sum())


def fixture(path):
    torch.set_default_dtype(torch.float64)
    result = {}
    for name, make in WORKLOADS.items():
        step, leaves = make()
        results, norm = [], None
        for _ in range(3):
            results.append(checksum(step().detach()))
            if norm is None and leaves:
                norm = math.sqrt(sum(float(p.grad.square().sum()) for p in leaves))
        result[name] = {'steps': results, 'gradientNorm': norm}
    with open(path, 'w') as file:
        json.dump({'torch': torch.__version__.split('+')[0], 'workloads': result}, file, indent=1)
        file.write('\n')


def timed(name):
    def make():
        torch.set_default_dtype(DTYPE[0])
        try:
            return WORKLOADS[name]()[0]
        finally:
            torch.set_default_dtype(torch.float32)
    make.unchecked = name in ('W1', 'W9')  # dropout draws other numbers in float64; a count
    return make


if SMALL:
    fixture(sys.argv[sys.argv.index('--fixture') + 1])
else:
    serve({name: timed(name) for name in WORKLOADS})
