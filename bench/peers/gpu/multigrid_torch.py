"""A multigrid memory in PyTorch, from the plan that our models print: what a user would write, and what an expert would.

eager, compile, graph: a Python loop over steps, layers and grids, channels last. strong: layer by layer, the input convolutions
of a whole window as one batch, one fused pointwise kernel for each recurrent step, and all of it captured as a CUDA graph.
"""
import torch.nn.functional as F

from peer import IN_A_ROW, JOB, MODE, PRECISION, RmsProp, compiled, fail, finish, torch, wave, weight

PLAN, STEPS, BATCH = JOB['plan'], JOB['steps'], JOB['batch']
if PLAN['kind'] != 'writerReader' or PLAN['norm'] != 'none' or PLAN['dimensions'] != 2:
    fail('this peer knows two-dimensional writers with readers, without normalization')
LAST = torch.channels_last
FORGET = float(PLAN['forgetBias'])


class Layer(torch.nn.Module):
    """Kernels are made as [3,3,in,out] and turned; inputs of a grid come as coarse-up, same, fine-down, then the hidden state."""

    def __init__(self, plan):
        super().__init__()
        self.plan, self.channels = plan, plan['channels']
        kernels, biases = [], []
        for grid in plan['grids']:
            shapes = [p['shape'] for p in grid['parameters']]
            kernels.append(weight(shapes[0]).permute(3, 2, 0, 1).contiguous(memory_format=LAST))
            biases.append(weight(shapes[1]))
        self.kernels = torch.nn.ParameterList([torch.nn.Parameter(k) for k in kernels])
        self.biases = torch.nn.ParameterList([torch.nn.Parameter(b) for b in biases])

    def joined(self, grid, pyramid):
        parts = []
        for source in grid['sources']:
            x = pyramid[source['level']]
            if source['level'] < grid['level']:
                x = F.interpolate(x, scale_factor=2, mode='nearest')
            elif source['level'] > grid['level']:
                x = F.max_pool2d(x, 2)
            parts.append(x)
        return torch.cat(parts, 1) if len(parts) > 1 else parts[0]

    def shortcut(self, y, outputs):
        if self.plan['shortcut'] is None:
            return y
        source = outputs[self.plan['shortcut']['source'] - 1]
        y = dict(y)
        for grid in self.plan['shortcut']['grids']:
            level = grid['level']
            missing = y[level].shape[1] - source[level].shape[1]
            y[level] = y[level] + (F.pad(source[level], (0, 0, 0, 0, 0, missing)) if missing else source[level])
        return y


def cell(sums, c):
    i, u, f, o = sums.chunk(4, 1)
    c = torch.sigmoid(f + FORGET) * c + torch.sigmoid(i) * torch.tanh(u)
    return torch.sigmoid(o) * torch.tanh(c), c


def fused_cell(recurrent, inputs, c, forget: float):
    i, u, f, o = (recurrent + inputs).chunk(4, 1)
    c = torch.sigmoid(f + forget) * c + torch.sigmoid(i) * torch.tanh(u)
    return torch.sigmoid(o) * torch.tanh(c), c


