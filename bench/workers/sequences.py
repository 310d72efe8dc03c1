# The cases of sequences.mjs in PyTorch.
import torch
import torch.nn.functional as F
from runner import TUNED, randn, serve
from torch import nn

VOCABULARY, WIDTH, HEADS, LAYERS, POSITIONS = 96, 384, 6, 6, 256


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.c_attn, self.c_proj = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.c_fc, self.mlp_proj = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x, cache):
        n, t, _ = x.shape
        q, k, v = self.c_attn(self.ln_1(x)).view(n, t, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        if cache is not None:
            start = cache[2]
            cache[0][:, :, start : start + t] = k
            cache[1][:, :, start : start + t] = v
            k, v = cache[0][:, :, : start + t], cache[1][:, :, : start + t]
            cache[2] += t
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=t > 1).transpose(1, 2).flatten(2)
        x = x + self.c_proj(mixed)
        return x + self.mlp_proj(F.gelu(self.c_fc(self.ln_2(x)), approximate='tanh'))


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(POSITIONS, WIDTH)
        self.h, self.ln_f = nn.ModuleList(Block() for _ in range(LAYERS)), nn.LayerNorm(WIDTH)

    def forward(self, tokens, caches=None):
        start = caches[0][2] if caches else 0
        x = self.wte(tokens) + self.wpe.weight[start : start + tokens.shape[1]]
        for i, block in enumerate(self.h):
            x = block(x, caches[i] if caches else None)
        x = self.ln_f(x if caches is None else x[:, -1])
        return x @ self.wte.weight.T


def lstm():
    layer = nn.LSTM(128, 256, num_layers=2, bidirectional=True)
    x = randn(50, 64, 128)
    lengths = torch.tensor([5 + i * 29 % 46 for i in range(64)])
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
    g = randn(packed.data.shape[0], 512)

    def step():
        layer.zero_grad()
        layer(packed)[0].data.backward(g)
    return step


def gpt_step():
    model = GPT()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, fused=TUNED)
    tokens = torch.randint(0, VOCABULARY, (8, 257))

    def step():
        loss = F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss
    return step


def gpt_decoding():
    model = GPT().eval()
    prompt = torch.randint(0, VOCABULARY, (1, 64))

    def step():
        with torch.inference_mode():
            shape = (1, HEADS, POSITIONS, WIDTH // HEADS)
            caches = [[torch.empty(shape), torch.empty(shape), 0] for _ in range(LAYERS)]
            token = prompt
            for _ in range(64):
                token = model(token, caches).argmax(-1, keepdim=True)
            return token
    return step


serve({'lstm': lstm, 'gpt step': gpt_step, 'gpt decoding': gpt_decoding})
