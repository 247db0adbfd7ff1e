"""What a loaded model consists of: its weights by kind, with shapes and counts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from backend.models import LoadedModel

LAYER = re.compile(r"\.\d+\.")  # a layer's number inside a parameter's name


@dataclass(frozen=True, kw_only=True)
class Weights:
    """One kind of weight: what it is called, in how many layers it stands, its shape."""

    name: str  # of the parameter, the layer's number left out
    layers: int
    shape: tuple[int, ...]
    parameters: int  # in all layers


def weights_job(loaded: LoadedModel) -> Iterator[Weights]:
    """Yield the kinds in the order in which the model holds them; tied weights come once."""
    held = [(LAYER.sub(".*.", name), p) for name, p in loaded.model.named_parameters()]
    kinds = list(dict.fromkeys(name for name, _ in held))
    by_kind = sorted(held, key=lambda pair: kinds.index(pair[0]))
    for name, group in groupby(by_kind, key=lambda pair: pair[0]):
        found = [parameter for _, parameter in group]
        yield Weights(
            name=name,
            layers=len(found),
            shape=tuple(found[0].shape),
            parameters=sum(parameter.numel() for parameter in found),
        )
