"""The model of examples/names.ts in PyTorch, on the same names:

npx tsx examples/names.ts --dump /tmp/names && python examples/pytorch/names.py /tmp/names/names.json
"""

import json
import math
import sys
import time

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

data = json.load(open(sys.argv[1]))
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
E, H = data['embedding'], data['hidden']


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(data['vocabulary'], E)
        self.lstm = nn.LSTM(E, H, batch_first=True)
        self.dropout = nn.Dropout(data['dropout'])
        self.head = nn.Linear(H, 2)

    def forward(self, tokens, lengths):
        packed = pack_padded_sequence(self.embedding(tokens), lengths, batch_first=True, enforce_sorted=False)
        _, (h, _) = self.lstm(packed)
        return self.head(self.dropout(h.squeeze(0)))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(data['vocabulary'], E)
        self.lstm = nn.LSTM(E, H, batch_first=True)
        self.dropout = nn.Dropout(data['dropout'])
        self.head = nn.Linear(H, data['vocabulary'])

    def forward(self, tokens):
        return self.head(self.dropout(self.lstm(self.embedding(tokens))[0]))


def batches(items, size, shuffle):
    order = torch.randperm(len(items)).tolist() if shuffle else range(len(items))
    for at in range(0, len(items), size):
        yield [items[i] for i in order[at : at + size]]


def pad(rows):
    return pad_sequence([torch.tensor(row) for row in rows], batch_first=True)


def loop(model, items, loss_of, evaluate):
    optimizer = torch.optim.Adam(model.parameters(), lr=data['lr'])
    for epoch in range(data['epochs']):
        model.train()
        for batch in batches(items, data['batchSize'], True):
            loss = loss_of(batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            evaluate(epoch + 1)


classifier = Classifier()


def scores(batch):
    rows = [item['tokens'] for item in batch]
    return classifier(pad(rows), [len(row) for row in rows]), torch.tensor([item['label'] for item in batch])


def accuracy(epoch):
    right = 0
    for batch in batches(data['test'], 256, False):
        output, labels = scores(batch)
        right += (output.argmax(1) == labels).sum().item()
    print(f'epoch {epoch}  held-out accuracy {100 * right / len(data["test"]):.2f} %')


started = time.time()
loop(classifier, data['train'], lambda batch: nn.functional.cross_entropy(*scores(batch)), accuracy)
print(f'{time.time() - started:.1f} s')

model = Model()


def letter_loss(batch, reduction='mean'):
    tokens = pad(batch)
    output = model(tokens[:, :-1])
    return nn.functional.cross_entropy(output.flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=0, reduction=reduction)


def perplexity(epoch):
    total = sum(letter_loss(batch, 'sum').item() for batch in batches(data['markedTest'], 256, False))
    count = sum(len(row) - 1 for row in data['markedTest'])
    print(f'epoch {epoch}  held-out perplexity per letter {math.exp(total / count):.3f}')


loop(model, data['markedTrain'], letter_loss, perplexity)
