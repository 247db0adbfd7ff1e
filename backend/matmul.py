"""The matrix product of many rows on a CPU: oneDNN's where torch has it.

torch's own `linear` in fp32 calls MKL, which takes twice as long from a few dozen rows up on a
processor that is not Intel's (benchmarks/matmul.py). The operator is what torch.compile emits for a
linear layer on a CPU; it has no public name.
"""

import torch
import torch.nn.functional as F

MANY = 16  # rows; for fewer, calling oneDNN costs more than it brings


def _onednn() -> bool:
    try:
        x = torch.ones(MANY, 8)
        found = torch.ops.mkldnn._linear_pointwise(x, torch.ones(4, 8), None, "none", [], "")
        more = torch.ops.mkldnn._linear_pointwise.binary(x, found, torch.ones(4, 8), None, "add")
    except (AttributeError, RuntimeError):
        return False
    return bool((found == 8).all() and (more == 16).all())


ONEDNN = _onednn()


def many(x: torch.Tensor) -> bool:
    """Return whether oneDNN takes (rows, in) `x`."""
    return ONEDNN and len(x) >= MANY and x.dtype == torch.float32 and x.device.type == "cpu"


def linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """Return (rows, out) from (rows, in) and (out, in)."""
    if many(x):
        found: torch.Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
        return found
    return F.linear(x, weight, bias)


def plus(
    x: torch.Tensor, h: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
) -> torch.Tensor:
    """Return x + linear(h), the residual connection, in one call."""
    if many(h):
        found: torch.Tensor = torch.ops.mkldnn._linear_pointwise.binary(h, x, weight, bias, "add")
        return found
    return torch.addmm(x if bias is None else x + bias, h, weight.T)
