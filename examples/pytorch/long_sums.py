"""The layers of examples/long-sums.ts in PyTorch, on the same digits and on sums drawn in the same way:

npx tsx examples/long-sums.ts --dump /tmp/sums && python examples/pytorch/long_sums.py /tmp/sums/long-sums.json
"""

import json
import sys

import torch
import torch.nn.functional as F
from torch import nn

data = json.load(open(sys.argv[1]))
seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
CELLS = ['RNN', 'LSTM', 'GRU']
H, BATCH = data['hidden'], data['batchSize']


class LastOutput(nn.Module):
    def __init__(self, cell, inputs, outputs):
        super().__init__()
        self.layer = getattr(nn, cell)(inputs, H, batch_first=True)
        self.head = nn.Linear(H, outputs)
        if cell == 'LSTM':
            with torch.no_grad():
                self.layer.bias_ih_l0[H : 2 * H] = 1  # a forget gate that is open at first

    def forward(self, x):
        return self.head(self.layer(x)[0][:, -1])


def adding_problem(count, length):
    half = length // 2
    numbers, marks = torch.rand(count, length), torch.zeros(count, length)
    for first, end in ((0, half), (half, length)):
        marks.scatter_(1, torch.randint(first, end, (count, 1)), 1)
    return torch.stack([numbers, marks], 2), (numbers * marks).sum(1, keepdim=True)


def train(model, batches, loss_of):
    optimizer = torch.optim.Adam(model.parameters(), lr=data['lr'])
    for x, y in batches:
        loss = loss_of(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1)
        optimizer.step()


def learn_sums(cell, length):
    torch.manual_seed(seed)
    model = LastOutput(cell, 2, 1)
    train(model, (adding_problem(BATCH, length) for _ in range(data['steps'])), F.mse_loss)
    with torch.no_grad():
        x, y = adding_problem(1000, length)
        return f'{F.mse_loss(model(x), y).item():.4f}'


def read_digits(cell, pixels):
    torch.manual_seed(seed)
    x, y, test_x, test_y = (
        torch.tensor(data[part][key]) for part in ('train', 'test') for key in ('pixels', 'labels')
    )
    x, test_x = x.reshape(len(x), -1, pixels), test_x.reshape(len(test_x), -1, pixels)
    model = LastOutput(cell, pixels, 10)
    batches = ((x[i], y[i]) for _ in range(data['epochs']) for i in torch.randperm(len(x)).split(BATCH))
    train(model, batches, F.cross_entropy)
    with torch.no_grad():
        return f'{100 * (model(test_x).argmax(1) == test_y).double().mean().item():.2f} %'


def row(title, measure):
    print(f'| {title} |', ' | '.join(measure(cell) for cell in CELLS), '|', flush=True)


print(f'| | {" | ".join(CELLS)} |\n|---|---|---|---|')
for length in data['lengths']:
    row(f'sum of 2 of {length} numbers, mean squared error', lambda cell: learn_sums(cell, length))
for title, pixels in (('8 rows', 8), ('64 pixels', 1)):
    row(f'digits as {title}, accuracy', lambda cell: read_digits(cell, pixels))
