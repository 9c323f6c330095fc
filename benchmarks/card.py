"""The card that a benchmark runs on, or a CPU in its place."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Card:
    """Where it runs. side: of the matrices that measure its rate."""

    device: torch.device
    dtype: torch.dtype
    side: int = 8192

    @property
    def name(self) -> str:
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        return "no GPU"

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def forget_peak(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)

    def peak_gib(self) -> float:
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device) / 2**30
        return 0.0

    def seconds(self, work: Callable[[], Any], times: int) -> float:
        """The fastest of so many, each after the last has ended."""
        best = float("inf")
        for _ in range(times):
            self.wait()
            start = time.perf_counter()
            work()
            self.wait()
            best = min(best, time.perf_counter() - start)
        return best

    def rate(self) -> float:
        """Multiply-adds, counted as two, a second, in matrices of the network's precision."""
        side = self.side
        a, b = (torch.randn(side, side, device=self.device, dtype=self.dtype) for _ in range(2))
        torch.mm(a, b)
        return 2 * side**3 / self.seconds(lambda: torch.mm(a, b), 10)


def flop(work: Callable[[], Any]) -> float:
    with FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops())
