"""What examples/pronunciation-curve.ts trains, in PyTorch: from the same first weights, on the same batches.

npx tsx examples/pronunciation-curve.ts --python python    # runs both and compares
"""

import json
import sys
from pathlib import Path

import torch
from pronunciation_models import Training, held_out_loss, make_model, rates
from support import load_safetensors

torch.set_num_threads(1)
folder = Path(sys.argv[1])
data = json.loads((folder / 'data.json').read_text())
torch.manual_seed(data['seed'])
model = make_model(data)
model.load_state_dict(load_safetensors(folder / 'first.safetensors'))
step = Training(model, data, len(data['train']))
losses, held = [], []
for batch in data['train']:
    losses.append(step(batch))
    if len(losses) not in data['marks']:
        continue
    model.eval()
    with torch.no_grad():
        held.append(held_out_loss(model, data['held']))
    model.train()
    print(f'PyTorch step {len(losses)}  loss {losses[-1]:.4f}  held-out {held[-1]:.4f}', flush=True)
model.eval()
with torch.no_grad():
    phonemes, words = rates(model, data['held'], data['spoken'])
run = {'losses': losses, 'held': held, 'phonemeErrors': phonemes, 'wordErrors': words}
(folder / 'pytorch.json').write_text(json.dumps(run))
