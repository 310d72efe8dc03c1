# Writes the inference workloads as ONNX files: export_onnx.py FOLDER
import os, sys

sys.argv, folder = sys.argv[:1], sys.argv[1]
sys.stdin = open(os.devnull)  # importing workloads.py serves an empty list of tasks
sys.stdout = open(os.devnull, 'w')
import torch
import torch.nn as nn
import workloads as w


class Apply(nn.Module):
    def __init__(self, fn):
        super().__init__()
        self.fn = fn

    def forward(self, *inputs):
        return self.fn(*inputs)


class Outputs(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)[0]


class Encoder(nn.Module):
    """A transformer's encoder layer whose attention the exporter can follow: asked for its weights it is plain products."""

    def __init__(self):
        super().__init__()
        self.layer = w.fill(nn.TransformerEncoderLayer(256, 8, 1024, dropout=0.0, batch_first=True))

    def forward(self, x):
        layer = self.layer
        y = layer.norm1(x + layer.self_attn(x, x, x, need_weights=True)[0])
        return layer.norm2(y + layer.linear2(torch.relu(layer.linear1(y))))


def recurrent(kind):
    return Outputs(w.fill(getattr(nn, kind)(128, 256, batch_first=True)))


N = 16 * 1024 * 1024
JOBS = {
    'W2i1': lambda: (w.resnet18(), [w.values([1, 3, 224, 224], 1, 0, 1)]),
    'W2i8': lambda: (w.resnet18(), [w.values([8, 3, 224, 224], 1, 0, 1)]),
    'W3lf': lambda: (recurrent('LSTM'), [w.values([64, 50, 128], 1, 0, 1)]),
    'W3gf': lambda: (recurrent('GRU'), [w.values([64, 50, 128], 1, 0, 1)]),
    'W4': lambda: (Apply(lambda a, b: a @ b), [w.values([1024, 1024], 1), w.values([1024, 1024], 2)]),
    'W5relu': lambda: (Apply(torch.relu), [w.values([N], 1)]),
    'W5add': lambda: (Apply(lambda a, b: a + b), [w.values([N], 1), w.values([N], 2)]),
    'W5exp': lambda: (Apply(torch.exp), [w.values([N], 1)]),
    'W8f': lambda: (Encoder(), [w.values([16, 128, 256], 1)]),
    'W9': lambda: (w.deep_conv_net(0.5), [w.values([100, 1, 28, 28], 1, 0, 1)]),
}
torch.backends.mha.set_fastpath_enabled(False)  # a single op, which is not in ONNX
os.makedirs(folder, exist_ok=True)
for name, make in JOBS.items():
    model, inputs = make()
    names = ['a', 'b'][:len(inputs)]
    path = os.path.join(folder, f'{name}.onnx')
    torch.onnx.export(model.eval(), tuple(inputs), path + '.part', input_names=names, output_names=['y'], dynamo=False,
                      opset_version=17)
    os.replace(path + '.part', path)
