"""Two processes of one thread each train one network: each computes half of a step's windows.

A step is thousands of small operations. Two threads would meet at the end of each of them, and on a
machine that does something else beside wait for each other most of the time; two processes meet
once a step, to average their gradients, and so keep the same weights to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from multiprocessing.synchronize import Barrier
from typing import Any

import torch
from torch import Tensor, nn
from torch import multiprocessing as processes

HALVES = 2
LONGEST_STEP_SECONDS = 600.0  # a half that waits longer for the other gives up


class Meeting:
    """Where the halves exchange gradients. `number` tells them apart; 0 saves and reports."""

    def __init__(self, number: int, barrier: Barrier, gradients: Tensor) -> None:
        self.number = number
        self._barrier = barrier
        self._gradients = gradients

    def average(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give every parameter the mean of both halves' gradients."""
        trained = [p for p in parameters if p.grad is not None]
        flat = torch.cat([p.grad.flatten() for p in trained])  # type: ignore[union-attr]
        mine = self._gradients[self.number, : len(flat)]
        mine.copy_(flat)
        self._barrier.wait(LONGEST_STEP_SECONDS)
        mean = self._gradients[:, : len(flat)].mean(dim=0)
        self._barrier.wait(LONGEST_STEP_SECONDS)
        for parameter, part in zip(trained, mean.split([p.numel() for p in trained]), strict=True):
            # In place: the fused optimizer takes it for granted that a gradient's memory is laid
            # out like its parameter's, channels last, and diverges in silence when it isn't.
            parameter.grad.copy_(part.view(parameter.shape))  # type: ignore[union-attr]


def run(work: Callable[..., None], size: int, *arguments: Any) -> None:
    """Call work(meeting, *arguments) in each half. size: how many numbers all gradients are."""
    context = processes.get_context("spawn")
    barrier = context.Barrier(HALVES)
    gradients = torch.zeros(HALVES, size).share_memory_()
    halves = [
        context.Process(target=_half, args=(work, number, barrier, gradients, arguments))
        for number in range(HALVES)
    ]
    for half in halves:
        half.start()
    for half in halves:
        half.join()
    if any(half.exitcode for half in halves):
        raise RuntimeError("The training of the UNet was cut off; run it again to go on.")


def _half(
    work: Callable[..., None],
    number: int,
    barrier: Barrier,
    gradients: Tensor,
    arguments: tuple[Any, ...],
) -> None:
    torch.set_num_threads(1)
    try:
        work(Meeting(number, barrier, gradients), *arguments)
    except BaseException:
        barrier.abort()  # the other one would wait for ever
        raise
