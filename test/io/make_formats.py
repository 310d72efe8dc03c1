"""Writes test/io/files: files of PyTorch, numpy and safetensors with what they hold (expected.json).

    /opt/torchenv/bin/python test/io/make_formats.py        (pip install torch numpy safetensors)
"""
import collections
import io
import json
import math
import sys
import zipfile
from pathlib import Path

import numpy as np
import safetensors.torch
import torch

folder = Path(__file__).with_name('files')
expected = {}


def plain(value):
    """JSON of a number: text where JSON has none."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else f'{value}n'
    if math.isnan(value) or math.isinf(value):
        return str(value)
    return '-0' if value == 0 and math.copysign(1, value) < 0 else value


WIDER = {
    'int16': 'int32',
    'uint16': 'int32',
    'uint32': 'int64',
    'float8_e4m3fn': 'float16',
    'float8_e5m2': 'float16',
}


def described(x):
    if isinstance(x, np.ndarray):
        name, values = x.dtype.name, x.astype(x.dtype.newbyteorder('=')).reshape(-1).tolist()
    else:
        name = str(x.dtype).removeprefix('torch.')
        narrow = x.dtype in (torch.float8_e4m3fn, torch.float8_e5m2)
        values = (x.detach().float() if narrow else x.detach()).reshape(-1).tolist()
    return {'dtype': WIDER.get(name, name), 'shape': list(x.shape), 'values': [plain(v) for v in values]}


def note(name, tensors):
    expected[name] = {key: described(value) for key, value in tensors.items()}


def state():
    """Every dtype and layout."""
    base = torch.arange(12, dtype=torch.float32).reshape(3, 4) / 4 - 1
    special = [1 / 3, -0.0, math.inf, -math.inf, math.nan, 1e-40, 3e38]
    half = [1 / 3, -0.0, math.inf, math.nan, 6e-8, 65504.0]
    return collections.OrderedDict(
        float32=torch.tensor(special),
        float64=torch.tensor([math.pi, 1e300, 5e-324], dtype=torch.float64),
        float16=torch.tensor(half, dtype=torch.float16),
        bfloat16=torch.tensor(special, dtype=torch.bfloat16),
        int8=torch.tensor([-128, 127], dtype=torch.int8),
        uint8=torch.tensor([[0], [255]], dtype=torch.uint8),
        int16=torch.tensor([-32768, 32767], dtype=torch.int16),
        int32=torch.tensor([-(2**31), 2**31 - 1], dtype=torch.int32),
        int64=torch.tensor([-(2**63), 2**63 - 1, 5]),
        bool=torch.tensor([[True, False, True]]),
        scalar=torch.tensor(2.5),
        integer=torch.tensor(7),
        empty=torch.zeros(0, 3),
        hollow=torch.zeros(2, 0, 4, dtype=torch.int64),
        parameter=torch.nn.Parameter(torch.tensor([[1.5]])),
        turned=base.t(),
        part=base[1:, 1:3],
        steps=base[:, ::2],
        whole=base,
        expanded=torch.tensor([[4.0], [5.0]]).expand(2, 3),
        channels=torch.arange(24.0).reshape(1, 2, 3, 4).to(memory_format=torch.channels_last),
        eight=torch.arange(4.0).reshape(1, 2, 1, 1, 2, 1, 1, 1),
    )


def rare():
    every = torch.arange(256, dtype=torch.uint8)
    return collections.OrderedDict(
        uint16=torch.tensor([0, 65535], dtype=torch.uint16),
        uint32=torch.tensor([0, 2**32 - 1], dtype=torch.uint32),
        e4m3=every.view(torch.float8_e4m3fn),
        e5m2=every.view(torch.float8_e5m2),
    )


def rezipped(data, method=zipfile.ZIP_STORED, change=lambda name, content: content):
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, 'w', method) as target:
        for info in source.infolist():
            target.writestr(zipfile.ZipInfo(info.filename), change(info.filename, source.read(info)), method)
    return out.getvalue()


def saved(value, **options):
    out = io.BytesIO()
    torch.save(value, out, **options)
    return out.getvalue()


def write(name, data, tensors=None):
    """Only what PyTorch itself reads."""
    if name.endswith('.pt') and tensors is not None:
        read = torch.load(io.BytesIO(data), weights_only='protocol4' not in name)
        assert list(read) == list(tensors)
        for key, value in tensors.items():
            assert described(read[key]) == described(value), key
    (folder / name).write_bytes(data)
    if tensors is not None:
        note(name, tensors)


def torch_files():
    write('all.pt', saved(state()), state())
    write('legacy.pt', saved(state(), _use_new_zipfile_serialization=False), state())
    write('rare.pt', saved(rare()), rare())
    write('protocol4.pt', saved(dict(state()), pickle_protocol=4), state())
    write('deflated.pt', rezipped(saved(state()), zipfile.ZIP_DEFLATED), state())
    torch.serialization.set_crc32_options(False)
    small = {'a': torch.tensor([1.0, 2.0])}
    write('no-crc.pt', saved(small), small)
    torch.serialization.set_crc32_options(True)

    widths = {'a': 4, 'b': 8, 'c': 2, 'd': 1}
    wide = {
        'a': torch.tensor([1.5, -2.0]),
        'b': torch.tensor([-5, 2**40]),
        'c': torch.tensor([0.5], dtype=torch.bfloat16),
        'd': torch.tensor([True, False]),
    }

    def turned(name, content):
        if name == 'archive/byteorder':
            return b'big'
        if not name.startswith('archive/data/'):
            return content
        width = list(widths.values())[int(name.rsplit('/')[-1])]
        return np.frombuffer(content, f'V{width}').view(f'<u{width}').astype(f'>u{width}').tobytes()

    write('big-endian.pt', rezipped(saved(wide), change=turned), wide)


def checkpoint():
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.125)
    model(torch.ones(4, 2)).sum().backward()
    optimizer.step()
    shared = [1, 'two']
    value = {
        'model': model.state_dict(),
        'optimizer': optimizer.state_dict(),
        'epoch': 3,
        'best': np.float64(0.75),
        'small': np.float32(0.5),
        'count': np.int64(7),
        'size': torch.Size([2, 3]),
        'dtype': torch.float32,
        'device': torch.device('cuda', 1),
        'set': {5},
        'bytes': b'\x00\xff',
        'big': -(2**70),
        'negative': -129,
        'tuple': (1, (2.5, None), True),
        'again': [shared, shared],
        3: 'number',
        '__proto__': {'polluted': True},
    }
    for name, options in (('checkpoint.pt', {}), ('checkpoint-legacy.pt', {'_use_new_zipfile_serialization': False})):
        write(name, saved(value, **options))
        note(name, model.state_dict())


def refused():
    import argparse

    class Harm:
        def __reduce__(self):
            return (print, ('this must never be printed',))

    write('class.pt', saved({'args': argparse.Namespace(lr=1), 'w': torch.ones(1)}))
    write('harm.pt', saved({'w': Harm()}))
    cyclic = []
    cyclic.append(cyclic)
    write('cyclic.pt', saved({'w': cyclic}))
    write('complex.pt', saved({'w': torch.ones(1, dtype=torch.complex64)}))
    write('uint64.pt', saved({'w': torch.ones(1, dtype=torch.uint64)}))
    write('script.pt', script())


def script():
    out = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.ReLU()), out)
    return out.getvalue()


def arrays():
    grid = np.arange(6, dtype=np.float32).reshape(2, 3)
    return {
        'float32': np.array([1 / 3, -0.0, np.inf, np.nan], np.float32),
        'float64': np.array(np.pi),
        'float16': np.array([1 / 3, 65504, 6e-8], np.float16),
        'int8': np.array([-128], np.int8),
        'int16': np.array([-32768, 7], np.int16),
        'int32': np.array([[-5]], np.int32),
        'int64': np.array([2**62, -1]),
        'uint8': np.array([255], np.uint8),
        'uint16': np.array([65535], np.uint16),
        'uint32': np.array([2**32 - 1], np.uint32),
        'bool': np.array([True, False]),
        'empty': np.zeros((0, 3), np.float32),
        'fortran': np.asfortranarray(grid),
        'volume': np.asfortranarray(np.arange(24, dtype=np.int32).reshape(2, 3, 4)),
        'steps': grid[:, ::2],
        'big': grid.astype('>f4'),
        'big64': np.array([1, -2], '>i8'),
        'big16': np.array([0.5], '>f2'),
    }


def numpy_files():
    for name, save in (('arrays.npz', np.savez), ('packed.npz', np.savez_compressed)):
        save(folder / name, **arrays())
        note(name, arrays())
    for version in (1, 2, 3):
        name = f'version{version}.npy'
        with open(folder / name, 'wb') as file:
            np.lib.format.write_array(file, arrays()['fortran'], version=(version, 0))
        note(name, {'': arrays()['fortran']})
    np.save(folder / 'structured.npy', np.zeros(2, [('a', 'f4'), ('b', 'i4')]))
    np.save(folder / 'object.npy', np.array([{}], object), allow_pickle=True)
    np.save(folder / 'complex.npy', np.zeros(1, np.complex64))
    np.save(folder / 'text.npy', np.array(['abc']))


def safetensors_files():
    tensors = {key: value.detach().contiguous().clone() for key, value in {**state(), **rare()}.items()}
    safetensors.torch.save_file(tensors, folder / 'all.safetensors', metadata={'format': 'pt'})
    note('all.safetensors', tensors)


folder.mkdir(exist_ok=True)
torch_files()
checkpoint()
refused()
numpy_files()
safetensors_files()
expected['versions'] = {'torch': torch.__version__, 'numpy': np.__version__, 'python': sys.version.split()[0]}
(folder / 'expected.json').write_text(json.dumps(expected, separators=(',', ':')).replace('},"', '},\n"') + '\n')
