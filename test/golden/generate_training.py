"""Losses and gradient norms of the first updates of `map9`, trained by PyTorch in float64. Writes training.json.

Nothing is random: weights, inputs and targets are sines of a running number, so both programs start from the same bits.
Three windows of one episode, then a second episode, with the state carried inside an episode and cut between windows.
"""
import json
import math
import pathlib

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
WRITER = [(0, 0, 4), (0, 1, 4), (0, 1, 8), (0, 2, 8), (0, 2, 8)]
READER = WRITER + [(0, 2, 8), (1, 2, 8), (1, 2, 8), (2, 2, 1)]
SHORTCUTS = {"writer": {2: 0, 4: 2}, "reader": {2: 0, 4: 2, 7: 5}}
BATCH, WINDOWS, EPISODES = 3, [4, 4, 2], 2
LR, DECAY, EPSILON, CLIP = 2e-3, 0.99, 0.1, 50.0


def wave(count, frequency):
    return torch.sin(frequency * torch.arange(1, count + 1))


def grids(layer):
    return range(layer[0], layer[1] + 1)


def joined(pyramid, level):
    """Coarse-up, same, fine-down, on the channel axis."""
    parts = []
    if level - 1 in pyramid:
        parts.append(F.interpolate(pyramid[level - 1], scale_factor=2, mode="nearest"))
    if level in pyramid:
        parts.append(pyramid[level])
    if level + 1 in pyramid:
        parts.append(F.max_pool2d(pyramid[level + 1], 2))
    return torch.cat(parts, 1)


def channels_in(widths, level):
    return sum(widths[k] for k in (level - 1, level, level + 1) if k in widths)


def make_parameters():
    """Kernels as [3,3,in,out] and biases, layer by layer, coarse to fine: 0.1·sin(0.7·n) and 0.05·sin(1.3·n)."""
    shapes = []
    widths = {0: 4}
    for layer in WRITER:
        shapes += [(channels_in(widths, l) + layer[2], 4 * layer[2]) for l in grids(layer)]
        widths = {l: layer[2] for l in grids(layer)}
    widths = {0: 4}
    for k, layer in enumerate(READER):
        shapes += [(channels_in(widths, l), layer[2]) for l in grids(layer)]
        widths = {l: layer[2] + (WRITER[k][2] if k < len(WRITER) and l in grids(WRITER[k]) else 0) for l in grids(layer)}
    kernels = [(0.1 * wave(9 * i * o, 0.7)).reshape(3, 3, i, o).requires_grad_() for i, o in shapes]
    biases = [(0.05 * wave(o, 1.3)).requires_grad_() for _, o in shapes]
    return kernels, biases


def conv(x, kernel, bias):
    return F.conv2d(x, kernel.permute(3, 2, 0, 1), bias, padding=1)


def add_shortcut(y, source):
    if source is None:
        return y
    out = dict(y)
    for level, grid in y.items():
        if level in source and source[level].shape[1] <= grid.shape[1]:
            missing = grid.shape[1] - source[level].shape[1]
            out[level] = grid + F.pad(source[level], (0, 0, 0, 0, 0, missing))
    return out


def write(kernels, biases, x, state):
    memory = [[] for _ in WRITER]
    state = dict(state)
    for t in range(x.shape[0]):
        pyramid, outputs, at = {0: x[t].permute(0, 3, 1, 2)}, [], 0
        for k, layer in enumerate(WRITER):
            y = {}
            for level in grids(layer):
                side = 3 * 2**level
                zero = torch.zeros(BATCH, layer[2], side, side)
                h, c = state.get((k, level), (zero, zero))
                i, u, f, o = conv(torch.cat([joined(pyramid, level), h], 1), kernels[at], biases[at]).chunk(4, 1)
                c = torch.sigmoid(f + 1) * c + torch.sigmoid(i) * torch.tanh(u)
                h = torch.sigmoid(o) * torch.tanh(c)
                state[(k, level)], y[level], at = (h, c), h, at + 1
            source = SHORTCUTS["writer"].get(k)
            pyramid = add_shortcut(y, None if source is None else outputs[source])
            outputs.append(pyramid)
            memory[k].append(pyramid)
    return [{l: torch.cat([step[l] for step in steps]) for l in steps[0]} for steps in memory], state, at


def read(kernels, biases, query, memory, at):
    pyramid, outputs = {0: query.flatten(0, 1).permute(0, 3, 1, 2)}, []
    for k, layer in enumerate(READER):
        y = {}
        for level in grids(layer):
            z = conv(joined(pyramid, level), kernels[at], biases[at])
            y[level], at = (z if k == len(READER) - 1 else F.relu(z)), at + 1
        source = SHORTCUTS["reader"].get(k)
        y = add_shortcut(y, None if source is None else outputs[source])
        pyramid = {l: torch.cat([g, memory[k][l]], 1) if k < len(WRITER) and l in memory[k] else g for l, g in y.items()}
        outputs.append(pyramid)
    return pyramid[2]


def main():
    kernels, biases = make_parameters()
    parameters = kernels + biases
    squares = [torch.ones_like(p) for p in parameters]
    losses, norms, number = [], [], 0
    for _ in range(EPISODES):
        state = {}
        for steps in WINDOWS:
            number += 1
            size = steps * BATCH * 36
            x = (3 * wave(size, 0.37 + 0.01 * number)).reshape(steps, BATCH, 3, 3, 4)
            query = wave(size, 0.53 + 0.01 * number).reshape(steps, BATCH, 3, 3, 4)
            target = (wave(steps * BATCH * 144, 0.91 + 0.01 * number) > 0.8).double()
            memory, state, at = write(kernels, biases, x, state)
            logits = read(kernels, biases, query, memory, at)
            loss = F.binary_cross_entropy_with_logits(logits.flatten(), target, reduction="sum")
            gradients = torch.autograd.grad(loss, parameters)
            norm = math.sqrt(sum(float((g * g).sum()) for g in gradients))
            scale = min(1.0, CLIP / norm)
            with torch.no_grad():
                for p, ms, g in zip(parameters, squares, gradients):
                    ms.mul_(DECAY).add_((scale * g) ** 2, alpha=1 - DECAY)
                    p.sub_(LR * scale * g / torch.sqrt(ms + EPSILON))
            state = {key: (h.detach(), c.detach()) for key, (h, c) in state.items()}
            losses.append(float(loss))
            norms.append(norm)
    sums = [float((p.detach() ** 2).sum()) for p in kernels]
    out = {"torch": torch.__version__, "batch": BATCH, "windows": WINDOWS, "episodes": EPISODES, "lr": LR, "clip": CLIP,
           "losses": losses, "norms": norms, "kernelSquares": sums}
    path = pathlib.Path(__file__).with_name("training.json")
    path.write_text(json.dumps(out, indent=1) + "\n")


main()
