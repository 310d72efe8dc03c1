# The same step in PyTorch; tuned: channels_last and fused Adam.
import torch
import torch.nn as nn
import torch.nn.functional as F
from runner import TUNED, serve


def block(i, o, p=1):
    return [nn.Conv2d(i, o, 3, padding=p), nn.ReLU()]


def step():
    torch.manual_seed(0)
    model = nn.Sequential(
        *block(1, 16), *block(16, 16), nn.MaxPool2d(2), *block(16, 32), *block(32, 32, 2), nn.MaxPool2d(2),
        *block(32, 64), *block(64, 64), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(1024, 50), nn.ReLU(), nn.Dropout(0.5), nn.Linear(50, 10), nn.Dropout(0.5))
    for layer in model:
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(layer.weight, nonlinearity='relu')
            nn.init.zeros_(layer.bias)
    x = torch.rand(100, 1, 28, 28)
    y = torch.randint(0, 10, (100,))
    if TUNED:
        model = model.to(memory_format=torch.channels_last)
        x = x.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True if TUNED else None)

    def run():
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()
    return run


step.unchecked = True  # dropout draws other numbers in float64
serve({'step': step})
