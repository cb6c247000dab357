"""A multigrid memory in PyTorch from the plan, weights and data of bench/train/compare-torch.mjs, for times side by side.

Usage: python3 multigrid_torch.py FOLDER --what window|writer [--layout nchw|nhwc] [--order step|split|frozen] [--threads 2]
  [--repeat 1]
order: step runs all layers of a time step before the next; split a layer's whole window, its input convolutions as one batch;
frozen is a step as a traced graph with its weights in it (torch.jit.trace, torch.jit.freeze).
Prints the loss (or the mean of the states) of a first run, then for every line on its input the milliseconds of one
more run, the mean of --repeat: of the processor on one thread, else by the clock.
"""
import argparse
import json
import os
import sys
import time
import warnings

try:
    import torch
    import torch.nn.functional as F
except ImportError:
    sys.exit('skipped: PyTorch is not installed for ' + sys.executable)


class Network:
    """One writer or reader: parameters [KH,KW,in,out] turned into PyTorch's [out,in,KH,KW]."""

    def __init__(self, plan, parameters, args):
        self.layers, self.args = plan['layers'], args
        self.layout = torch.channels_last if args.layout == 'nhwc' else torch.contiguous_format
        self.p = {}
        for name, value in parameters.items():
            if name.startswith(plan['name'] + '.'):
                if name.endswith('kernel'):
                    value = value.permute(3, 2, 0, 1).contiguous(memory_format=self.layout)
                self.p[name[len(plan['name']) + 1:]] = value.clone().requires_grad_(args.what == 'window')

    def gather(self, layer, outgoing):
        """{level: joined input} for the grids of a layer."""
        def source(kind, level):
            x = outgoing[level]
            return F.interpolate(x, scale_factor=2) if kind == 'coarse-up' else F.max_pool2d(x, 2) if kind == 'fine-down' else x
        return {g['level']: torch.cat([source(s['kind'], s['level']) for s in g['sources']], 1) for g in layer['grids']}

    def conv(self, k, level, x, bias=True, part=slice(None)):
        bias = self.p[f'{k}.level{level}.bias'] if bias else None
        return F.conv2d(x, self.p[f'{k}.level{level}.kernel'][:, part], bias, padding=1)

    def cell(self, gates, c):
        i, u, f, o = gates.chunk(4, 1)
        c = torch.sigmoid(f + 1) * c + torch.sigmoid(i) * torch.tanh(u)
        return torch.sigmoid(o) * torch.tanh(c), c

    def leave(self, k, layer, y, outgoing, memory):
        """Norm and shortcut; (own output, what the next layer sees), by level."""
        for level in y:
            if layer['norm']:
                gamma, beta = self.p[f'{k}.level{level}.gamma'], self.p[f'{k}.level{level}.beta']
                y[level] = F.batch_norm(y[level], None, None, gamma, beta, training=True, eps=1e-3)
        if layer['shortcut']:
            for grid in layer['shortcut']['grids']:
                level, source = grid['level'], outgoing[layer['shortcut']['source'] - 1]
                extra = y[level].shape[1] - source[level].shape[1]
                y[level] = y[level] + (F.pad(source[level], (0, 0, 0, 0, 0, extra)) if extra else source[level])
        joined = dict(y)
        if layer['memory'] and memory is not None:
            for level, grid in memory[layer['memory'] - 1].items():
                if level in joined:
                    joined[level] = torch.cat([joined[level], grid], 1)
        return y, joined

    def stack(self, x, memory):
        """Convolution layers over a batch of images: the output of the last one."""
        outgoing, see = [], x
        for k, layer in enumerate(self.layers, 1):
            a = self.gather(layer, see)
            y = {level: self.conv(k, level, a[level]) for level in a}
            if layer['activation'] == 'relu':
                y = {level: F.relu(grid) for level, grid in y.items()}
            y, see = self.leave(k, layer, y, outgoing, memory)
            outgoing.append(see)
        return y

    def start(self, batch):
        zeros = lambda layer, g: torch.zeros(batch, layer['channels'], g['side'], g['side']).contiguous(memory_format=self.layout)
        return [{g['level']: (zeros(l, g), zeros(l, g)) for g in l['grids']} for l in self.layers]

    def step(self, x, state):
        """All layers of one time step: their outputs and the next state."""
        outgoing, outputs, after, see = [], [], [], x
        for k, layer in enumerate(self.layers, 1):
            a = self.gather(layer, see)
            new = {v: self.cell(self.conv(k, v, torch.cat([a[v], state[k - 1][v][0]], 1)), state[k - 1][v][1]) for v in a}
            y, see = self.leave(k, layer, {v: h for v, (h, _) in new.items()}, outgoing, None)
            outgoing.append(see)
            outputs.append(y)
            after.append(new)
        return outputs, after

    def window(self, x, state, steps):
        """A window [T·B,…], layer by layer, with the input's convolutions of all steps as one batch."""
        outgoing, outputs, see = [], [], x
        for k, layer in enumerate(self.layers, 1):
            y = {}
            for level, a in self.gather(layer, see).items():
                n = a.shape[1]
                sums = self.conv(k, level, a, part=slice(0, n)).chunk(steps)
                (h, c), series = state[k - 1][level], []
                for t in range(steps):
                    h, c = self.cell(sums[t] + self.conv(k, level, h, bias=False, part=slice(n, None)), c)
                    series.append(h)
                y[level] = torch.cat(series)
            y, see = self.leave(k, layer, y, outgoing, None)
            outgoing.append(see)
            outputs.append(y)
        return outputs


