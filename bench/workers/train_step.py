# The same step in PyTorch; argument: eager, or tuned (channels_last and fused Adam).
import json, resource, sys, time

import torch
import torch.nn as nn
import torch.nn.functional as F

TUNED = sys.argv[1] == "tuned"
torch.set_num_threads(2)
torch.manual_seed(0)


def block(i, o, p=1):
    return [nn.Conv2d(i, o, 3, padding=p), nn.ReLU()]


model = nn.Sequential(
    *block(1, 16), *block(16, 16), nn.MaxPool2d(2), *block(16, 32), *block(32, 32, 2), nn.MaxPool2d(2),
    *block(32, 64), *block(64, 64), nn.MaxPool2d(2), nn.Flatten(),
    nn.Linear(1024, 50), nn.ReLU(), nn.Dropout(0.5), nn.Linear(50, 10), nn.Dropout(0.5))
for layer in model:
    if isinstance(layer, (nn.Conv2d, nn.Linear)):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
x = torch.rand(100, 1, 28, 28)
y = torch.randint(0, 10, (100,))
if TUNED:
    model = model.to(memory_format=torch.channels_last)
    x = x.to(memory_format=torch.channels_last)
optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True if TUNED else None)


def step():
    optimizer.zero_grad(set_to_none=True)
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.item()


print(json.dumps({"ready": f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads"}), flush=True)
for line in sys.stdin:
    times = []
    for _ in range(int(line)):
        start = time.perf_counter()
        step()
        times.append((time.perf_counter() - start) * 1e3)
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"times": times, "peakRssMb": rss}), flush=True)
