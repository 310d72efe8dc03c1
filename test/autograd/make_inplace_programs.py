"""Random programs of views, changes in place and backward passes, run in PyTorch 2.13.

    python test/autograd/make_inplace_programs.py     # writes inplace-programs.json beside it

Each step either makes a variable, changes one, or is refused; the file says what happened, and at the end the values,
flags, gradients and second derivatives. test/autograd/inplace-programs.test.ts replays them.
"""
import json
import pathlib
import random

import torch

PROGRAMS = 400
# PyTorch calls a changed view a leaf here, but not when its grad_fn is read first; nabla always looks first.
EXCLUDED = {22}
NUMBERS = [-1.5, -0.5, 0.5, 2.0]


class Program:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.variables, self.made, self.steps = [], [], []

    def number(self):
        return self.random.choice(NUMBERS)

    def values(self, shape):
        count = torch.Size(shape).numel()
        return [self.random.randint(-8, 8) / 4 or 0.25 for _ in range(count)]

    def start(self):
        for kind in ['leaf', 'leaf', 'plain', 'plain']:
            shape = self.random.choice([[2, 3], [3], [3, 2], [2, 2, 3], [4]])
            data = self.values(shape)
            self.made.append({'shape': shape, 'data': data, 'requiresGrad': kind == 'leaf'})
            tensor = torch.tensor(data, dtype=torch.float64).reshape(shape).clone()
            self.variables.append(tensor.requires_grad_(kind == 'leaf'))

    def pick(self):
        return self.random.randrange(len(self.variables))

    def view(self, x):
        """A random view of x as (name, args, tensor)."""
        choice = self.random.choice
        names = ['select', 'slice', 'transpose', 'reshape', 'expand', 'unsqueeze', 'unbind', 'split', 'chunk', 'asStrided', 'detach']
        name = choice(names)
        if x.dim() == 0 and name not in ('unsqueeze', 'reshape', 'detach', 'expand'):
            name = 'unsqueeze'
        if name == 'detach' and self.random.random() < 0.5:
            name = 'unsqueeze'
        dim = self.random.randrange(max(x.dim(), 1))
        size = x.shape[dim] if x.dim() else 1
        if name in ('select', 'unbind'):
            args = [dim, self.random.randrange(size)]
        elif name == 'slice':
            args = [dim, self.random.randrange(size), size, choice([1, 2])]
        elif name == 'transpose':
            args = [dim, self.random.randrange(x.dim())]
        elif name == 'reshape':
            args = [[-1]] if x.is_contiguous() else [list(x.shape)]
        elif name == 'expand':
            args = [[2, *x.shape]]
        elif name in ('split', 'chunk'):
            pieces = getattr(x.detach(), name)(2, dim)
            args = [2, dim, self.random.randrange(len(pieces))]
        elif name == 'asStrided':
            args = [[2], [self.random.choice([0, 1, 1, 1])], x.storage_offset()] if x.numel() > 1 else [[1], [1], x.storage_offset()]
            end = args[2] + (args[0][0] - 1) * args[1][0]
            if end >= x.untyped_storage().size() // 8:
                args = [[1], [1], x.storage_offset()]
        elif name == 'unsqueeze':
            args = [self.random.randrange(x.dim() + 1)]
        else:
            args = []
        return name, args

    def operand(self, x):
        """A variable that broadcasts to x in memory of its own, or x itself, or None."""
        def fits(other):
            try:
                return torch.broadcast_shapes(x.shape, other.shape) == x.shape
            except RuntimeError:
                return False

        def apart(other):
            same = other.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
            return not same or other is x
        found = [i for i, other in enumerate(self.variables) if fits(other) and apart(other)]
        return self.random.choice(found) if found else None

    def step(self):
        at = self.pick()
        x = self.variables[at]
        no_grad = self.random.random() < 0.12
        kind = self.random.random()
        if kind < 0.42 and x.dim() < 4:
            name, args = self.view(x)
            other = None
        elif kind < 0.55:
            name = self.random.choice(['mul', 'add', 'exp', 'sin', 'clone', 'mulNumber'])
            other = self.operand(x) if name in ('mul', 'add') else None
            if name in ('mul', 'add') and other is None:
                name = 'clone'
            args = [self.number()] if name == 'mulNumber' else []
        else:
            name = self.random.choice(
                ['add_', 'sub_', 'mul_', 'mul_', 'div_', 'copy_', 'copy_', 'zero_', 'fill_', 'exp_', 'neg_', 'relu_', 'clamp_',
                 'addNumber_', 'mulNumber_', 'detach_'])
            other, args = None, []
            if name in ('add_', 'sub_', 'mul_', 'div_', 'copy_'):
                other = self.operand(x)
                if other is None:
                    name = 'neg_'
            elif name in ('fill_', 'addNumber_', 'mulNumber_'):
                args = [self.number()]
            elif name == 'clamp_':
                args = [-1.0, 1.0]
            elif name == 'detach_' and self.random.random() < 0.6:
                name = 'neg_'
        step = {'op': name, 'x': at, 'args': args, 'noGrad': no_grad}
        if other is not None:
            step['other'] = other
        try:
            with torch.set_grad_enabled(not no_grad):
                result = run(name, x, self.variables[other] if other is not None else None, args)
            if not name.endswith('_'):
                self.variables.append(result)
        except RuntimeError as error:
            step['error'] = str(error).split('\n')[0][:150]
        self.steps.append(step)


