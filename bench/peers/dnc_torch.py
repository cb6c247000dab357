"""A vectorised PyTorch DNC (official variant), for the side-by-side of `multigrid-memory bench --against dnc`.

Usage: python3 dnc_torch.py [--slots 500] [--batch 32] [--steps 20] [--threads 2] [--runs 5]
Prints one JSON object with the median milliseconds of a step and of a training window, and the least CPU time of either (what counts
on a shared machine); says so and stops where PyTorch is absent. glibc is told to keep freed memory: by default it gives the large
blocks back to the system after every operation, and PyTorch spends most of its time in page faults.
"""
import argparse
import json
import os
import statistics
import sys
import time

KEEP_MEMORY = {'MALLOC_MMAP_MAX_': '0', 'MALLOC_TRIM_THRESHOLD_': str(1 << 40), 'MALLOC_TOP_PAD_': str(1 << 28)}
if any(os.environ.get(name) != value for name, value in KEEP_MEMORY.items()):
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **KEEP_MEMORY})

try:
    import torch
except ImportError:
    sys.exit('skipped: PyTorch is not installed for ' + sys.executable)

W, R = 16, 4
EPS = 1e-6


def content(memory, keys, strengths):
    norm = (memory.square().sum(-1) + EPS).sqrt()
    key_norm = (keys.square().sum(-1, keepdim=True) + EPS).sqrt()
    cosine = keys @ memory.transpose(1, 2) / (key_norm * norm.unsqueeze(1) + EPS)
    return torch.softmax(strengths.unsqueeze(-1) * cosine, -1)


class Dnc(torch.nn.Module):
    def __init__(self, inputs, outputs, slots, hidden=256):
        super().__init__()
        self.slots, self.hidden = slots, hidden
        self.gates = torch.nn.Linear(inputs + R * W + hidden, 4 * hidden)
        self.interface = torch.nn.Linear(hidden, 7 * W + 3 + 5 * R)
        self.output = torch.nn.Linear(hidden + R * W, outputs)

    def start(self, batch):
        n, zeros = self.slots, torch.zeros
        return (zeros(batch, n, W), zeros(batch, n), zeros(batch, n, n), zeros(batch, n), zeros(batch, R, n), zeros(batch, n),
                zeros(batch, R * W), zeros(batch, self.hidden), zeros(batch, self.hidden))

    def forward(self, x, state):
        memory, usage, link, precedence, read, write, words, h, c = state
        i, u, f, o = self.gates(torch.cat([x, words, h], 1)).chunk(4, 1)
        c = torch.sigmoid(f + 1) * c + torch.sigmoid(i) * torch.tanh(u)
        h = (torch.sigmoid(o) * torch.tanh(c)).clamp(-20, 20)
        c = c.clamp(-20, 20)
        vector, erase, free, ga, gw, modes, write_key, write_strength, read_keys, read_strengths = self.interface(h).split(
            [W, W, R, 1, 1, 3 * R, W, 1, R * W, R], 1)
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
        link = (1 - column - write.unsqueeze(1)) * link + column * precedence.unsqueeze(1)
        link = link * (1 - torch.eye(self.slots))
        precedence = (1 - write.sum(1, keepdim=True)) * precedence + write
        forward, backward = read @ link.transpose(1, 2), read @ link
        looked_up = content(memory, read_keys.view(-1, R, W), softplus(read_strengths))
        read = modes[:, :, 0:1] * backward + modes[:, :, 1:2] * forward + modes[:, :, 2:3] * looked_up
        words = (read @ memory).flatten(1)
        y = self.output(torch.cat([h, words], 1)).clamp(-20, 20)
        return y, (memory, usage, link, precedence, read, write, words, h, c)


def times_ms(body, runs):
    body()
    wall, cpu = [], []
    for _ in range(runs):
        start, spent = time.perf_counter(), time.process_time()
        body()
        wall.append(1000 * (time.perf_counter() - start))
        cpu.append(1000 * (time.process_time() - spent))
    return statistics.median(wall), min(cpu)


def main():
    parser = argparse.ArgumentParser()
    for name, value in (('slots', 500), ('batch', 32), ('steps', 20), ('threads', 2), ('runs', 5)):
        parser.add_argument('--' + name, type=int, default=value)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    model = Dnc(36, 36, args.slots)
    frames = torch.randn(args.steps, args.batch, 36)
    state = [model.start(args.batch)]

    def step():
        with torch.no_grad():
            state[0] = model(frames[0], state[0])[1]

    def window():
        current, total = state[0], 0
        for frame in frames:
            y, current = model(frame, current)
            total = total + y.square().sum()
        model.zero_grad()
        total.backward()

    result = {'torch': torch.__version__, 'slots': args.slots, 'batch': args.batch, 'threads': args.threads}
    result['step_ms'], result['step_cpu_ms'] = times_ms(step, args.runs)
    result['window_ms'], result['window_cpu_ms'] = times_ms(window, max(2, args.runs // 2))
    print(json.dumps(result))


if __name__ == '__main__':
    main()
