"""The models of examples/pronunciation-model.ts in PyTorch, with the same names of parameters, and how they are measured."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

PAD, START, END, MOST = 0, 1, 2, 30


def pad(rows):
    return pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=PAD)


class Recurrent(nn.Module):
    """Encoder and decoder LSTM with Luong's general attention, without input feeding."""

    def __init__(self, data):
        super().__init__()
        e, h = data['embeddingDim'], data['hiddenSize']
        self.source_embedding, self.target_embedding = nn.Embedding(data['letters'], e), nn.Embedding(data['phonemes'], e)
        self.dropout = nn.Dropout(data['dropout'])
        self.encoder = nn.LSTM(e, h, batch_first=True, bidirectional=True)
        self.bridge_h, self.bridge_c = nn.Linear(2 * h, h), nn.Linear(2 * h, h)
        self.attention = nn.ModuleDict({'linear': nn.Linear(2 * h, h, bias=False)})
        self.decoder = nn.LSTM(e, h, batch_first=True)
        self.combine = nn.Linear(3 * h, h, bias=False)
        self.output = nn.Linear(h, data['phonemes'])

    def encode(self, rows):
        tokens, lengths = pad(rows), torch.tensor([len(row) for row in rows])
        x = self.dropout(self.source_embedding(tokens))
        out, states = self.encoder(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
        memory, _ = pad_packed_sequence(out, batch_first=True)
        bridges = (self.bridge_h, self.bridge_c)
        states = [torch.tanh(b(s.transpose(0, 1).flatten(1)))[None] for b, s in zip(bridges, states)]
        hidden = torch.arange(memory.shape[1])[None] >= lengths[:, None]
        return memory, self.attention['linear'](memory), hidden[:, None], states

    def decode(self, tokens, encoded):
        memory, keys, hidden, states = encoded
        out, states = self.decoder(self.dropout(self.target_embedding(tokens)), states)
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

    def __init__(self, data):
        super().__init__()
        d = self.d = data['dModel']
        self.source_embedding, self.target_embedding = nn.Embedding(data['letters'], d), nn.Embedding(data['phonemes'], d)
        for table in (self.source_embedding, self.target_embedding):
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
        padding = torch.zeros(source.shape).masked_fill(source == PAD, -math.inf)
        mask = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1])
        out = self.transformer(
            self.embed(self.source_embedding, source), self.embed(self.target_embedding, tokens),
            tgt_mask=mask, src_key_padding_mask=padding, memory_key_padding_mask=padding, tgt_is_causal=True,
        )
        return self.output(out)

    def say(self, rows):
        made = torch.full((len(rows), 1), START)
        for _ in range(MOST):
            made = torch.cat([made, self(rows, made)[:, -1:].argmax(-1)], 1)
        return made[:, 1:]


def make_model(data):
    return (Recurrent if data['kind'] == 'lstm' else Transforming)(data)


def cut(items, size):
    return [items[at : at + size] for at in range(0, len(items), size)]


def loss_of(model, batch):
    target = pad([item['target'] for item in batch])
    logits = model([item['source'] for item in batch], target[:, :-1])
    return F.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten(), ignore_index=PAD)


def held_out_loss(model, held):
    losses = [loss_of(model, batch).item() for batch in cut(held, 256)]
    return sum(losses) / len(losses)


class Training:
    """One step for each call, which gives the loss: Adam with a warm-up and a cosine over `steps` steps."""

    def __init__(self, model, data, steps):
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=data['lr'])
        factor = lambda step: min((step + 1) / data['warmup'], 0.01 + 0.495 * (1 + math.cos(math.pi * step / steps)))
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, factor)

    def __call__(self, batch):
        loss = loss_of(self.model, batch)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1)
        self.optimizer.step()
        self.schedule.step()
        return loss.item()


def distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


def rates(model, held, spoken):
    """Phoneme and word error rates; where a word can be said in several ways, against the nearest."""
    edits = length = wrong = 0
    for batch, ways_of in zip(cut(held, 256), cut(spoken, 256)):
        rows = model.say([item['source'] for item in batch]).tolist()
        for row, ways in zip(rows, ways_of):
            own = row[: row.index(END)] if END in row else row
            nearest, size = min((distance(own, one), len(one)) for one in ways)
            edits, length, wrong = edits + nearest, length + size, wrong + (nearest > 0)
    return edits / length, wrong / len(held)
