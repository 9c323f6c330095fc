"""speed="fast": fewer and cheaper steps, which give other numbers than the exact way.

Two approximations, each by its paper: DPM-Solver++ (Lu et al., 2022) reaches the same end in fewer
steps than DDIM, and DeepCache (Ma, Fang, Wang; CVPR 2024) computes the deep part of the UNet only
every few steps, since it changes little from one to the next. How far both lead from the exact
result is measured in docs/performance.md.
"""

from typing import TYPE_CHECKING, Protocol

from torch import Tensor

from inference.model.unet.config import NOISE_SCHEDULE
from inference.model.unet.space import Heard

if TYPE_CHECKING:
    from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler

WHOLE_EVERY = 2  # steps from one whole pass to the next


class DeepNetwork(Protocol):
    """A VideoUNet, or what runs one."""

    def deep_and_out(
        self, sample: Tensor, timestep: int, heard: Heard
    ) -> tuple[Tensor, Tensor]: ...

    def out_of_deep(self, sample: Tensor, timestep: int, heard: Heard, deep: Tensor) -> Tensor: ...


def solver(steps: int) -> "DPMSolverMultistepScheduler":
    """DPM-Solver++ of order 2 over LatentSync's noise schedule. It remembers: one for a window."""
    from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler

    dpm: DPMSolverMultistepScheduler = DPMSolverMultistepScheduler(
        **NOISE_SCHEDULE,
        algorithm_type="dpmsolver++",
        solver_order=2,
        timestep_spacing="linspace",
    )
    dpm.set_timesteps(steps)
    return dpm


class Reuse:
    """Called like the network for the steps of one window, in order."""

    def __init__(self, network: DeepNetwork, whole_every: int | None = None) -> None:
        self._network, self._whole_every = network, whole_every or WHOLE_EVERY
        self._step = 0
        self._deep: Tensor | None = None

    def __call__(
        self, sample: Tensor, timestep: int, audio: Tensor, *, beside_silence: bool = False
    ) -> Tensor:
        heard = Heard(audio, beside_silence)
        whole = self._deep is None or self._step % self._whole_every == 0
        self._step += 1
        if whole or self._deep is None:
            self._deep, out = self._network.deep_and_out(sample, timestep, heard)
            return out
        return self._network.out_of_deep(sample, timestep, heard, self._deep)
