"""From noise to the latents of a window: DDIM with guidance, as LatentSync runs it.

speed="exact" is that, on every device; speed="fast" is another computation: `inference.model.fast`.

All randomness is drawn on the CPU from the seed, so every device starts from the same numbers, and
a frame's draws hang on its place in the video alone, so windows may be cut anywhere.
"""

from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import TYPE_CHECKING, Literal, Protocol

import torch
from torch import Tensor

from inference.errors import Canceled
from inference.model import fast
from inference.model.acceleration import passes
from inference.model.unet.config import LATENT_CHANNELS, NOISE_SCHEDULE
from inference.model.unet.config import WINDOW_FRAMES as WINDOW_FRAMES
from inference.model.unet.network import VideoUNet

if TYPE_CHECKING:
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler
    from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler

Role = Literal["masked", "reference"]
Speed = Literal["exact", "fast"]


class Network(Protocol):
    """What predicts the noise: see VideoUNet.forward."""

    def __call__(
        self, sample: Tensor, timestep: int, audio: Tensor, *, beside_silence: bool = False
    ) -> Tensor: ...


def scheduler(steps: int) -> "DDIMScheduler":
    """LatentSync's schedule, its timesteps set; 20 steps are 951, 901, ... 1."""
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler  # see network_files

    ddim: DDIMScheduler = DDIMScheduler(
        **NOISE_SCHEDULE,
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        timestep_spacing="leading",
    )
    ddim.set_timesteps(steps)
    return ddim


def shared_noise(seed: int, side: int) -> Tensor:
    """The noise that every frame of a video starts from: (1, 4, 1, side, side)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, LATENT_CHANNELS, 1, side, side, generator=generator)


def posterior_noise(seed: int, frames: Iterable[int], role: Role, side: int) -> Tensor:
    """What picks each frame's sample of the VAE's posterior: (frames, 4, side, side).

    frames: places in the whole video. A frame has other draws as masked picture and as reference.
    """
    return torch.stack([_frame_noise(seed, frame, role, side) for frame in frames])


def _frame_noise(seed: int, frame: int, role: Role, side: int) -> Tensor:
    # Hashed: neighboring seeds of the generator must not give neighboring frames related draws.
    digest = blake2b(f"{seed}/{role}/{frame}".encode(), digest_size=8).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest) >> 1)
    return torch.randn(LATENT_CHANNELS, side, side, generator=generator)


def conditions(mask: Tensor, masked: Tensor, reference: Tensor) -> Tensor:
    """What the UNet is shown beside the noise.

    mask: (h, h), 1 = keep; masked, reference: (f, 4, h, h) latents -> (1, 9, f, h, h).
    """
    plane = mask.to(masked).expand(len(masked), 1, -1, -1)
    return torch.cat([plane, masked, reference], dim=1).transpose(0, 1)[None]


@torch.inference_mode()
def denoise(
    unet: VideoUNet,
    noise: Tensor,
    mask_masked_ref: Tensor,
    audio: Tensor,
    *,
    steps: int,
    guidance: float,
    speed: Speed = "exact",
    should_cancel: Callable[[], bool] | None = None,
    on_step: Callable[[int, Tensor], None] | None = None,
) -> Tensor:
    """The latents of one window.

    noise: (1, 4, 1, h, w), the same for each frame, or (1, 4, f, h, w). mask_masked_ref:
    (1, 9, f, h, w). audio: (f, tokens, audio_width) -> (1, 4, f, h, w), fp32 on the UNet's device.
    guidance 1.0 or less switches guidance off. on_step(step, latents) is called after each step;
    on a GPU, which runs behind, after it was started.
    Raises Canceled before a step if should_cancel() says so.
    """
    weight = unet.conv_in.weight
    shown, heard = mask_masked_ref.to(weight), audio.to(weight)
    latents = noise.to(weight.device, torch.float32).expand(-1, -1, shown.shape[2], -1, -1)
    network, solver = _way(unet, speed, steps)
    pace = Pace(weight.device)
    for step, timestep in enumerate(solver.timesteps.tolist()):
        if should_cancel and should_cancel():
            raise Canceled("The synchronization was canceled.")
        predicted = _predict(network, latents.to(weight), shown, heard, timestep, guidance)
        # fp32 whatever the network runs in: twenty roundings to half precision would add up.
        latents = solver.step(predicted.float(), timestep, latents, return_dict=False)[0]
        pace.keep()
        if on_step:
            on_step(step, latents)
    return latents


def _way(
    unet: VideoUNet, speed: Speed, steps: int
) -> "tuple[Network, DDIMScheduler | DPMSolverMultistepScheduler]":
    network = passes(unet)
    if speed == "fast":
        return fast.Reuse(network), fast.solver(steps)
    return network, scheduler(steps)


def _predict(
    network: Network, latents: Tensor, shown: Tensor, heard: Tensor, timestep: int, guidance: float
) -> Tensor:
    """The noise as the sound has it, led away from what silence has."""
    sample = torch.cat([latents, shown], dim=1)
    if guidance <= 1:
        return network(sample, timestep, heard)
    silent, voiced = network(sample, timestep, heard, beside_silence=True).chunk(2)
    return silent + guidance * (voiced - silent)


class Pace:
    """Lets a GPU run one step ahead, no more: a cancel must not wait for all the steps queued."""

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._before: torch.cuda.Event | None = None

    def keep(self) -> None:
        """Wait until the step before the one just started is over."""
        if not self._cuda:
            return
        # blocking: sleeps, since faces, paste and encoders want the cores meanwhile.
        event = torch.cuda.Event(blocking=True)
        event.record()
        if self._before is not None:
            self._before.synchronize()
        self._before = event
