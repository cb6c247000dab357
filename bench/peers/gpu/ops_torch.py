"""Single ops in PyTorch, channels last, without gradient; the sizes are those of bench/gpu/ops.mjs."""
import torch.nn.functional as F

from peer import JOB, finish, torch, wave

sizes = JOB['sizes']


def conv():
    batch, side, inputs = sizes['batch'], sizes['side'], sum(sizes['channels'])
    last = torch.channels_last
    x = wave([batch, inputs, side, side], 0.3).contiguous(memory_format=last)
    kernel = wave([sizes['outputs'], inputs, 3, 3], 0.7, 0.1).contiguous(memory_format=last)
    bias = wave([sizes['outputs']], 1.3, 0.05)
    return lambda: F.conv2d(x, kernel, bias, padding=1)


def matmul():
    a, b = wave([sizes['m'], sizes['k']], 0.3), wave([sizes['k'], sizes['n']], 0.7)
    return lambda: a @ b


def max_pool():
    x = wave([sizes['batch'], sizes['channels'], sizes['side'], sizes['side']], 0.3).contiguous(memory_format=torch.channels_last)
    return lambda: F.max_pool2d(x, 2)


def of_size(function):
    a, b = wave([sizes['size']], 0.3), wave([sizes['size']], 0.7)
    return lambda: function(a, b)


def softmax():
    x = wave([sizes['rows'], sizes['columns']], 0.3)
    return lambda: torch.softmax(x, -1)


makers = {'conv': conv, 'matmul': matmul, 'maxPool': max_pool, 'softmax': softmax, 'add': lambda: of_size(lambda a, b: a + b),
          'tanh': lambda: of_size(lambda a, b: torch.tanh(a)), 'sum': lambda: of_size(lambda a, b: a.sum())}
with torch.no_grad():
    finish(makers[JOB['op']]())
