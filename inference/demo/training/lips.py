"""The small video UNet. What it must learn: the mouth comes from the sound, everything else from
the reference, whose mouth never says what the sound says.

Stage A learns that on single frames, stage B on windows of 16 with the motion modules. Stage C does
as B does and looks less at the mouth, which moves by then, and more at cheeks and chin around it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from inference.demo.training import halves
from inference.demo.training.halves import Meeting
from inference.demo.training.hearing import CONFIG as ENCODER
from inference.demo.training.lessons import Lessons
from inference.demo.training.loop import train
from inference.demo.training.material import CLIP_FRAMES
from inference.demo.training.reader import MouthReader
from inference.demo.training.teacher import EVEN_MOUTH_WEIGHT, Teacher
from inference.model.unet.config import UNetConfig
from inference.model.unet.network import VideoUNet
from inference.model.unet.resnet import Resnet

# Groups of 8 channels and more: a group of two, as 32 groups would make of 64 channels, pins the
# mean of its channels, and the network could not carry the level of a noisy latent.
CONFIG = UNetConfig(
    widths=(64, 64, 96),
    layers_per_block=1,
    attention_levels=(False, True, True),
    heads=4,
    audio_width=ENCODER.width,
    groups=8,
    motion_heads=4,
)
STAGE_A_STEPS, STAGE_A_RATE, STAGE_A_WINDOWS, STAGE_A_FRAMES = 1800, 1.2e-3, 8, 4
STAGE_B_STEPS, STAGE_B_RATE, STAGE_B_WINDOWS = 1300, 6e-4, 2
STAGE_C_STEPS, STAGE_C_RATE = 500, 5e-4
WATCH_EVERY = 300
FINISHED = "unet-whole.pt"
LEVEL = 0.3  # of the latents in the first channels of the linear start


def build() -> VideoUNet:
    unet = VideoUNet(CONFIG)
    for part in unet.modules():
        if isinstance(part, nn.Conv2d):
            # Channels last: a sixth faster on a CPU.
            nn.Module.to(part, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return unet


@torch.no_grad()
def start_linear(network: VideoUNet) -> None:
    """Before any training the prediction is the noisy latent itself: nearly right at high noise.

    Two groups of channels carry +x and -x of two latent channels each; constants of both signs
    keep GroupNorm from taking their level away. The first skip brings them to the last resnet.
    """
    unet: Any = network  # its weights are set by hand
    for part in unet.modules():
        if isinstance(part, Resnet):
            part.conv2.weight.zero_()
            part.conv2.bias.zero_()  # type: ignore[union-attr]
    first, last = unet.conv_in, unet.up_blocks[-1].resnets[-1]
    first.weight[:16], first.bias[:16] = 0, 0
    last.conv_shortcut.weight[:16], last.conv_shortcut.bias[:16] = 0, 0
    skip = last.conv_shortcut.weight.shape[1] - CONFIG.widths[0]
    for i in range(16):
        last.conv_shortcut.weight[i, skip + i] = 1
    unet.conv_out.weight *= 0.1
    unet.conv_out.bias.zero_()
    gain = (0.5 + LEVEL**2 / 2) ** 0.5 / LEVEL
    for channel in range(4):
        plus = 8 * (channel // 2) + 2 * (channel % 2)
        for place, sign in ((plus, 1.0), (plus + 1, -1.0)):
            first.weight[place, channel, 1, 1] = sign * LEVEL
            unet.conv_out.weight[channel, place] = 0
            unet.conv_out.weight[channel, place, 1, 1] = sign * gain
    for group in (0, 8):
        first.bias[group + 4 : group + 8] = torch.tensor([1.0, -1, 1, -1])


def train_all(
    lessons: Lessons,
    reader: MouthReader,
    folder: Path,
    seed: int,
    watch: Callable[[VideoUNet, MouthReader], str],
) -> VideoUNet:
    size = sum(parameter.numel() for parameter in build().parameters())
    halves.run(train_half, size, lessons, reader, folder, seed, watch)
    unet = build()
    unet.load_state_dict(torch.load(folder / FINISHED, weights_only=True))
    return unet.requires_grad_(False).eval()


def train_half(
    meeting: Meeting,
    lessons: Lessons,
    reader: MouthReader,
    folder: Path,
    seed: int,
    watch: Callable[[VideoUNet, MouthReader], str],
) -> None:
    """Both stages, on half of each step's windows; the first half leaves the result in a file."""
    torch.manual_seed(seed + 4)
    unet = build()
    start_linear(unet)
    teacher = Teacher(unet, reader, lessons)

    def stage(name: str, seed: int, steps: int, rate: float, windows: int, frames: int) -> None:
        train(
            name,
            unet,
            lambda _, draws: teacher.losses(draws, windows // halves.HALVES, frames),
            folder=folder,
            steps=steps,
            rate=rate,
            seed=seed,
            decay=0.995,
            watch=lambda _: watch(unet, reader),
            watch_every=WATCH_EVERY,
            meeting=meeting,
        )

    unet.motion = False
    stage("unet-a", seed + 4, STAGE_A_STEPS, STAGE_A_RATE, STAGE_A_WINDOWS, STAGE_A_FRAMES)
    unet.motion = True
    stage("unet-b", seed + 5, STAGE_B_STEPS, STAGE_B_RATE, STAGE_B_WINDOWS, CLIP_FRAMES)
    teacher.set_mouth_weight(EVEN_MOUTH_WEIGHT)
    stage("unet-c", seed + 6, STAGE_C_STEPS, STAGE_C_RATE, STAGE_B_WINDOWS, CLIP_FRAMES)
    if meeting.number == 0:
        torch.save(unet.state_dict(), folder / FINISHED)
