"""What the scripts of this folder share."""

import json
import struct
from pathlib import Path

import numpy
import torch


def load_safetensors(path):
    """The float32 tensors of a safetensors file."""
    raw = Path(path).read_bytes()
    size = struct.unpack('<Q', raw[:8])[0]
    header = json.loads(raw[8 : 8 + size])
    header.pop('__metadata__', None)
    cut = {name: (entry['shape'], *(8 + size + at for at in entry['data_offsets'])) for name, entry in header.items()}
    return {
        name: torch.from_numpy(numpy.frombuffer(raw[a:b], numpy.float32).copy()).reshape(shape)
        for name, (shape, a, b) in cut.items()
    }
