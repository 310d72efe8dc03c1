# Writes a network of networks.py as an ONNX file: export_networks.py NAME BATCH FILE
import json, os, sys

import torch

sys.argv, (name, batch, path) = sys.argv[:1], sys.argv[1:]
here = os.path.dirname(__file__)
import networks

with open(os.path.join(here, '..', 'shapes', 'models.json')) as file:
    networks.SHAPES.update(json.load(file))
torch.backends.mha.set_fastpath_enabled(False)  # a single op, which is not in ONNX
torch.manual_seed(0)
os.makedirs(os.path.dirname(path), exist_ok=True)
with torch.no_grad():
    model, x = networks.make(name).eval(), networks.images(name, int(batch))
    torch.onnx.export(model, (x,), path + '.part', input_names=['x'], output_names=['y'], dynamo=False, opset_version=17)
os.replace(path + '.part', path)