class Memory(torch.nn.Module):
    def __init__(self):
        super().__init__()
        writer, *readers = PLAN['networks']
        self.writer = torch.nn.ModuleList([Layer(p) for p in writer['layers']])
        self.readers = torch.nn.ModuleList([torch.nn.ModuleList([Layer(p) for p in r['layers']]) for r in readers])
        self.read_step = compiled(self.read)
        self.write_step = compiled(self.write)
        if MODE == 'strong':
            self.cell = torch.compile(fused_cell) if hasattr(torch, 'compile') else torch.jit.script(fused_cell)

    def zeros(self):
        state = {}
        for k, layer in enumerate(self.writer):
            for grid in layer.plan['grids']:
                side, device = grid['side'], layer.biases[0].device
                zero = torch.zeros(BATCH, layer.channels, side, side, device=device).contiguous(memory_format=LAST)
                state[k, grid['level']] = (zero, zero)
        return state

    def write(self, pyramid, state):
        """One step of all layers."""
        outputs, after = [], {}
        for k, layer in enumerate(self.writer):
            y = {}
            for g, grid in enumerate(layer.plan['grids']):
                h, c = state[k, grid['level']]
                sums = F.conv2d(torch.cat([layer.joined(grid, pyramid), h], 1), layer.kernels[g], layer.biases[g], padding=1)
                h, c = cell(sums, c)
                after[k, grid['level']], y[grid['level']] = (h, c), h
            pyramid = layer.shortcut(y, outputs)
            outputs.append(pyramid)
        return outputs, after

    def write_window(self, inputs, state):
        steps = []
        for t in range(STEPS):
            outputs, state = self.write_step({level: x[t] for level, x in inputs.items()}, state)
            steps.append(outputs)
        return [{level: torch.cat([s[k][level] for s in steps]) for level in steps[0][k]} for k in range(len(self.writer))]

    def write_layers(self, inputs, state):
        """Layer by layer: the input convolutions of all steps at once."""
        pyramid = {level: x.flatten(0, 1) for level, x in inputs.items()}
        outputs = []
        for k, layer in enumerate(self.writer):
            y = {}
            for g, grid in enumerate(layer.plan['grids']):
                count = grid['inChannels']
                kernel, recurrent = layer.kernels[g][:, :count], layer.kernels[g][:, count:].contiguous(memory_format=LAST)
                sums = F.conv2d(layer.joined(grid, pyramid), kernel.contiguous(memory_format=LAST), layer.biases[g], padding=1)
                h, c = state[k, grid['level']]
                hidden = []
                for part in sums.chunk(STEPS):
                    h, c = self.cell(F.conv2d(h, recurrent, None, padding=1), part, c, FORGET)
                    hidden.append(h)
                y[grid['level']] = torch.cat(hidden)
            pyramid = layer.shortcut(y, outputs)
            outputs.append(pyramid)
        return outputs

    def read(self, which, pyramid, memory):
        outputs = []
        for layer in self.readers[which]:
            y = {}
            for g, grid in enumerate(layer.plan['grids']):
                z = F.conv2d(layer.joined(grid, pyramid), layer.kernels[g], layer.biases[g], padding=1)
                y[grid['level']] = F.relu(z) if layer.plan['activation'] == 'relu' else z
            pyramid = layer.shortcut(y, outputs)
            if layer.plan['memory'] is not None:
                seen = memory[layer.plan['memory'] - 1]
                pyramid = {level: torch.cat([x, seen[level]], 1) if level in seen else x for level, x in pyramid.items()}
            outputs.append(pyramid)
        return next(iter(pyramid.values()))

    def forward(self, inputs, queries):
        memory = (self.write_layers if MODE == 'strong' else self.write_window)(inputs, self.zeros())
        return [self.read_step(r, {l: x.flatten(0, 1) for l, x in q.items()}, memory) for r, q in enumerate(queries)]


def grids(network, frequency, lead):
    made = {}
    for source in network['input']:
        side = PLAN['baseSide'] * 2 ** source['level']
        x = wave([*lead, side, side, source['channels']], frequency)
        made[source['level']] = x.movedim(-1, -3)  # channels last in memory
    return made


def main():
    model = Memory()
    writer, *readers = PLAN['networks']
    narrow = torch.autocast(JOB['device'].split(':')[0], dtype=torch.bfloat16, enabled=PRECISION == 'bfloat16')
    if JOB['what'] in ('online', 'write'):
        asked = readers if JOB['what'] == 'online' else []
        x, queries = grids(writer, 0.37, [BATCH]), [grids(r, 0.53, [BATCH]) for r in asked]
        state = model.zeros()

        @torch.no_grad()
        def step():
            with narrow:
                memory, after = model.write_step(x, state)
                for r, query in enumerate(queries):
                    model.read_step(r, query, memory)
                for key, (h, c) in after.items():
                    state[key][0].copy_(h), state[key][1].copy_(c)
        for key, (h, c) in state.items():
            state[key] = (h.clone(), c.clone())
        return finish(step, in_a_row=IN_A_ROW)
    inputs, queries = grids(writer, 0.37, [STEPS, BATCH]), [grids(r, 0.53, [STEPS, BATCH]) for r in readers]

    def window():
        with narrow:
            return model(inputs, queries)
    with torch.no_grad():
        logits = window()[0]
    steps, batch, (channels, high, wide) = STEPS, BATCH, logits.shape[1:]
    target = (wave([steps * batch, high, wide, channels], 0.91) > 0.8).float().movedim(-1, -3)

    def loss_of():
        return F.binary_cross_entropy_with_logits(window()[0].float(), target, reduction='sum')
    with torch.no_grad():
        loss = loss_of()
    if JOB['what'] == 'window':
        def body():
            with torch.no_grad():
                window()
        return finish(body, loss)
    parameters = list(model.parameters())
    optimizer = RmsProp(parameters)
    return finish(lambda: optimizer.step(torch.autograd.grad(loss_of(), parameters)), loss)


main()
