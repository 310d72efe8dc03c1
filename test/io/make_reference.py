"""Writes reference.safetensors beside this file with the reference library (pip install safetensors numpy)."""
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

tensors = {
    'float32': np.array([[0, 0.5, -1], [1.5, np.inf, 3]], dtype=np.float32),
    'float64': np.array(np.pi, dtype=np.float64),
    'int64': np.array([1, -(2**63)], dtype=np.int64),
    'int32': np.array([-5], dtype=np.int32),
    'uint8': np.array([[7], [255]], dtype=np.uint8),
    'bool': np.array([True, False]),
    'empty': np.zeros((0, 3), dtype=np.float32),
}
save_file(tensors, Path(__file__).with_name('reference.safetensors'), metadata={'made by': 'safetensors ✓'})
