# The cases of models.mjs in PyTorch, with the networks of torchvision.
import json, os, sys

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', '..', 'test', 'fixtures'))
from torchvision_support import torchvision
from runner import DTYPE, TUNED, randn, serve

models = torchvision.models
CASES = {}


def make(name):
    if name == 'vit_s_16':
        model = models.VisionTransformer(224, 16, num_layers=12, num_heads=6, hidden_dim=384, mlp_dim=1536)
    else:
        options = {'aux_logits': False, 'init_weights': True} if name == 'googlenet' else {}
        model = getattr(models, name)(weights=None, **options)
    return layout(model.to(DTYPE[0]))


def layout(x):
    return x.to(memory_format=torch.channels_last) if TUNED else x


def inference(name, batch):
    def case():
        model, x = make(name).eval(), layout(randn(batch, 3, 224, 224))

        @torch.inference_mode()
        def step():
            return model(x)
        return step
    return case


def training(name, batch):
    def case():
        model = make(name).train()
        optimizer = torch.optim.SGD(model.parameters(), 1e-3, momentum=0.9, fused=True if TUNED else None)
        x, y = layout(randn(batch, 3, 224, 224)), torch.randint(0, 1000, (batch,))

        def step():
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            return loss
        return step
    case.unchecked = True  # dropout draws other numbers in float64
    return case


with open(os.path.join(os.path.dirname(__file__), '..', 'shapes', 'models.json')) as file:
    for name, shape in json.load(file).items():
        for batch in (1, 8):
            CASES[f'{name} b{batch}'] = inference(name, batch)
        CASES[f'{name} train'] = training(name, shape['train'])
serve(CASES)
