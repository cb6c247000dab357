"""Writes pytorch.json beside this file: inputs, outputs and gradients of ops, cells, losses and optimizers as PyTorch computes
them, in float64. Arrays are {shape, data}, channels last, gates in the order i, u, f, o.

    apt-get install python3-torch python3-numpy     (PyTorch 1.13, NumPy 1.24 made the committed file)
    python3 test/golden/generate.py
"""
import json
import pathlib

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.manual_seed(20200707)


def array(t):
    t = t.detach()
    return {"shape": list(t.shape), "data": t.contiguous().reshape(-1).tolist()}


def normal(*shape):
    """Standard normal, rounded to 1/64 so that both precisions start from the same numbers and the file stays small."""
    return torch.round(64 * torch.randn(shape)) / 64


def leaf(t):
    return t.clone().requires_grad_(True)


def case(inputs, outputs, leaves):
    """Back-propagates fixed random cotangents; records everything."""
    dys = {name: normal(*y.shape) for name, y in outputs.items()}
    sum((y * dys[name]).sum() for name, y in outputs.items()).backward()
    return {
        "inputs": {name: array(x) for name, x in inputs.items()},
        "outputs": {name: array(y) for name, y in outputs.items()},
        "cotangents": {name: array(dy) for name, dy in dys.items()},
        "gradients": {name: array(inputs[name].grad) for name in leaves},
    }


def channels_first(x):
    return x.movedim(-1, 1)


def channels_last(x):
    return x.movedim(1, -1)