class Frozen(torch.nn.Module):
    """A writer's step from one state, for torch.jit: hidden and cell grids."""

    def __init__(self, network, x, state):
        super().__init__()
        self.network, self.x, self.state = network, x, state

    def forward(self, *grids):
        after = self.network.step(dict(zip(self.x, grids)), self.state)[1]
        return tuple(grid for layer in after for pair in layer.values() for grid in pair)


def load(folder):
    meta = json.load(open(os.path.join(folder, 'meta.json')))
    flat = torch.from_file(os.path.join(folder, 'data.bin'), size=meta['count'])
    tensors = {}
    for name, (first, shape) in meta['tensors'].items():
        size = 1
        for side in shape:
            size *= side
        tensors[name] = flat[first:first + size].view(shape).clone()
    return meta, tensors


def main():
    args = argparse.ArgumentParser()
    args.add_argument('folder')
    args.add_argument('--what', choices=['window', 'writer'], default='window')
    args.add_argument('--layout', choices=['nchw', 'nhwc'], default='nhwc')
    args.add_argument('--order', choices=['step', 'split', 'frozen'], default='step')
    args.add_argument('--threads', type=int, default=2)
    args.add_argument('--repeat', type=int, default=1)
    args = args.parse_args()
    torch.set_num_threads(args.threads)
    meta, tensors = load(args.folder)
    writer = Network(meta['networks'][0], tensors, args)
    images = lambda name: tensors[name].flatten(0, 1).permute(0, 3, 1, 2).contiguous(memory_format=writer.layout)
    grids = lambda prefix: {int(name[len(prefix):]): images(name) for name in tensors if name.startswith(prefix)}
    steps, batch = meta['steps'], meta['batch']
    x = grids('input')

    if args.what == 'writer':
        state = writer.start(batch)
        with torch.no_grad():
            run = lambda: writer.step(x, state)[1]
            print(json.dumps(float(sum(h.double().sum() for layer in run() for h, _ in layer.values()))), flush=True)
            if args.order == 'frozen':
                warnings.simplefilter('ignore', torch.jit.TracerWarning)  # shapes are constants of this graph
                grids = tuple(x.values())
                graph = torch.jit.freeze(torch.jit.trace(Frozen(writer, x, state).eval(), grids, check_trace=False))
                run = lambda: graph(*grids)
                for _ in range(3):  # the first runs are those in which the graph is optimized
                    run()
            serve(run, args)
        return

    reader = Network(meta['networks'][1], tensors, args)
    query, target = grids('query'), tensors['target']
    fc = [tensors[name].requires_grad_(True) for name in ('fc.weight', 'fc.bias') if name in tensors]
    parameters = [*writer.p.values(), *reader.p.values(), *fc]
    optimizer = torch.optim.RMSprop(parameters, lr=1e-3, alpha=0.9)

    def memory_of():
        state = writer.start(batch)
        if args.order == 'split':
            outputs = writer.window(x, state, steps)
            return [{v: y[v][-batch:] for v in y} for y in outputs] if meta['last'] else outputs
        series = []
        for t in range(steps):
            outputs, state = writer.step({v: x[v][t * batch:(t + 1) * batch] for v in x}, state)
            series.append(outputs)
        if meta['last']:
            return series[-1]
        return [{v: torch.cat([s[k][v] for s in series]) for v in series[0][k]} for k in range(len(writer.layers))]

    def run():
        optimizer.zero_grad(set_to_none=True)
        logits = next(iter(reader.stack(query, memory_of()).values())).permute(0, 2, 3, 1)
        if fc:
            logits = logits.flatten(1) @ fc[0] + fc[1]
        if meta['loss'] == 'crossEntropy':
            loss = F.cross_entropy(logits, target.long().flatten(), reduction='sum')
        else:
            loss = F.binary_cross_entropy_with_logits(logits.flatten(), target.flatten(), reduction='sum')
        loss.backward()
        optimizer.step()
        return loss

    print(json.dumps(float(run())), flush=True)
    serve(run, args)


def serve(run, args):
    now = time.process_time if args.threads == 1 else time.perf_counter
    for _ in sys.stdin:
        start = now()
        for _ in range(args.repeat):
            run()
        print(json.dumps((now() - start) * 1e3 / args.repeat), flush=True)


main()
