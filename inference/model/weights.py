"""Load networks strictly: every key, every shape, or not at all.

A network is built on the meta device and takes the file's tensors over, piece by piece, each in the
place and precision it will have: no random copy is ever made, and no second one.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from inference.errors import (
    BadManifest,
    EngineError,
    MisshapenWeights,
    MissingWeights,
    UnknownWeights,
    WrongWeights,
)
from inference.model.weight_files import Pick, Weights, in_pieces, read_weights

Network = TypeVar("Network", bound=nn.Module)
SHOWN = 5  # keys an error names


@dataclass(frozen=True)
class Checkpoint(Generic[Network]):
    """A file, the network it should be, and which of the file's entries are that network's."""

    path: Path
    build: Callable[[], Network]
    pick: Pick

    def on_meta(self) -> Network:
        """The network without numbers, after every key and shape of the file was compared with it.

        Raises BadManifest, or MissingWeights, UnknownWeights, MisshapenWeights with the file and
        its first keys.
        """
        network = self._built()
        _compare(network, self.pick(read_weights(self.path)), self.path)
        return network

    def _built(self) -> Network:
        """Without numbers. Raises BadManifest for sizes that no network can have."""
        try:
            with torch.device("meta"):
                return self.build()
        except EngineError:
            raise
        except Exception as wrong:  # torch's layers refuse a size in many ways
            told = f"The sizes that are told for {self.path} describe no network: {wrong}."
            raise BadManifest(told) from None

    def load(self, device: torch.device | None = None, dtype: torch.dtype | None = None) -> Network:
        """The network, ready to run. None leaves the numbers where, or as, the file has them:
        mapped from it, if it stays on the CPU in the precision it was stored in."""
        network = self.on_meta()
        for piece in self.pieces():
            placed = {name: weight.to(device, dtype) for name, weight in piece.items()}
            network.load_state_dict(placed, strict=False, assign=True)
            del piece, placed  # or its pages would stay until the next one is there
        return network.eval().requires_grad_(False)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the weights, in the order of pieces()."""
        weights = self.pick(read_weights(self.path))
        return {name: tuple(weight.shape) for name, weight in weights.items()}

    def pieces(self) -> Iterator[dict[str, Tensor]]:
        """The weights under the network's names; see weight_files.in_pieces."""
        return in_pieces(self.path, self.pick)


def _compare(network: nn.Module, weights: Weights, path: Path) -> None:
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    _refuse(MissingWeights, path, sorted(wanted.keys() - weights.keys()))
    _refuse(UnknownWeights, path, sorted(weights.keys() - wanted.keys()))
    shapes = {name: _shape(weights[name]) for name in wanted}
    wrong = [name for name in wanted if shapes[name] != wanted[name]]
    _refuse(
        MisshapenWeights, path, [f"{k} {shapes[k]} instead of {wanted[k]}" for k in sorted(wrong)]
    )


def _shape(value: Any) -> tuple[int, ...] | str:
    """A tensor of floating-point numbers has a shape; anything else is no weight at all."""
    if isinstance(value, Tensor) and value.is_floating_point():
        return tuple(value.shape)
    return "without floating-point numbers"


def _refuse(error: type[WrongWeights], path: Path, names: Iterable[str]) -> None:
    names = list(names)
    if names:
        raise error(path, names[:SHOWN], len(names))
