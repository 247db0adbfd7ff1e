"""Products of few and of many rows are torch's own but for rounding."""

import pytest
import torch
import torch.nn.functional as F

from backend.matmul import MANY, linear, plus


@pytest.mark.parametrize("rows", [1, MANY - 1, MANY, 40])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("with_bias", [False, True])
def test_products(rows: int, dtype: torch.dtype, with_bias: bool) -> None:
    torch.manual_seed(0)
    x, weight, residual = (torch.randn(*s).to(dtype) for s in ((rows, 64), (32, 64), (rows, 32)))
    bias = torch.randn(32).to(dtype) if with_bias else None
    want = F.linear(x, weight, bias)
    before = residual.clone()
    torch.testing.assert_close(linear(x, weight, bias), want)
    # in 16 bit the sum is rounded once here and twice there
    close = {"rtol": 0.02, "atol": 0.1} if dtype == torch.bfloat16 else {}
    torch.testing.assert_close(plus(residual, x, weight, bias), residual + want, **close)
    assert torch.equal(residual, before)
