"""The model of examples/gpt.ts in PyTorch, from the same first weights, on the same batches:

npx tsx examples/gpt.ts --out /tmp/gpt && python examples/pytorch/gpt.py /tmp/gpt
"""

import json
import math
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from support import load_safetensors

folder = Path(sys.argv[1])
data = json.loads((folder / 'data.json').read_text())
starts = json.loads((folder / 'starts.json').read_text())
losses = json.loads((folder / 'losses.json').read_text())
state = {name: x.requires_grad_() for name, x in load_safetensors(folder / 'first.safetensors').items() if name != 'lm_head.weight'}
at = lambda name: state[f'transformer.{name}']
heads, layers, block = data['heads'], data['layers'], data['block']


def affine(x, name):
    return x @ at(f'{name}.weight') + at(f'{name}.bias')


def norm(x, name):
    return F.layer_norm(x, x.shape[-1:], at(f'{name}.weight'), at(f'{name}.bias'))


def forward(tokens):
    n, t = tokens.shape
    x = at('wte.weight')[tokens] + at('wpe.weight')[:t]
    for i in range(layers):
        q, k, v = affine(norm(x, f'h.{i}.ln_1'), f'h.{i}.attn.c_attn').reshape(n, t, 3, heads, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
        x = x + affine(mixed, f'h.{i}.attn.c_proj')
        h = F.gelu(affine(norm(x, f'h.{i}.ln_2'), f'h.{i}.mlp.c_fc'), approximate='tanh')
        x = x + affine(h, f'h.{i}.mlp.c_proj')
    return norm(x, 'ln_f') @ at('wte.weight').T


def factor(step):
    warmup, steps = data['warmup'], data['steps']
    if step < warmup:
        return (step + 1) / warmup
    return 0.1 + 0.45 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


optimizer = torch.optim.AdamW(state.values(), lr=data['learningRate'], weight_decay=data['weightDecay'])
schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
tokens = torch.tensor(data['tokens'])
began, own = time.time(), []
for step, places in enumerate(starts):
    batch = torch.stack([tokens[a : a + block + 1] for a in places])
    loss = F.cross_entropy(forward(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(state.values(), 1)
    optimizer.step()
    schedule.step()
    own.append(loss.item())
    if (step + 1) % math.ceil(len(starts) / 10) == 0 or step + 1 == len(starts):
        rate = (step + 1) * batch.shape[0] * block / (time.time() - began)
        print(f'step {step + 1}/{len(starts)}  loss {own[-1]:.4f}  nabla {losses[step]:.4f}  letters/s {rate:,.0f}')
apart = [abs(a - b) / a for a, b in zip(own, losses)]
print(f'largest difference of the losses: {max(apart):.2e} of their size; over the last tenth: '
      f'{sum(own[-len(own) // 10:]) / -(-len(own) // 10):.4f} and {sum(losses[-len(own) // 10:]) / -(-len(own) // 10):.4f}')
