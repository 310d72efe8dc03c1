# The cases of networks.mjs in PyTorch, with the networks of torchvision, and those of the tests where it has none.
import json, os, sys

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', '..', 'test', 'fixtures'))
from classic_models import CLASSIC
from model_references import get_model
from runner import DTYPE, TUNED, randn, serve

SHAPES = {}
CASES = {}


def make(name):
    options = {'aux_logits': False, 'init_weights': True} if name in ('googlenet', 'inception_v3') else {}
    if name in CLASSIC:
        model = CLASSIC[name](1000 if name in ('nin', 'alexnet_2012') else 10)
    else:
        model = get_model(name, **options)
    return layout(model.to(DTYPE[0]), len(input_of(name)) + 1)


def input_of(name):
    return SHAPES[name].get('input', [3, 224, 224])


def layout(x, axes):
    return x.to(memory_format=torch.channels_last if axes == 4 else torch.channels_last_3d) if TUNED else x


def images(name, batch):
    shape = [batch, *input_of(name)]
    return layout(randn(*shape), len(shape))


def inference(name, batch):
    def case():
        model, x = make(name).eval(), images(name, batch)

        @torch.inference_mode()
        def step():
            return model(x)
        return step
    return case


def training(name, batch):
    def case():
        model = make(name).train()
        optimizer = torch.optim.SGD(model.parameters(), 1e-3, momentum=0.9, fused=True if TUNED else None)
        x, y = images(name, batch), torch.randint(0, 10, (batch,))

        def step():
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            return loss
        return step
    case.unchecked = True  # dropout draws other numbers in float64
    return case


def serve_networks(file_name):
    with open(os.path.join(os.path.dirname(__file__), '..', 'shapes', f'{file_name}.json')) as file:
        SHAPES.update(json.load(file))
    for name, shape in SHAPES.items():
        for batch in (1, 8):
            CASES[f'{name} b{batch}'] = inference(name, batch)
        if shape['train'] > 0:
            CASES[f'{name} train'] = training(name, shape['train'])
    serve(CASES)
