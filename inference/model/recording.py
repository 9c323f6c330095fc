"""A function of tensors, recorded once as a CUDA graph and replayed."""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

WARM_UPS = 3  # passes before a recording, as PyTorch's notes on CUDA graphs ask
Function = Callable[..., Any]


class Tape(Protocol):
    def play(self, inputs: tuple[Tensor, ...]) -> Any:
        """What the recorded function gives for these inputs; overwritten by the next play()."""


Recorder = Callable[[Function, tuple[Tensor, ...]], Tape]


class CudaTape:
    """A function of tensors as a CUDA graph: its kernels start as one, in memory of their own."""

    def __init__(self, function: Function, inputs: tuple[Tensor, ...]) -> None:
        self._inputs = tuple(given.clone() for given in inputs)
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UPS):
                function(*self._inputs)
        torch.cuda.current_stream().wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        # thread_local: what other threads do with the GPU meanwhile is not our recording's affair.
        with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
            self._outputs = function(*self._inputs)

    def play(self, inputs: tuple[Tensor, ...]) -> Any:
        for held, given in zip(self._inputs, inputs, strict=True):
            held.copy_(given)
        self._graph.replay()
        return self._outputs


class Recorded:
    """A function, recorded once for each set of shapes."""

    def __init__(self, function: Function, record: Recorder = CudaTape) -> None:
        self._function, self._record = function, record
        self._tapes: dict[tuple[Any, ...], Tape] = {}

    def __call__(self, *inputs: Tensor) -> Any:
        shapes = tuple((tuple(given.shape), given.dtype) for given in inputs)
        if shapes not in self._tapes:
            self._tapes[shapes] = self._record(self._function, inputs)
        return self._tapes[shapes].play(inputs)