def run(name, x, other, args):
    if name == 'select':
        return x.select(*args)
    if name == 'unbind':
        return x.unbind(args[0])[args[1]]
    if name == 'slice':
        dim, start, end, step = args
        return x[(slice(None),) * dim + (slice(start, end, step),)]
    if name in ('split', 'chunk'):
        return getattr(x, name)(args[0], args[1])[args[2]]
    if name == 'asStrided':
        return x.as_strided(*args)
    if name in ('mulNumber', 'addNumber_', 'mulNumber_'):
        return getattr(x, name.replace('Number', ''))(*args)
    if name == 'reshape':
        return x.view(*args)
    return getattr(x, name)(*([other] if other is not None else []), *args)


def numbers(tensor):
    return None if tensor is None else tensor.detach().reshape(-1).tolist()


def finish(program, second):
    """The loss over the last variables that require gradients, its gradients, and those of their squares."""
    out = {}
    variables = program.variables
    out['requiresGrad'] = [v.requires_grad for v in variables]
    try:
        out['isLeaf'] = [v.is_leaf for v in variables]
    except RuntimeError:
        out['isLeaf'] = None
    out['values'] = [numbers(v) for v in variables]
    leaves = [v for v, m in zip(variables, program.made) if m['requiresGrad']]
    loss = torch.zeros((), dtype=torch.float64)
    out['used'] = []
    for i in range(len(variables)):
        v = variables[i]
        if v.requires_grad and i >= len(program.made) - 2 or (v.requires_grad and i < 4 and v.grad_fn is not None):
            try:
                loss = loss + (v * v * (i + 1)).sum()
                out['used'].append({'v': i})
            except RuntimeError as error:
                out['used'].append({'v': i, 'error': str(error).split('\n')[0][:120]})
    if not loss.requires_grad:
        return None
    try:
        grads = torch.autograd.grad(loss, leaves, create_graph=second, allow_unused=True)
        out['grads'] = [numbers(g) for g in grads]
        if second:
            total = torch.zeros((), dtype=torch.float64)
            for g in grads:
                if g is not None:
                    total = total + (g * g).sum()
            if total.requires_grad:
                out['second'] = [numbers(g) for g in torch.autograd.grad(total, leaves, allow_unused=True)]
    except RuntimeError as error:
        out['gradError'] = str(error).split('\n')[0][:150]
    return out


def finite(out):
    values = [v for key in ('values', 'grads', 'second') for row in out.get(key, []) if row for v in row]
    return all(abs(v) < 1e6 for v in values)


def main():
    torch.set_num_threads(1)
    programs = []
    seed = 0
    while len(programs) < PROGRAMS:
        seed += 1
        if seed in EXCLUDED:
            continue
        program = Program(seed)
        program.start()
        for _ in range(program.random.randint(4, 11)):
            program.step()
        out = finish(program, second=seed % 2 == 0)
        interesting = any(s['op'].endswith('_') and 'error' not in s for s in program.steps)
        if out is None or not finite(out) or not interesting:
            continue
        programs.append({'seed': seed, 'start': program.made, 'steps': program.steps, **out})
    path = pathlib.Path(__file__).with_name('inplace-programs.json')
    rows = ',\n'.join(json.dumps(p, separators=(',', ':')) for p in programs)
    path.write_text(f'{{"torch": "{torch.__version__}", "programs": [\n{rows}\n]}}\n')
    refused = sum('error' in s for p in programs for s in p['steps'])
    failed = sum('gradError' in p for p in programs)
    print(f'{len(programs)} programs, {refused} refused steps, {failed} refused gradients')


main()
