# The cases of layers.mjs in PyTorch, eager.
import torch
import torch.nn.functional as F
from runner import randn, serve

torch.manual_seed(0)
CASES = {}
LARGE = ('crossEntropy', 'ctc 32000')  # too large for a second time in float64


def leaf(*shape):
    return randn(*shape, requires_grad=True)


def layer(name, make):
    """make() returns the function and the tensors whose gradients are taken."""

    def forward():
        run, *_ = make()

        def step():
            with torch.no_grad():
                return run()
        return step

    def backward():
        run, *leaves = make()
        g = randn(run().shape)

        def step():
            for x in leaves:
                x.grad = None
            run().backward(g)
            return [x.grad for x in leaves]
        return step

    forward.unchecked = backward.unchecked = name in LARGE
    CASES[name], CASES[f'{name} backward'] = forward, backward


def on_input(name, shape, fn):
    def make():
        x = leaf(*shape)
        return lambda: fn(x), x
    layer(name, make)


def cross_entropy():
    x, target = leaf(4096, 32000), torch.randint(0, 32000, (4096,))
    return lambda: F.cross_entropy(x, target), x


def layer_norm():
    x, w, b = leaf(2048, 768), leaf(768), leaf(768)
    return lambda: F.layer_norm(x, (768,), w, b), x, w, b


def rms_norm():
    x, w = leaf(2048, 768), leaf(768)
    return lambda: F.rms_norm(x, (768,), w), x, w


def group_norm():
    x, w, b = leaf(32, 256, 56, 56), leaf(256), leaf(256)
    return lambda: F.group_norm(x, 32, w, b), x, w, b


def embedding():
    table, tokens = leaf(32000, 768), torch.randint(0, 32000, (16, 128))
    return lambda: F.embedding(tokens, table), table


def embedding_bag():
    table, tokens = leaf(32000, 128), torch.randint(0, 32000, (2048, 32))
    return lambda: F.embedding_bag(tokens, table, mode='mean'), table


def ctc(classes):
    def make():
        x = randn(200, 32, classes).log_softmax(-1).requires_grad_()
        targets = torch.randint(1, classes, (32, 50))
        inputs, lengths = torch.full((32,), 200), torch.full((32,), 50)
        return lambda: F.ctc_loss(x, targets, inputs, lengths), x
    return make


def on_images(name, shape, fn, *parameters):
    def make():
        x = randn(*shape).contiguous(memory_format=torch.channels_last).requires_grad_()
        leaves = [leaf(size) for size in parameters]
        return lambda: fn(x, *leaves), x, *leaves
    layer(name, make)


HIDDEN = (16, 128, 3072)
on_input('softmax', (96, 128, 128), lambda x: x.softmax(-1))
on_input('logSoftmax', (1024, 32000), lambda x: x.log_softmax(-1))
on_input('gelu', HIDDEN, F.gelu)
on_input('gelu tanh', HIDDEN, lambda x: F.gelu(x, approximate='tanh'))
on_input('silu', HIDDEN, F.silu)
on_input('mish', HIDDEN, F.mish)
for name, make in {'crossEntropy': cross_entropy, 'layerNorm': layer_norm, 'rmsNorm': rms_norm, 'groupNorm': group_norm,
                   'embedding': embedding, 'embeddingBag': embedding_bag, 'ctc 30': ctc(30), 'ctc 32000': ctc(32000)}.items():
    layer(name, make)
on_images('batchNorm', (32, 64, 56, 56), lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True), 64, 64)
on_images('maxPool', (32, 64, 112, 112), lambda x: F.max_pool2d(x, 3, stride=2, padding=1))
on_images('maxPool 2x2', (32, 64, 56, 56), lambda x: F.max_pool2d(x, 2))
on_images('avgPool', (32, 64, 56, 56), lambda x: F.avg_pool2d(x, 2))
on_images('global avgPool', (32, 2048, 7, 7), lambda x: F.adaptive_avg_pool2d(x, 1))
on_images('bilinear', (8, 64, 56, 56), lambda x: F.interpolate(x, scale_factor=2, mode='bilinear'))
on_images('pad', (32, 64, 56, 56), lambda x: F.pad(x, (1, 1, 1, 1)))
serve(CASES)
