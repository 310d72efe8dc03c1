# What the workers of tables share: a line `name N` on stdin runs N steps of one case and prints their times; `? name`
# looks at one step: its error against float64 and how far the memory grows; `names` lists the cases. The argument says how PyTorch is used.
import ctypes, gc, json, resource, sys, time

import torch

TUNED = sys.argv[1:2] == ['tuned']
torch.set_num_threads(2)
DTYPE = [torch.float32]


def randn(*shape, requires_grad=False):
    """Cases make their numbers through these, so that they can be made again in float64: the same numbers."""
    return torch.randn(*shape).to(DTYPE[0]).requires_grad_(requires_grad)


def rand(*shape):
    return torch.rand(*shape).to(DTYPE[0])


def numbers(make, dtype):
    DTYPE[0] = dtype
    torch.manual_seed(1)
    try:
        result = make()()
        if callable(result):
            result = result()
        parts = result if isinstance(result, (list, tuple)) else [result]
        return [x.detach() for x in parts if isinstance(x, torch.Tensor) and x.dtype == dtype]
    finally:
        DTYPE[0] = torch.float32


def errors(make):
    got, want = numbers(make, torch.float32), numbers(make, torch.float64)
    worst = largest = squares = length = 0.0
    for a, b in zip(got, want):
        difference = a.double() - b
        worst, largest = max(worst, float(difference.abs().max())), max(largest, float(b.abs().max()))
        squares, length = squares + float(difference.square().sum()), length + float(b.square().sum())
    return {'maxError': worst / largest, 'normError': (squares / length) ** 0.5} if largest else {}


def status(name):
    with open('/proc/self/status') as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name + ':')) / 1024


def settle():
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def growth(make):
    """How far resident memory grows during a step that is not the first of its kind; Linux."""
    if sys.platform != 'linux':
        return {}
    make()()
    settle()
    run = make()
    settle()
    before = status('VmRSS')
    with open('/proc/self/clear_refs', 'w') as file:
        file.write('5')
    run()
    return {'stepMb': max(0.0, status('VmHWM') - before)}


def inspect(make):
    found = growth(make)
    if not getattr(make, 'unchecked', False):
        found.update(errors(make))
    settle()
    return found


def serve(cases, timed=()):
    """Cases make their inputs and return what is timed; the steps of those in `timed` return their own time."""
    timed = dict(timed)
    current, run = None, None
    print(json.dumps({'ready': f'PyTorch {torch.__version__}, {torch.get_num_threads()} threads'}), flush=True)
    for line in sys.stdin:
        line = line.strip()
        try:
            if line == 'names':
                print(json.dumps({'names': [*cases, *timed]}), flush=True)
                continue
            if line.startswith('? '):
                current, run = None, None
                print(json.dumps(inspect(cases[line[2:]]) if line[2:] in cases else {}), flush=True)
                continue
            name, steps = line.rsplit(' ', 1)
            if name != current:
                run = None
                gc.collect()
                run, current = (timed.get(name) or cases[name])(), name
            times = []
            for _ in range(int(steps)):
                start = time.perf_counter()
                own = run()
                times.append(own if name in timed else (time.perf_counter() - start) * 1e3)
                del own
            rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(json.dumps({'times': times, 'peakRssMb': rss}), flush=True)
        except Exception as error:
            current = None
            print(json.dumps({'error': f'{type(error).__name__}: {error}'.split('\n')[0]}), flush=True)