def conv(x, kernel, bias):
    """x [N,H,W,C] or [N,L,C], kernel [K,K,C,D] or [K,C,D]: SAME, stride 1."""
    weight = kernel.movedim(-1, 0).movedim(-1, 1)
    f = F.conv2d if x.dim() == 4 else F.conv1d
    return channels_last(f(channels_first(x), weight, bias, padding=kernel.shape[0] // 2))


def conv_case(grid, channels, size, outputs):
    sides = [size] * (len(grid) - 1)
    t = {f"x{j}": leaf(normal(*grid, c)) for j, c in enumerate(channels)}
    t["kernel"] = leaf(normal(*sides, sum(channels), outputs))
    t["bias"] = leaf(normal(outputs))
    y = conv(torch.cat([t[f"x{j}"] for j in range(len(channels))], -1), t["kernel"], t["bias"])
    return case(t, {"y": y}, list(t))


def pool_case(grid):
    x = leaf(F.relu(normal(*grid)))  # with ties at 0
    f = F.max_pool2d if x.dim() == 4 else F.max_pool1d
    return case({"x": x}, {"y": channels_last(f(channels_first(x), 2))}, ["x"])


def up_case(grid):
    x = leaf(normal(*grid))
    return case({"x": x}, {"y": channels_last(F.interpolate(channels_first(x), scale_factor=2, mode="nearest"))}, ["x"])


def conv_lstm_case(grid, inner, channels, steps, peephole, forget_bias=1.0):
    """Steps of a convolutional LSTM from a given state; grid [B,H,W] or [B,L]."""
    t = {
        "x": leaf(normal(steps, *grid, inner)),
        "hidden": leaf(normal(*grid, channels)),
        "cell": leaf(normal(*grid, channels)),
        "kernel": leaf(normal(*[3] * (len(grid) - 1), inner + channels, 4 * channels) / 2),
        "bias": leaf(normal(4 * channels)),
    }
    if peephole == "channel":
        t["peephole"] = leaf(normal(3, channels))
    if peephole == "position":
        t["peephole"] = leaf(normal(3, *grid[1:], channels))
    p = t.get("peephole", torch.zeros(3, channels))
    h, c, hs = t["hidden"], t["cell"], []
    for x in t["x"]:
        i, u, f, o = conv(torch.cat([x, h], -1), t["kernel"], t["bias"]).chunk(4, -1)
        i = torch.sigmoid(i + p[0] * c)
        f = torch.sigmoid(f + forget_bias + p[1] * c)
        c = f * c + i * torch.tanh(u)
        o = torch.sigmoid(o + p[2] * c)
        h = o * torch.tanh(c)
        hs.append(h)
    return {**case(t, {"y": torch.stack(hs), "cell": c}, list(t)), "forget_bias": forget_bias}


def batch_norm_case(grid, epsilon, training):
    channels = grid[-1]
    t = {"x": leaf(3 * normal(*grid) + 1), "gamma": leaf(normal(channels)), "beta": leaf(normal(channels))}
    if not training:
        t["mean"], t["variance"] = normal(channels), normal(channels) ** 2 + 0.1
    y = F.batch_norm(t["x"].reshape(-1, channels), t.get("mean"), t.get("variance"), t["gamma"], t["beta"], training, eps=epsilon)
    out = case(t, {"y": y.reshape(t["x"].shape)}, ["x", "gamma", "beta"])
    if training:
        out["statistics"] = {
            "mean": array(t["x"].reshape(-1, channels).mean(0)),
            "variance": array(t["x"].reshape(-1, channels).var(0, unbiased=False)),
        }
    out["epsilon"] = epsilon
    return out


def bce_case(shape):
    t = {"logits": leaf(4 * normal(*shape)), "target": (torch.rand(*shape) > 0.5).double(), "mask": (torch.rand(*shape) > 0.3).double()}
    loss = F.binary_cross_entropy_with_logits(t["logits"], t["target"], t["mask"], reduction="sum")
    return case(t, {"loss": loss}, ["logits"])


def cross_entropy_case(rows, classes):
    t = {"logits": leaf(4 * normal(rows, classes)), "mask": (torch.rand(rows) > 0.3).double()}
    wanted = torch.randint(classes, (rows,))
    loss = (F.cross_entropy(t["logits"], wanted, reduction="none") * t["mask"]).sum()
    t["classes"] = wanted.double()
    return case(t, {"loss": loss}, ["logits"])


def optimizer_case(make, settings, steps=6):
    """Weights after each update with the listed gradients."""
    w = leaf(normal(5))
    optimizer = make([w], **settings)
    start, gradients, weights = array(w), [normal(5) for _ in range(steps)], []
    for g in gradients:
        w.grad = g.clone()
        optimizer.step()
        weights.append(array(w))
    return {"settings": settings, "start": start, "gradients": [array(g) for g in gradients], "weights": weights}


cases = {
    "conv2d": conv_case([2, 4, 3], [2, 1], 3, 3),
    "conv2d_5x5": conv_case([1, 3, 4], [1, 1, 1], 5, 2),
    "conv1d": conv_case([2, 5], [2, 2], 3, 3),
    "max_pool_2d": pool_case([2, 4, 4, 2]),
    "max_pool_1d": pool_case([2, 6, 3]),
    "grid_up_2d": up_case([2, 2, 3, 2]),
    "grid_up_1d": up_case([2, 3, 2]),
    "conv_lstm": conv_lstm_case([2, 3, 3], 2, 2, 3, "none"),
    "conv_lstm_channel": conv_lstm_case([2, 3, 3], 2, 2, 3, "channel"),
    "conv_lstm_channel_1d": conv_lstm_case([2, 4], 1, 3, 3, "channel", 0.5),
    "conv_lstm_position": conv_lstm_case([2, 3, 3], 2, 2, 2, "position"),
    "batch_norm": batch_norm_case([3, 2, 3, 3, 4], 1e-3, True),
    "batch_norm_1e-5": batch_norm_case([7, 3], 1e-5, True),
    "normalize": batch_norm_case([2, 3, 2, 4], 1e-3, False),
    "bce": bce_case([3, 2, 4]),
    "cross_entropy": cross_entropy_case(6, 5),
    "adam": optimizer_case(torch.optim.Adam, {"lr": 0.01, "betas": [0.9, 0.999], "eps": 1e-8}),
    "rmsprop": optimizer_case(torch.optim.RMSprop, {"lr": 0.01, "alpha": 0.95, "eps": 1e-8}),
    "rmsprop_momentum": optimizer_case(torch.optim.RMSprop, {"lr": 0.01, "alpha": 0.9, "eps": 1e-6, "momentum": 0.9}),
}

lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in cases.items()]
target = pathlib.Path(__file__).with_name("pytorch.json")
target.write_text('{"made_with": ' + json.dumps(f"PyTorch {torch.__version__}") + ",\n" + ",\n".join(lines) + "\n}\n")
