"""The exponential numbers of a draw: what `torch.multinomial` would take from a generator next."""

import torch


def _by_uniform() -> bool:
    """Return whether torch draws exponential numbers as -log(1 - u) of its uniform doubles."""
    a, b = (torch.Generator().manual_seed(7) for _ in range(2))
    wanted = torch.empty(1000, dtype=torch.float32).exponential_(generator=a)
    uniform = torch.empty(1000, dtype=torch.float64).uniform_(generator=b)
    same_state = torch.equal(a.get_state(), b.get_state())
    return same_state and torch.equal(as_noise(uniform), wanted)


def noise_dtype(device: torch.device) -> torch.dtype:
    """Return what `draw` fills: doubles on a CPU, whose logarithms are then taken all at once."""
    return torch.float64 if device.type == "cpu" and BY_UNIFORM else torch.float32


def draw(numbers: torch.Tensor, generator: torch.Generator) -> None:
    """Fill (..., vocab) numbers of `noise_dtype`, for `as_noise`, from a request's generator."""
    if numbers.dtype == torch.float64:
        numbers.uniform_(generator=generator)  # a quarter of the price
    else:
        numbers.exponential_(generator=generator)


def as_noise(numbers: torch.Tensor) -> torch.Tensor:
    """Return the fp32 exponential numbers that `draw` stands for."""
    return torch.log1p(-numbers).neg_().float() if numbers.dtype == torch.float64 else numbers


BY_UNIFORM = _by_uniform()


def exponential_noise(rows: int, vocab: int, generator: torch.Generator) -> torch.Tensor:
    """Return the (rows, vocab) numbers that `multinomial` would draw next from this generator."""
    dtype = noise_dtype(generator.device)
    numbers = torch.empty(rows, vocab, dtype=dtype, device=generator.device)
    draw(numbers, generator)
    return as_noise(numbers)
