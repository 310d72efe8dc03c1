# The convolutions of convolutions.mjs in PyTorch: rows of the images' own order, or channels last when tuned.
import json, os

import torch
import torch.nn.functional as F
from runner import TUNED, randn, serve

FORMAT = torch.channels_last if TUNED else torch.contiguous_format
CASES = {}


def passes(name, batch, inputs, outputs, size, kernel, stride, padding, groups=1, up=''):
    function = F.conv_transpose2d if up else F.conv2d

    def layer(x, w):
        return function(x, w, None, stride=stride, padding=padding, groups=groups)

    def operands():
        x = randn(batch, inputs, size, size).contiguous(memory_format=FORMAT)
        shape = (inputs, outputs // groups) if up else (outputs, inputs // groups)
        w = randn(*shape, kernel, kernel) / (kernel * (inputs / groups) ** 0.5)
        return [x, w.contiguous(memory_format=FORMAT)]

    def forward():
        x, w = operands()

        def step():
            with torch.no_grad():
                return layer(x, w)
        return step

    def backward(which):
        def make():
            pair = operands()
            leaf = pair[which].requires_grad_()
            y = layer(*pair)
            g = randn(*y.shape).contiguous(memory_format=FORMAT)
            return lambda: torch.autograd.grad(y, leaf, g, retain_graph=True)
        return make

    CASES[f'{name} forward'], CASES[f'{name} data'], CASES[f'{name} weight'] = forward, backward(0), backward(1)


with open(os.path.join(os.path.dirname(__file__), '..', 'shapes', 'convolutions.json')) as file:
    for network in json.load(file):
        for shape in network['layers']:
            i, o, size, k, stride, _, groups, up = (*shape, 1, '')[:8] if len(shape) == 6 else (*shape, '')[:8]
            kind = f"k{k}{f's{stride}' if stride > 1 else ''}{'dw' if groups > 1 else ''}{up}"
            passes(f"{network['net']}/{i}-{o}/{size}/{kind}", network['batch'], *shape)
serve(CASES)
