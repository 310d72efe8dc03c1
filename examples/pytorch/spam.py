"""The model of examples/spam.ts in PyTorch, on the same mails:

npx tsx examples/spam.ts --dump /tmp/spam && python examples/pytorch/spam.py /tmp/spam/spam.json
"""

import json
import random
import sys
import time

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

data = json.load(open(sys.argv[1]))
seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
torch.manual_seed(seed)
random.seed(seed)
E, H = data['embedding'], data['hidden']


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(data['vocabulary'], E)
        self.gru = nn.GRU(E, H, bidirectional=True, batch_first=True)
        self.dropout = nn.Dropout(data['dropout'])
        self.head = nn.Linear(2 * H, 1)

    def forward(self, tokens, lengths):
        embedded = self.dropout(self.embedding(tokens))
        packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        _, h = self.gru(packed)
        return self.head(self.dropout(h.transpose(0, 1).flatten(1))).squeeze(1)


def buckets(items, size):
    """Batches of mails of about one length, in random order."""
    order = sorted(items, key=lambda item: len(item[0]) * (1 + random.uniform(-0.1, 0.1)))
    batches = [order[at : at + size] for at in range(0, len(order), size)]
    random.shuffle(batches)
    return batches


def collate(batch):
    rows = [torch.tensor(words) for words, _ in batch]
    return pad_sequence(rows, batch_first=True), [len(row) for row in rows], torch.tensor([y for _, y in batch]).float()


def area(scores, labels):
    """The probability that a spam mail gets a higher score than another one, equal scores counting half."""
    spam, other = scores[labels == 1], scores[labels == 0]
    above = (spam[:, None] > other).double() + 0.5 * (spam[:, None] == other).double()
    return above.mean().item()


model = Classifier()
optimizer = torch.optim.Adam(model.parameters(), lr=data['lr'])
started = time.time()
for epoch in range(1, data['epochs'] + 1):
    model.train()
    total = 0
    batches = buckets(data['train'], data['batchSize'])
    for batch in batches:
        tokens, lengths, labels = collate(batch)
        loss = nn.functional.binary_cross_entropy_with_logits(model(tokens, lengths), labels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1)
        optimizer.step()
        total += loss.item()
    model.eval()
    outputs, truth = [], []
    with torch.no_grad():
        for at in range(0, len(data['test']), 64):
            tokens, lengths, labels = collate(data['test'][at : at + 64])
            outputs.append(model(tokens, lengths))
            truth.append(labels)
    outputs, truth = torch.cat(outputs), torch.cat(truth)
    accuracy = ((outputs > 0).float() == truth).double().mean().item()
    numbers = f'held-out accuracy {100 * accuracy:.2f} %  ROC AUC {area(outputs, truth):.4f}'
    print(f'epoch {epoch}  loss {total / len(batches):.4f}  {numbers}', flush=True)
print(f'{time.time() - started:.1f} s')
