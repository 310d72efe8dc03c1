# What the workers of tables share: a line `name N` on stdin runs N steps of one case and prints their times.
import gc, json, resource, sys, time

import torch


def serve(cases, timed=()):
    """Cases make their inputs and return what is timed; the steps of those in `timed` return their own time."""
    timed = dict(timed)
    current, run = None, None
    print(json.dumps({'ready': f'PyTorch {torch.__version__}, {torch.get_num_threads()} threads'}), flush=True)
    for line in sys.stdin:
        name, steps = line.strip().rsplit(' ', 1)
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
