"""A dense DNC in PyTorch as people write it: the official equations term by term, every step's links kept for backward.

Usage: python3 dnc_plain.py FOLDER [--threads 1]
The folder holds weights and inputs as bench/train/sdnc-beside-dense.mjs writes them. A first run, of the window's sum of squares
and its gradients, is written to the folder as `peer.bin` (outputs, then a gradient for each weight in their order); then for
every line on the input one more run, whose processor milliseconds are printed.
"""
import argparse
import json
import os
import sys
import time

try:
    import torch
    import torch.nn.functional as F
except ImportError:
    sys.exit('skipped: PyTorch is not installed for ' + sys.executable)

EPS = 1e-6
CLIP = 20


def content(memory, keys, strengths):
    """softmax over slots of strength times cosine: memory [B,N,W], keys [B,R,W], strengths [B,R]."""
    dots = torch.bmm(keys, memory.transpose(1, 2))
    norms = torch.sqrt((memory ** 2).sum(2) + EPS).unsqueeze(1)
    key_norms = torch.sqrt((keys ** 2).sum(2, keepdim=True) + EPS)
    return torch.softmax(dots / (key_norms * norms + EPS) * F.softplus(strengths).unsqueeze(2), dim=2)


def allocation(usage):
    """The unused slots first: a[phi_k] = (1 - u[phi_k]) times the product of the usages before it."""
    usage = EPS + (1 - EPS) * usage
    ordered, order = torch.sort(usage, dim=1, stable=True)
    before = torch.cumprod(torch.cat([torch.ones_like(ordered[:, :1]), ordered[:, :-1]], dim=1), dim=1)
    return torch.zeros_like(usage).scatter(1, order, (1 - ordered) * before)


class DNC:
    def __init__(self, weights, slots, word, heads):
        self.w, self.N, self.W, self.R = weights, slots, word, heads
        self.H = weights['interface.weight'].shape[0]
        self.not_self = 1 - torch.eye(slots, dtype=weights['interface.weight'].dtype)

    def start(self, batch):
        zeros = lambda *shape: torch.zeros(batch, *shape, dtype=self.not_self.dtype)
        N, W, R, H = self.N, self.W, self.R, self.H
        return dict(memory=zeros(N, W), usage=zeros(N), link=zeros(N, N), precedence=zeros(N), read=zeros(R, N),
                    write=zeros(N), words=zeros(R, W), h=zeros(H), c=zeros(H))

    def linear(self, name, x):
        return x @ self.w[name + '.weight'] + self.w[name + '.bias']

    def step(self, x, s):
        W, R, batch = self.W, self.R, x.shape[0]
        i, j, f, o = self.linear('controller', torch.cat([x, s['words'].reshape(batch, -1), s['h']], dim=1)).chunk(4, dim=1)
        c = torch.sigmoid(f + 1) * s['c'] + torch.sigmoid(i) * torch.tanh(j)
        h = (torch.sigmoid(o) * torch.tanh(c)).clamp(-CLIP, CLIP)
        c = c.clamp(-CLIP, CLIP)
        parts = self.linear('interface', h).split([W, W, R, 1, 1, 3 * R, W, 1, R * W, R], dim=1)
        vector, erase, free, alloc_gate, write_gate, modes, write_key, write_strength, read_keys, read_strengths = parts
        erase, free, alloc_gate, write_gate = [torch.sigmoid(g) for g in (erase, free, alloc_gate, write_gate)]
        modes = torch.softmax(modes.reshape(batch, R, 3), dim=2)

        usage = s['usage'] + (1 - s['usage']) * s['write'].detach()
        usage = usage * torch.prod(1 - free.unsqueeze(2) * s['read'], dim=1)
        by_content = content(s['memory'], write_key.unsqueeze(1), write_strength)[:, 0]
        write = write_gate * (alloc_gate * allocation(usage) + (1 - alloc_gate) * by_content)

        wi, wj = write.unsqueeze(2), write.unsqueeze(1)
        memory = s['memory'] * (1 - torch.bmm(wi, erase.unsqueeze(1))) + torch.bmm(wi, vector.unsqueeze(1))
        link = ((1 - wi - wj) * s['link'] + torch.bmm(wi, s['precedence'].unsqueeze(1))) * self.not_self
        precedence = (1 - write.sum(1, keepdim=True)) * s['precedence'] + write

        forward = torch.bmm(s['read'], link.transpose(1, 2))
        backward = torch.bmm(s['read'], link)
        looked_up = content(memory, read_keys.reshape(batch, R, W), read_strengths)
        read = modes[:, :, 0:1] * backward + modes[:, :, 1:2] * forward + modes[:, :, 2:3] * looked_up
        words = torch.bmm(read, memory)
        y = self.linear('output', torch.cat([h, words.reshape(batch, -1)], dim=1)).clamp(-CLIP, CLIP)
        return y, dict(memory=memory, usage=usage, link=link, precedence=precedence, read=read, write=write, words=words,
                       h=h, c=c)


def load(folder):
    with open(os.path.join(folder, 'meta.json')) as file:
        meta = json.load(file)
    dtype = getattr(torch, meta['dtype'])
    flat = torch.from_file(os.path.join(folder, 'data.bin'), size=meta['count'], dtype=dtype)
    tensors, first = {}, 0
    for name, shape in meta['tensors']:
        size = int(torch.Size(shape).numel())
        tensors[name] = flat[first:first + size].reshape(shape).clone()
        first += size
    return meta, tensors


def main():
    args = argparse.ArgumentParser()
    args.add_argument('folder')
    args.add_argument('--threads', type=int, default=1)
    args = args.parse_args()
    torch.set_num_threads(args.threads)
    meta, tensors = load(args.folder)
    x = tensors.pop('x')
    weights = {name: value.requires_grad_() for name, value in tensors.items()}
    model = DNC(weights, meta['slots'], meta['wordSize'], meta['readHeads'])

    def run():
        state, outputs = model.start(x.shape[1]), []
        for frame in x:
            y, state = model.step(frame, state)
            outputs.append(y)
        y = torch.stack(outputs)
        return y, torch.autograd.grad((y ** 2).sum(), list(weights.values()))

    y, grads = run()
    with open(os.path.join(args.folder, 'peer.bin'), 'wb') as file:
        for tensor in (y.detach(), *grads):
            file.write(tensor.contiguous().numpy().tobytes())
    print(json.dumps({'torch': torch.__version__}), flush=True)
    del y, grads
    for _ in sys.stdin:
        start = time.process_time()
        run()
        print(json.dumps((time.process_time() - start) * 1e3), flush=True)


main()
