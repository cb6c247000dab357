"""Writes python.safetensors with Python's own package (pip install safetensors numpy): made once with version 0.8.0."""
import pathlib

import numpy as np
from safetensors.numpy import save_file

tensors = {
    "weight": np.array([[0.1, -2.0, 3e38]], dtype=np.float32),
    "scale": np.array(0.1, dtype=np.float64),
    "steps": np.array([-7, 2**31 - 1], dtype=np.int32),
    "bytes": np.array([0, 255, 7], dtype=np.uint8),
    "mask": np.array([True, False, True]),
    "half": np.array([1.0], dtype=np.float16),
    "count": np.array([-(2**40)], dtype=np.int64),
    "none": np.zeros((0, 4), dtype=np.float32),
}
save_file(tensors, pathlib.Path(__file__).with_name("python.safetensors"), metadata={"format": "np", "ünï": '"✓"'})
