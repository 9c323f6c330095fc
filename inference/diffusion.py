"""From noise to the latents of a window: DDIM with guidance, as LatentSync runs it.

All randomness is drawn on the CPU from the seed, so every device starts from the same numbers, and
a frame's draws hang on its place in the video alone, so windows may be cut anywhere.
"""

from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Literal

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor

from inference.errors import Canceled
from inference.unet import LATENT_CHANNELS, VideoUNet

WINDOW_FRAMES = 16
Role = Literal["masked", "reference"]


def scheduler(steps: int) -> DDIMScheduler:
    """LatentSync's schedule, its timesteps set; 20 steps are 951, 901, ... 1."""
    ddim: DDIMScheduler = DDIMScheduler(
        num_train_timesteps=1000,
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type="epsilon",
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
    should_cancel: Callable[[], bool] | None = None,
    on_step: Callable[[int, Tensor], None] | None = None,
) -> Tensor:
    """The latents of one window.

    noise: (1, 4, 1, h, w), the same for each frame, or (1, 4, f, h, w). mask_masked_ref:
    (1, 9, f, h, w). audio: (f, tokens, audio_width) -> (1, 4, f, h, w), fp32 on the UNet's device.
    guidance 1.0 or less switches guidance off. on_step(step, latents) is called after each step.
    Raises Canceled before a step if should_cancel() says so.
    """
    weight = unet.conv_in.weight
    shown, heard = mask_masked_ref.to(weight), audio.to(weight)
    latents = noise.to(weight.device, torch.float32).expand(-1, -1, shown.shape[2], -1, -1)
    ddim = scheduler(steps)
    for step, timestep in enumerate(ddim.timesteps.tolist()):
        if should_cancel and should_cancel():
            raise Canceled("The synchronization was canceled.")
        predicted = _predict(unet, latents.to(weight), shown, heard, timestep, guidance)
        # fp32 whatever the network runs in: twenty roundings to half precision would add up.
        latents = ddim.step(predicted.float(), timestep, latents, return_dict=False)[0]
        if on_step:
            on_step(step, latents)
    return latents


def _predict(
    unet: VideoUNet, latents: Tensor, shown: Tensor, heard: Tensor, timestep: int, guidance: float
) -> Tensor:
    """The noise as the sound has it, led away from what silence has."""
    sample = torch.cat([latents, shown], dim=1)
    if guidance <= 1:
        out: Tensor = unet(sample, timestep, heard)
        return out
    # The first of the pair gets no audio at all: silence is a constant in the network.
    silent, voiced = unet(sample.expand(2, -1, -1, -1, -1), timestep, heard).chunk(2)
    led: Tensor = silent + guidance * (voiced - silent)
    return led
