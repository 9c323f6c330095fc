"""The loop that every stage shares: steps, not minutes, decide; a run that was cut off goes on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from inference.demo.training.halves import Meeting

SAVE_EVERY_SECONDS = 180.0
REPORT_EVERY_STEPS = 50
WARM_UP_STEPS = 100
HALF_APART = 7919  # between the seeds of the two halves of a step

Losses = Mapping[str, Tensor]


def cosine(step: int, steps: int, floor: float = 0.02) -> float:
    """Share of the full rate: a linear warm-up, then half a cosine."""
    if step < WARM_UP_STEPS:
        return (step + 1) / WARM_UP_STEPS
    done = (step - WARM_UP_STEPS) / max(1, steps - WARM_UP_STEPS)
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done))


def draw_for(seed: int, step: int) -> torch.Generator:
    """The random numbers of one step, whatever ran before it."""
    return torch.Generator().manual_seed(seed * 1_000_003 + step)


class Average(nn.Module):
    """An exponential moving average of a network's parameters: what is shipped."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.values = {name: p.detach().clone() for name, p in network.named_parameters()}

    @torch.no_grad()
    def follow(self, network: nn.Module, step: int) -> None:
        weight = 1 - min(self.decay, (step + 1) / (step + 10))
        for name, parameter in network.named_parameters():
            self.values[name].lerp_(parameter, weight)

    @torch.no_grad()
    def write_to(self, network: nn.Module) -> None:
        for name, parameter in network.named_parameters():
            parameter.copy_(self.values[name])


def train(
    name: str,
    network: nn.Module,
    compute: Callable[[int, torch.Generator], Losses],
    *,
    folder: Path,
    steps: int,
    rate: float,
    seed: int,
    parameters: list[nn.Parameter] | None = None,
    decay: float = 0.0,
    watch: Callable[[int], str] | None = None,
    watch_every: int = 0,
    meeting: Meeting | None = None,
) -> None:
    """Run a stage to its end and leave the network with the averaged weights.

    compute(step, draws) -> named losses; `total` is minimized, the others are printed.
    meeting: where this process meets the one that computes the other half of each step.
    """
    number = meeting.number if meeting else 0
    trained = parameters or [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, rate, betas=(0.9, 0.98), weight_decay=1e-3, fused=True)
    average = Average(network, decay)
    first = _resume(folder / f"{name}.pt", network, optimizer, average)
    began = saved = time.monotonic()
    for step in range(first, steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * cosine(step, steps)
        losses = compute(step, draw_for(seed + HALF_APART * number, step))
        optimizer.zero_grad(set_to_none=True)
        losses["total"].backward()
        if meeting:
            meeting.average(trained)
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        average.follow(network, step)
        if number:
            continue  # the first half saves and reports for both
        if step % REPORT_EVERY_STEPS == 0 or step == steps - 1:
            shown = " ".join(f"{k} {v.item():.4f}" for k, v in losses.items())
            each = (time.monotonic() - began) / (step - first + 1)
            print(f"{name} {step}/{steps} {each:.2f} s a step: {shown}", flush=True)
        if watch and watch_every and step and step % watch_every == 0:
            print(f"{name} {step}: {watch(step)}", flush=True)
        if time.monotonic() - saved > SAVE_EVERY_SECONDS or step == steps - 1:
            _save(folder / f"{name}.pt", network, optimizer, average, step + 1)
            saved = time.monotonic()
    average.write_to(network)


def _save(
    path: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: Average,
    step: int,
) -> None:
    state = {
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "average": average.values,
        "step": step,
    }
    unfinished = path.with_suffix(".part")
    torch.save(state, unfinished)
    unfinished.replace(path)


def _resume(
    path: Path, network: nn.Module, optimizer: torch.optim.Optimizer, average: Average
) -> int:
    """Load what is there; the number of the next step."""
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    average.values = state["average"]
    print(f"{path.stem}: going on at step {state['step']}", flush=True)
    return int(state["step"])
