"""The training of examples/pronunciation.ts in PyTorch, on the same words:

npx tsx examples/pronunciation.ts --dump /tmp/words && python examples/pytorch/pronunciation.py /tmp/words/pronunciation-lstm.json
"""

import json
import random
import sys
import time

import torch
from pronunciation_models import Training, cut, held_out_loss, make_model, rates

data = json.load(open(sys.argv[1]))
seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
torch.manual_seed(seed)
random.seed(seed)


def shuffled(items):
    """Batches of words of about one length, in random order."""
    length = lambda item: len(item['source']) + len(item['target'])
    order = sorted(items, key=lambda item: length(item) * (1 + random.uniform(-0.1, 0.1)))
    batches = cut(order, data['batchSize'])
    random.shuffle(batches)
    return batches


model = make_model(data)
print(f'{sum(p.numel() for p in model.parameters()):,} parameters')
step = Training(model, data, data['epochs'] * len(cut(data['train'], data['batchSize'])))
began = time.time()
for epoch in range(1, data['epochs'] + 1):
    model.train()
    losses = [step(batch) for batch in shuffled(data['train'])]
    model.eval()
    most = len(data['held']) if epoch == data['epochs'] else 1000
    with torch.no_grad():
        held = held_out_loss(model, data['held'])
        phonemes, words = rates(model, data['held'][:most], data['spoken'][:most])
    print(
        f'epoch {epoch}  loss {sum(losses) / len(losses):.4f}  held-out loss {held:.4f}  '
        f'phoneme errors {100 * phonemes:.2f} %  word errors {100 * words:.2f} %  {(time.time() - began) / 60:.1f} min',
        flush=True,
    )
