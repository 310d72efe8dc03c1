# The cases of transforms.mjs with torchvision: a batch draws once for all its images, but for the rows named `each`.
import os, sys

import torch

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', '..', 'test', 'fixtures'))
from torchvision_support import torchvision
import torchvision.transforms.v2 as t
from runner import serve

SIZES = {'small': (256, 1, 28, 28), 'large': (32, 3, 224, 224)}
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
BILINEAR = t.InterpolationMode.BILINEAR
CASES = {}


def add(name, shape, make, each=False):
    def case():
        transform, images = make(), torch.randint(0, 256, shape, dtype=torch.uint8)
        if each:
            return lambda: torch.stack([transform(image) for image in images])
        return lambda: transform(images)
    case.unchecked = True  # random
    CASES[name] = case


def cases_of(size, shape):
    channels, side = shape[1], shape[2]

    def normalize():
        return [t.ToDtype(torch.float32, scale=True), t.Normalize(MEAN[:channels], STD[:channels])]

    def moved():
        return [t.RandomCrop(side, padding=4), t.RandomHorizontalFlip()]

    def standard():
        return t.Compose([*moved(), t.RandomRotation(15, BILINEAR), *normalize()])

    add(f'{size} standard', shape, standard)
    add(f'{size} standard each', shape, standard, each=True)
    add(f'{size} crop flip', shape, lambda: t.Compose(moved()))
    add(f'{size} rotate', shape, lambda: t.RandomRotation(15, BILINEAR))
    add(f'{size} affine', shape, lambda: t.RandomAffine(10, (0.1, 0.1), (0.9, 1.1), 5, BILINEAR))
    add(f'{size} resized', shape, lambda: t.RandomResizedCrop(side))
    add(f'{size} normalize', shape, lambda: t.Compose(normalize()))
    if channels == 3:
        add(f'{size} jitter', shape, lambda: t.ColorJitter(0.4, 0.4, 0.4, 0.1))
    add(f'{size} blur', shape, lambda: t.GaussianBlur(5))


for size, shape in SIZES.items():
    cases_of(size, shape)
serve(CASES)
