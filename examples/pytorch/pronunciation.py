"""The models of examples/pronunciation.ts in PyTorch, on the same words:

npx tsx examples/pronunciation.ts --dump /tmp/words && python examples/pytorch/pronunciation.py /tmp/words/pronunciation-lstm.json
"""

import json
import math
import random
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

data = json.load(open(sys.argv[1]))
seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
torch.manual_seed(seed)
random.seed(seed)
PAD, START, END, MOST = 0, 1, 2, 30


def pad(rows):
    return pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=PAD)


class Recurrent(nn.Module):
    """Encoder and decoder LSTM with Luong's general attention, without input feeding."""

    def __init__(self):
        super().__init__()
        e, h = data['embeddingDim'], data['hiddenSize']
        self.source, self.target = nn.Embedding(data['letters'], e), nn.Embedding(data['phonemes'], e)
        self.dropout = nn.Dropout(data['dropout'])
        self.encoder = nn.LSTM(e, h, batch_first=True, bidirectional=True)
        self.bridges = nn.ModuleList([nn.Linear(2 * h, h), nn.Linear(2 * h, h)])
        self.score = nn.Linear(2 * h, h, bias=False)
        self.decoder = nn.LSTM(e, h, batch_first=True)
        self.combine = nn.Linear(3 * h, h, bias=False)
        self.output = nn.Linear(h, data['phonemes'])

    def encode(self, rows):
        tokens, lengths = pad(rows), torch.tensor([len(row) for row in rows])
        packed = pack_padded_sequence(self.dropout(self.source(tokens)), lengths, batch_first=True, enforce_sorted=False)
        out, states = self.encoder(packed)
        memory, _ = pad_packed_sequence(out, batch_first=True)
        states = [torch.tanh(b(s.transpose(0, 1).flatten(1)))[None] for b, s in zip(self.bridges, states)]
        hidden = torch.arange(memory.shape[1])[None] >= lengths[:, None]
        return memory, self.score(memory), hidden[:, None], states

    def decode(self, tokens, encoded):
        memory, keys, hidden, states = encoded
        out, states = self.decoder(self.dropout(self.target(tokens)), states)
        scores = (out @ keys.transpose(1, 2)).masked_fill(hidden, -math.inf)
        out = torch.tanh(self.combine(torch.cat([scores.softmax(-1) @ memory, out], 2)))
        return self.output(self.dropout(out)), (memory, keys, hidden, states)

    def forward(self, rows, tokens):
        return self.decode(tokens, self.encode(rows))[0]

    def say(self, rows):
        encoded, last, made = self.encode(rows), torch.full((len(rows), 1), START), []
        for _ in range(MOST):
            logits, encoded = self.decode(last, encoded)
            last = logits[:, -1:].argmax(-1)
            made.append(last)
        return torch.cat(made, 1)


class Transforming(nn.Module):
    """The model of "Attention is all you need", normalizing first."""

    def __init__(self):
        super().__init__()
        d = self.d = data['dModel']
        self.source, self.target = nn.Embedding(data['letters'], d), nn.Embedding(data['phonemes'], d)
        for table in (self.source, self.target):
            nn.init.normal_(table.weight, 0, d**-0.5)
        self.transformer = nn.Transformer(
            d, data['nhead'], data['numEncoderLayers'], data['numDecoderLayers'], data['dimFeedforward'], data['dropout'],
            batch_first=True, norm_first=True,
        )
        self.dropout, self.output = nn.Dropout(data['dropout']), nn.Linear(d, data['phonemes'])
        angles = torch.arange(64)[:, None] * torch.exp(torch.arange(0, d, 2) * (-math.log(10000.0) / d))
        self.positions = torch.stack([angles.sin(), angles.cos()], 2).flatten(1)

    def embed(self, table, tokens):
        return self.dropout(table(tokens) * math.sqrt(self.d) + self.positions[: tokens.shape[1]])

    def forward(self, rows, tokens):
        source = pad(rows)
        padding = source == PAD
        mask = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1])
        out = self.transformer(
            self.embed(self.source, source), self.embed(self.target, tokens),
            tgt_mask=mask, src_key_padding_mask=padding, memory_key_padding_mask=padding, tgt_is_causal=True,
        )
        return self.output(out)

    def say(self, rows):
        made = torch.full((len(rows), 1), START)
        for _ in range(MOST):
            made = torch.cat([made, self(rows, made)[:, -1:].argmax(-1)], 1)
        return made[:, 1:]


def batches(items, shuffle):
    """Of about the same length, in random order."""
    size = data['batchSize']
    length = lambda item: len(item['source']) + len(item['target'])
    order = sorted(items, key=lambda item: length(item) * (1 + random.uniform(-0.1, 0.1))) if shuffle else items
    cut = [order[at : at + size] for at in range(0, len(order), size)]
    if shuffle:
        random.shuffle(cut)
    return cut


def loss_of(model, batch):
    target = pad([item['target'] for item in batch])
    logits = model([item['source'] for item in batch], target[:, :-1])
    return F.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten(), ignore_index=PAD)


def distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


def rates(model, held, spoken):
    edits = length = wrong = 0
    for at in range(0, len(held), 256):
        rows = model.say([item['source'] for item in held[at : at + 256]]).tolist()
        for row, ways in zip(rows, spoken[at : at + 256]):
            own = row[: row.index(END)] if END in row else row
            nearest, size = min((distance(own, one), len(one)) for one in ways)
            edits, length, wrong = edits + nearest, length + size, wrong + (nearest > 0)
    return edits / length, wrong / len(held)


model = Recurrent() if data['kind'] == 'lstm' else Transforming()
print(f'{sum(p.numel() for p in model.parameters()):,} parameters')
optimizer = torch.optim.Adam(model.parameters(), lr=data['lr'])
steps = data['epochs'] * len(batches(data['train'], False))
warmup = min(data['warmup'], steps / 10)
factor = lambda step: min((step + 1) / warmup, 0.01 + 0.495 * (1 + math.cos(math.pi * step / steps)))
schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
began = time.time()
for epoch in range(1, data['epochs'] + 1):
    model.train()
    losses = []
    for batch in batches(data['train'], True):
        loss = loss_of(model, batch)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    model.eval()
    most = len(data['held']) if epoch == data['epochs'] else 1000
    with torch.no_grad():
        held = [loss_of(model, batch).item() for batch in batches(data['held'], False)]
        phonemes, words = rates(model, data['held'][:most], data['spoken'][:most])
    print(
        f'epoch {epoch}  loss {sum(losses) / len(losses):.4f}  held-out loss {sum(held) / len(held):.4f}  '
        f'phoneme errors {100 * phonemes:.2f} %  word errors {100 * words:.2f} %  {(time.time() - began) / 60:.1f} min',
        flush=True,
    )
