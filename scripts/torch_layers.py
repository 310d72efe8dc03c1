# Lists PyTorch's layers and what belongs to them, with the names of their arguments:
#   python scripts/torch_layers.py > docs/torch-layers.json   (needs PyTorch 2.13)
#
# Rules. torch.nn: every public class. nn.functional: what scripts/torch_ops.py counts, and MORE. nn.init and nn.utils.*: every public
# function and class that the module itself defines or lists. Not counted: the arguments device, dtype and out, and those
# that PyTorch calls deprecated (size_average, reduce, min_value, _...). LEFT_OUT sorts what nabla leaves out on purpose.
import inspect
import json
import re
import sys

import torch
import torch.nn.utils.parametrizations
import torch.nn.utils.parametrize
import torch.nn.utils.prune
import torch_ops
from torch import nn

NOT_COUNTED = {'self', 'input', 'device', 'dtype', 'out', 'args', 'kwargs', 'size_average', 'reduce', 'min_value', 'max_value'}

# Functions that torch.overrides does not list.
MORE = (
    'hardsigmoid hardswish sigmoid tanh celu_ elu_ hardtanh_ leaky_relu_ relu_ rrelu_ selu_ threshold_'
).split()

LEFT_OUT = [
    ('deprecated in PyTorch', r'^(Container|NLLLoss2d|CrossMapLRN2d|weight_norm|'
                              r'spectral_norm|remove_weight_norm|remove_spectral_norm|clip_grad_norm|'
                              r'uniform|normal|constant|eye|dirac|xavier_uniform|xavier_normal|kaiming_uniform|kaiming_normal|'
                              r'orthogonal|sparse)$'),
    ('several devices', r'^(DataParallel|SyncBatchNorm|convert_sync_batchnorm.*)$'),
    ('bases of other classes', r'^(RNNBase|RNNCellBase)$'),
    ('forms for the compiler', r'^(convert_conv2d_weight_memory_format|convert_conv3d_weight_memory_format|native_channel_shuffle)$'),
]

SPACES = {
    'nn': nn,
    'nn.functional': nn.functional,
    'nn.init': nn.init,
    'nn.utils': nn.utils,
    'nn.utils.parametrize': nn.utils.parametrize,
    'nn.utils.parametrizations': nn.utils.parametrizations,
    'nn.utils.prune': nn.utils.prune,
    'nn.utils.rnn': nn.utils.rnn,
}


def arguments(value):
    """Names of the arguments; those of builtins stand in the first line of their documentation."""
    try:
        names = list(inspect.signature(value.__init__ if isinstance(value, type) else value).parameters)
    except (TypeError, ValueError):
        head = re.search(r'\w+\((.*?)\)', (value.__doc__ or '').strip().split('\n')[0])
        names = re.findall(r'(?:^|,)\s*\**(\w+)', head.group(1)) if head else []
    return [name for name in names if name not in NOT_COUNTED and not name.startswith('_')]


def members(space, module):
    if space == 'nn':
        return [key for key in sorted(dir(module)) if isinstance(getattr(module, key), type) and not key.startswith('_')]
    if space == 'nn.functional':
        overridable = set()
        for function in torch.overrides.get_testing_overrides():
            try:
                overridable.add(function)
            except TypeError:
                pass
        found = [key for key in torch_ops.functions(module, space, overridable) if not torch_ops.left_out(space, key)]
        return sorted({*found, *MORE})
    listed = set(getattr(module, '__all__', []))
    found = []
    for key in sorted(dir(module)):
        value = getattr(module, key)
        own = key in listed or (not listed and getattr(value, '__module__', '') == module.__name__)
        if own and not key.startswith('_') and callable(value) and not inspect.ismodule(value) and inspect.getdoc(value):
            found.append(key)
    return found


def main():
    result = {'version': torch.__version__.split('+')[0]}
    for space, module in SPACES.items():
        ops, out = {}, {}
        for key in members(space, module):
            reason = next((reason for reason, words in LEFT_OUT if re.search(words, key)), None)
            if reason and space != 'nn.utils.parametrizations':
                out.setdefault(reason, []).append(key)
            else:
                ops[key] = arguments(getattr(module, key))
        result[space] = {'ops': ops, 'leftOut': out}
    # One line a name.
    text = json.dumps(result, indent=1)
    sys.stdout.write(re.sub(r'\[\s+([^\[\]]*?)\s+\]', lambda m: '[' + re.sub(r'\s+', ' ', m.group(1)) + ']', text) + '\n')


main()
