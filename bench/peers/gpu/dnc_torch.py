"""A vectorised PyTorch DNC (official variant): one step, or a window of steps with gradient. Its job: bench/gpu/dnc.mjs."""
from peer import DEVICE, JOB, MODE, compiled, finish, torch, wave, weight

W, R = 16, 4
EPS = 1e-6


def content(memory, keys, strengths):
    norm = (memory.square().sum(-1) + EPS).sqrt()
    key_norm = (keys.square().sum(-1, keepdim=True) + EPS).sqrt()
    cosine = keys @ memory.transpose(1, 2) / (key_norm * norm.unsqueeze(1) + EPS)
    return torch.softmax(strengths.unsqueeze(-1) * cosine, -1)


def linear(x, part):
    return torch.addmm(part[1], x, part[0])


class Dnc(torch.nn.Module):
    def __init__(self, inputs, outputs, slots, hidden=256):
        super().__init__()
        self.slots, self.hidden = slots, hidden
        size = 3 * W + 3 + R * (W + 5)
        parameter = lambda shape: torch.nn.Parameter(weight(shape))
        make = lambda rows, columns: torch.nn.ParameterList([parameter([rows, columns]), parameter([columns])])
        self.gates = make(inputs + R * W + hidden, 4 * hidden)
        self.interface = make(hidden, size)
        self.output = make(hidden + R * W, outputs)

    def start(self, batch):
        n, zeros = self.slots, lambda *shape: torch.zeros(*shape, device=DEVICE)
        return (zeros(batch, n, W), zeros(batch, n), zeros(batch, n, n), zeros(batch, n), zeros(batch, R, n), zeros(batch, n),
                zeros(batch, R * W), zeros(batch, self.hidden), zeros(batch, self.hidden))

    def forward(self, x, state):
        memory, usage, link, precedence, read, write, words, h, c = state
        i, u, f, o = linear(torch.cat([x, words, h], 1), self.gates).chunk(4, 1)
        c = torch.sigmoid(f + 1) * c + torch.sigmoid(i) * torch.tanh(u)
        h = (torch.sigmoid(o) * torch.tanh(c)).clamp(-20, 20)
        c = c.clamp(-20, 20)
        sizes = [W, W, R, 1, 1, 3 * R, W, 1, R * W, R]
        vector, erase, free, ga, gw, modes, write_key, write_strength, read_keys, read_strengths = (
            linear(h, self.interface).split(sizes, 1))
        erase, free, ga, gw = map(torch.sigmoid, (erase, free, ga, gw))
        modes = torch.softmax(modes.view(-1, R, 3), -1)
        softplus = torch.nn.functional.softplus
        usage = usage + (1 - usage) * write.detach()
        usage = usage * (1 - free.unsqueeze(-1) * read).prod(1)
        scaled, order = torch.sort(EPS + (1 - EPS) * usage, dim=1, stable=True)
        product = torch.cumprod(torch.cat([torch.ones_like(scaled[:, :1]), scaled[:, :-1]], 1), 1)
        allocation = torch.zeros_like(usage).scatter(1, order, (1 - scaled) * product)
        address = content(memory, write_key.unsqueeze(1), softplus(write_strength))[:, 0]
        write = gw * (ga * allocation + (1 - ga) * address)
        column = write.unsqueeze(2)
        memory = memory * (1 - column * erase.unsqueeze(1)) + column * vector.unsqueeze(1)
        link = torch.baddbmm((1 - column - write.unsqueeze(1)) * link, column, precedence.unsqueeze(1))
        link.diagonal(dim1=1, dim2=2).zero_()
        precedence = (1 - write.sum(1, keepdim=True)) * precedence + write
        forward, backward = read @ link.transpose(1, 2), read @ link
        looked_up = content(memory, read_keys.view(-1, R, W), softplus(read_strengths))
        read = modes[:, :, 0:1] * backward + modes[:, :, 1:2] * forward + modes[:, :, 2:3] * looked_up
        words = (read @ memory).flatten(1)
        y = linear(torch.cat([h, words], 1), self.output).clamp(-20, 20)
        return y, (memory, usage, link, precedence, read, write, words, h, c)


def main():
    model = Dnc(36, 36, JOB['slots'])
    run = compiled(model)
    start = model.start(JOB['batch'])
    if JOB['what'] == 'step':
        x, state = wave([JOB['batch'], 36], 0.37), [part.clone() for part in start]
        with torch.no_grad():
            loss = run(x, state)[0].square().sum()

        @torch.no_grad()
        def step():
            new = run(x, state)[1]
            if MODE == 'graph':  # the memory of a captured step is fixed
                for part, value in zip(state, new):
                    part.copy_(value)
            else:
                state[:] = new
        return finish(step, loss)
    frames = wave([JOB['steps'], JOB['batch'], 36], 0.37)

    def loss_of():
        state, total = start, 0
        for frame in frames:
            y, state = run(frame, state)
            total = total + y.square().sum()
        return total
    with torch.no_grad():
        loss = loss_of()
    parameters = list(model.parameters())
    return finish(lambda: torch.autograd.grad(loss_of(), parameters), loss)


main()
