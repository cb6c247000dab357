"""What the PyTorch peers share: one job as JSON on standard input, one result on standard output, modes, and timing.

Modes: eager; compile (torch.compile of the step); graph (the whole measured body captured once as a CUDA graph and replayed).
Weights and inputs are sines of a running number, as in bench/gpu/subject.mjs, so that both sides get the same loss.
"""
import json
import statistics
import sys
import time

try:
    import torch
except ImportError:
    sys.exit('PyTorch is not installed for ' + sys.executable)

JOB = json.load(sys.stdin)
DEVICE = torch.device(JOB['device'])
MODE = JOB['mode']
PRECISION = JOB.get('precision', 'float32')
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = PRECISION == 'tf32'
torch.backends.cudnn.benchmark = True
if DEVICE.type == 'cuda':
    torch.cuda.set_device(DEVICE)
else:
    torch.set_num_threads(JOB.get('threads', 1))


def fail(reason):
    sys.exit(reason)


def wave(shape, frequency, scale=1.0):
    size = 1
    for side in shape:
        size *= side
    numbers = torch.arange(1, size + 1, dtype=torch.float64)
    return (scale * torch.sin(frequency * numbers)).float().reshape(shape).to(DEVICE)


def weight(shape):
    """As setWeights of subject.mjs: sines with the variance of He's initialization; biases small."""
    fan_in = 1
    for side in shape[:-1]:
        fan_in *= side
    return wave(shape, 0.7, (4 / fan_in) ** 0.5) if len(shape) > 1 else wave(shape, 1.3, 0.05)


def compiled(function):
    """The function itself, or what torch.compile makes of it."""
    if MODE != 'compile':
        return function
    if not hasattr(torch, 'compile'):
        fail('torch.compile needs PyTorch 2, this is ' + torch.__version__)
    return torch.compile(function, dynamic=False)


def wait():
    if DEVICE.type == 'cuda':
        torch.cuda.synchronize()


def captured(body):
    """The body as one graph: fixed memory, no Python between its kernels."""
    if DEVICE.type != 'cuda':
        fail('a CUDA graph needs a GPU')
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            body()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        body()
    return graph.replay


def finish(body, loss=None):
    """Times the body, in the mode of the job, and prints the result."""
    started = time.perf_counter()
    if DEVICE.type == 'cuda':
        torch.cuda.reset_peak_memory_stats()
    run = captured(body) if MODE == 'graph' or (MODE == 'strong' and DEVICE.type == 'cuda') else body
    for _ in range(max(1, JOB['warmups'])):
        run()
    wait()
    ready = time.perf_counter() - started
    times, begun = [], time.perf_counter()
    while len(times) < 2 or (len(times) < JOB['runs'] and (time.perf_counter() - begun) * 1000 < JOB['budgetMs']):
        start = time.perf_counter()
        run()
        wait()
        times.append(1000 * (time.perf_counter() - start))
    times.sort()
    at = lambda share: times[min(len(times) - 1, int(share * len(times)))]
    result = {'mode': MODE, 'torch': torch.__version__, 'readySeconds': ready,
              'ms': {'median': statistics.median(times), 'low': at(0.25), 'high': at(0.75), 'runs': len(times)}}
    if loss is not None:
        result['loss'] = float(loss)
    if DEVICE.type == 'cuda':
        result['peakBytes'] = torch.cuda.max_memory_allocated()
    print(json.dumps(result))


class RmsProp:
    """The TensorFlow flavour with clipping by the global norm, without a wait for the device."""

    def __init__(self, parameters, rate=1e-6, decay=0.99, epsilon=0.1, most=10_000.0):
        self.parameters, self.rate, self.decay, self.epsilon, self.most = list(parameters), rate, decay, epsilon, most
        self.squares = [torch.ones_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self, grads):
        norm = torch.stack([g.norm() for g in grads]).norm()
        scale = torch.clamp(self.most / norm, max=1.0)
        grads = [g * scale for g in grads]
        torch._foreach_mul_(self.squares, self.decay)
        torch._foreach_addcmul_(self.squares, grads, grads, value=1 - self.decay)
        roots = torch._foreach_sqrt(torch._foreach_add(self.squares, self.epsilon))
        torch._foreach_addcdiv_(self.parameters, grads, roots, value=-self.rate)
