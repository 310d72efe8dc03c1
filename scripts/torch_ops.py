# Lists PyTorch's public operations on tensors: python scripts/torch_ops.py > docs/torch-ops.json   (needs PyTorch 2.13)
#
# Rules. A name counts when it is public (no leading underscore), callable, no class and no module, has documentation, and
# - torch, nn.functional, linalg, special, fft: torch.overrides says that it takes tensors, or it makes one (CREATION);
#   what nn.functional has too counts there;
# - Tensor: it is a method (no attribute such as shape).
# NO_OP takes tensors but computes nothing from their values: handles, devices, storage, hooks, symbolic sizes.
# LEFT_OUT sorts what nabla leaves out on purpose; the first rule that finds a word in the name counts.
import json
import re
import sys

import torch

CREATION = (
    'arange as_tensor asarray bartlett_window blackman_window empty empty_permuted empty_strided eye frombuffer '
    'from_dlpack from_file from_numpy full hamming_window hann_window kaiser_window linspace logspace normal ones rand '
    'randint randn randperm range scalar_tensor tensor tril_indices triu_indices vander zeros'
).split()

NO_OP = (
    'apply_ as_subclass backward const_data_ptr cpu data_ptr dim dim_order element_size from_dlpack from_file frombuffer '
    'get_device handle_torch_function has_torch_function hash_tensor is_contiguous is_distributed is_floating_point '
    'is_inference is_leaf is_neg is_pinned is_same_size is_set_to is_shared is_signed item map_ map2_ module_load '
    'ndimension nelement new numel numpy pin_memory qscheme record_stream register_hook '
    'register_post_accumulate_grad_hook reinforce requires_grad_ resize resize_ resize_as resize_as_ retain_grad set_ '
    'share_memory_ size storage storage_offset storage_type stride sym_float sym_int sym_ite sym_max sym_min sym_not '
    'sym_sqrt sym_sum to_dense tolist type type_as typed_storage untyped_storage from_numpy'
).split()

LEFT_OUT = [
    ('complex numbers', r'complex|conj|view_as_real|^(real|imag|angle|polar|sgn_?|isreal|resolve_neg|chalf|cfloat|cdouble|adjoint)$'),
    ('complex results', r'^(eig|eigvals|eigvals_?)$'),
    ('Fourier transforms', r'fft|^i?stft$'),
    ('sparse tensors', r'sparse|coalesce|^(indices|values|crow_indices|col_indices|ccol_indices|row_indices|dense_dim|'
                       r'smm|hspmm|sspaddmm|spmm|dsmm|hsmm|saddmm|to_padded_tensor|lobpcg)$'),
    ('quantized tensors', r'quantize|^q_|^int_repr$|^quantized'),
    ('other devices', r'^(cuda|ipu|xpu|npu|hpu|mtia|vulkan|to_mkldnn)$|cudnn|miopen'),
    ('deprecated in PyTorch', r'^(chain_matmul|range|symeig|eig|lstsq|solve|cholesky|qr|svd|lu|lu_solve|triangular_solve|'
                              r'ger|upsample.*|norm_except_dim)$'),
    ('forms for the compiler', r'_copy$(?<!index_copy)(?<!narrow_copy)|^unsafe_|_with_indices$|^slice_inverse$|nonzero_static'),
]

# These words mean something else in linalg.
LINALG = {'cholesky', 'qr', 'svd', 'lu', 'lu_solve', 'lstsq', 'solve'}


def functions(module, name, overridable):
    for key in sorted(dir(module)):
        value = getattr(module, key)
        if key.startswith('_') or key in NO_OP or isinstance(value, type) or not callable(value):
            continue
        if not (value.__doc__ or '').strip():
            continue
        if value in overridable or (name == 'torch' and key in CREATION):
            yield key


def methods():
    for key in sorted(dir(torch.Tensor)):
        value = getattr(torch.Tensor, key)
        if key.startswith('_') or key in NO_OP or not callable(value) or not (value.__doc__ or '').strip():
            continue
        yield key


def left_out(name, key):
    for reason, words in LEFT_OUT:
        if re.search(words, key) and not (name == 'linalg' and key in LINALG):
            return reason
    return None


def main():
    overridable = set()
    for function in torch.overrides.get_testing_overrides():
        try:
            overridable.add(function)
        except TypeError:
            pass
    spaces = {'torch': torch, 'nn.functional': torch.nn.functional, 'linalg': torch.linalg, 'special': torch.special,
              'fft': torch.fft}
    lists = {name: list(functions(module, name, overridable)) for name, module in spaces.items()}
    lists['torch'] = [key for key in lists['torch'] if key not in lists['nn.functional']]
    lists['Tensor'] = list(methods())
    result = {'version': torch.__version__.split('+')[0]}
    for name, keys in lists.items():
        reasons = {}
        for key in keys:
            reason = left_out(name, key)
            if reason:
                reasons.setdefault(reason, []).append(key)
        out = {key for group in reasons.values() for key in group}
        result[name] = {'ops': [key for key in keys if key not in out], 'leftOut': reasons}
    json.dump(result, sys.stdout, indent=1)
    print()


if __name__ == '__main__':
    main()
