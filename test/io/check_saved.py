"""Reads what nabla has saved with PyTorch, numpy and safetensors, and notes the checksums of what is right in saved.json.

    npx tsx test/io/saved.ts FOLDER && /opt/torchenv/bin/python test/io/check_saved.py FOLDER
"""
import hashlib
import json
import math
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

folder = Path(sys.argv[1])
special = [1 / 3, -0.0, math.inf, -math.inf, math.nan, 1e-40, 3e38]
grid = torch.arange(12.0).reshape(3, 4)
wanted = {
    'float32': torch.tensor(special),
    'float64': torch.tensor([math.pi, 1e300], dtype=torch.float64),
    'float16': torch.tensor([1 / 3, 65504], dtype=torch.float16),
    'bfloat16': torch.tensor(special).to(torch.bfloat16),
    'int8': torch.tensor([-128, 127], dtype=torch.int8),
    'uint8': torch.tensor([0, 255], dtype=torch.uint8),
    'int32': torch.tensor([-(2**31), 5], dtype=torch.int32),
    'int64': torch.tensor([-(2**63), 5]),
    'bool': torch.tensor([[True, False]]),
    'scalar': torch.tensor(2.5),
    'empty': torch.zeros(0, 3),
    'turned': grid.t(),
    'part': grid[:, 1:3],
    'tied': torch.tensor([[1.0, 2.0]]),
    'a.tied näme': torch.tensor([[1.0, 2.0]]),
}


def same(given, ordered=True):
    names = list(given) if ordered else sorted(given)
    assert names == (list(wanted) if ordered else sorted(wanted)), names
    for name, x in wanted.items():
        y = given[name]
        assert y.dtype == x.dtype and y.shape == x.shape, name
        # The bits of a NaN may be others.
        flat = [t.reshape(-1) for t in (x, y) if t.numel()]
        bits = [t[~t.isnan()].view(torch.uint8).tolist() for t in flat]
        assert torch.equal(x.isnan(), y.isnan()) and bits[:1] == bits[1:], (name, x, y)


state = torch.load(folder / 'state.pt', weights_only=True)
same(state)
assert state['tied'].data_ptr() == state['a.tied näme'].data_ptr()
same(torch.load(folder / 'state.pt', weights_only=True, mmap=True))

checkpoint = torch.load(folder / 'checkpoint.pt', weights_only=True)
same(checkpoint['model'])
numbers = checkpoint['numbers']
assert numbers[:9] == [0, -1, 255, 65536, -(2**31), 2**31, 2**70, -(2**63), 128]
assert all(isinstance(n, int) for n in numbers[:9])
assert isinstance(numbers[9], float) and math.copysign(1, numbers[9]) == -1 and math.isnan(numbers[10])
assert (checkpoint['epoch'], checkpoint['loss'], checkpoint['text']) == (3, 0.25, 'Zeile\n✓')
assert checkpoint['nothing'] is None and checkpoint['flags'] == [True, False]
assert checkpoint['nested']['deep'][0]['x'].tolist() == [7.0]

for name in ('plain.npz', 'packed.npz'):
    arrays = {key: torch.from_numpy(value.copy()) for key, value in np.load(folder / name).items()}
    arrays['bfloat16'] = arrays['bfloat16'].to(torch.bfloat16)
    same(arrays)
assert np.array_equal(np.load(folder / 'turned.npy'), grid.t().numpy())
scalar = np.load(folder / 'scalar.npy')
assert scalar.shape == () and scalar == 2.5

same(load_file(folder / 'state.safetensors'), ordered=False)
index = json.loads((folder / 'shards/model.safetensors.index.json').read_text())
shards = {}
for file in sorted(set(index['weight_map'].values())):
    shards |= load_file(folder / 'shards' / file)
assert all(name in load_file(folder / 'shards' / file) for name, file in index['weight_map'].items())
same(shards, ordered=False)

# What zlib packs differs from version to version.
files = sorted(path for path in folder.rglob('*') if path.is_file() and path.name != 'packed.npz')
sums = {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
Path(__file__).with_name('saved.json').write_text(json.dumps(sums, indent=1) + '\n')
print(f'{len(sums)} files are right')
