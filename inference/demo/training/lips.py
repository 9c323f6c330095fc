"""The small video UNet. What it must learn: the mouth comes from the sound, everything else from
the reference, whose mouth never says what the sound says.

A training pair is what inference sees: the target is one picture of a frame, masked and reference
latents come from another picture of the same frame with an independent mouth. Stage A learns that
on single frames, stage B on windows of 16 with the motion modules. Stage C does as B does and looks
less at the mouth, which moves by then, and more at the cheeks and the chin around it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler
from torch import Tensor, nn

from inference.audio import frame_windows, speech_features
from inference.demo.training import halves
from inference.demo.training.autoencoder import SCALING, to_pixels
from inference.demo.training.halves import Meeting
from inference.demo.training.hearing import CONFIG as ENCODER
from inference.demo.training.loop import Losses, train
from inference.demo.training.material import CLIP_FRAMES, MOUTHS, Material
from inference.mask import latent_mask
from inference.unet import Resnet, UNetConfig, VideoUNet
from inference.whisper import AudioEncoder

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
LATENT_SIDE = 16
MOUTH_ROWS, MOUTH_COLUMNS = slice(8, 13), slice(5, 11)
SEEN_ROWS, SEEN_COLUMNS = slice(8, 14), slice(4, 12)  # what the mouth reader looks at
KEPT_WEIGHT, COLOR_WEIGHT, READER_WEIGHT = 0.1, 2.0, 0.15
MOUTH_WEIGHT, EVEN_MOUTH_WEIGHT = 4.0, 1.5  # stages A and B, stage C
SILENT_SHARE = 0.1
LEAST_OWN_NOISE = 0.25
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


@dataclass(frozen=True)
class Lessons:
    """latents: (clips, frames, mouths, 4, 16, 16); masked: the same without mouths; audio: (clips,
    frames, mouths, tokens, width); targets: (clips, frames, mouths, 2); mask: (16, 16)."""

    latents: Tensor
    masked: Tensor
    audio: Tensor
    targets: Tensor
    mask: Tensor


def prepare(
    material: Material,
    vae: AutoencoderKL,
    encoder: AudioEncoder,
    mask: Tensor,
    folder: Path,
) -> Lessons:
    latents, masked = _encoded(folder / "latents.pt", material, vae, mask)
    return Lessons(
        latents,
        masked,
        _heard(material, encoder),
        torch.from_numpy(material.targets()).float(),
        latent_mask(mask, LATENT_SIDE),
    )


@torch.no_grad()
def encode(vae: AutoencoderKL, pixels: Tensor) -> Tensor:
    return vae.encode(pixels).latent_dist.mean * SCALING


def _encoded(
    path: Path, material: Material, vae: AutoencoderKL, mask: Tensor
) -> tuple[Tensor, Tensor]:
    if not path.exists():
        full, masked = [], []
        for number, clip in enumerate(material.pictures):
            pixels = to_pixels(clip)
            full.append(encode(vae, pixels.flatten(0, 1)).unflatten(0, (CLIP_FRAMES, MOUTHS)))
            # One mouth's will do: what mouths change lies inside the mask.
            masked.append(encode(vae, pixels[:, 0] * mask))
            if number % 100 == 0:
                print(f"latents {number}/{len(material.pictures)}", flush=True)
        unfinished = path.with_suffix(".part")
        torch.save({"full": torch.stack(full), "masked": torch.stack(masked)}, unfinished)
        unfinished.replace(path)
    stored = torch.load(path, weights_only=True)
    return stored["full"], stored["masked"]


def _heard(material: Material, encoder: AudioEncoder) -> Tensor:
    windows = [frame_windows(speech_features(sound, encoder)) for sound in material.recordings]
    clips = []
    for voices, starts in zip(material.voice, material.start, strict=True):
        pieces = [windows[v][s : s + CLIP_FRAMES] for v, s in zip(voices, starts, strict=True)]
        clips.append(torch.stack(pieces, dim=1))
    return torch.stack(clips)


class MouthReader(nn.Module):
    """Opening and width from clean latents. Frozen, it tells the UNet how far its mouth is off."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(4, 32, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(32, 32, 3, padding=1),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(32 * 6 * 8, 2),
        )

    def forward(self, latents: Tensor) -> Tensor:
        """(n, 4, 16, 16) -> (n, 2)."""
        out: Tensor = self.layers(latents[..., SEEN_ROWS, SEEN_COLUMNS])
        return out


def train_reader(lessons: Lessons, folder: Path, seed: int) -> MouthReader:
    torch.manual_seed(seed + 3)
    reader = MouthReader()
    latents, targets = lessons.latents.flatten(0, 2), lessons.targets.flatten(0, 2)

    def compute(step: int, draws: torch.Generator) -> Losses:
        chosen = torch.randint(len(latents), (128,), generator=draws)
        return {"total": (reader(latents[chosen]) - targets[chosen]).square().mean()}

    train(
        "reader",
        reader,
        compute,
        folder=folder,
        steps=1200,
        rate=2e-3,
        seed=seed,
        decay=0.99,
    )
    return reader.requires_grad_(False).eval()


class Teacher:
    """Draws windows and says how far a prediction is off, in units of the clean latent."""

    def __init__(self, unet: VideoUNet, reader: MouthReader, lessons: Lessons) -> None:
        self.unet, self.reader, self.lessons = unet, reader, lessons
        self.alphas = noise_schedule().alphas_cumprod
        weight = torch.where(lessons.mask < 0.5, 1.0, KEPT_WEIGHT)
        self.even = weight.clone()
        self.set_mouth_weight(MOUTH_WEIGHT)
        self.repainted = (lessons.mask < 0.5).float()
        self.spread = lessons.targets.flatten(0, 2).var(dim=0)

    def set_mouth_weight(self, share: float) -> None:
        weight = self.even.clone()
        weight[MOUTH_ROWS, MOUTH_COLUMNS] *= share
        self.weight = weight / weight.mean()

    def losses(self, draws: torch.Generator, windows: int, frames: int) -> Losses:
        target, reference, masked, audio, articulation = self._windows(draws, windows, frames)
        time = _times(draws, windows)
        noise = _noise(draws, target.shape)
        alpha = self.alphas[time][:, None, None, None, None]
        noisy = alpha.sqrt() * target + (1 - alpha).sqrt() * noise
        mask = self.lessons.mask.expand(windows, 1, frames, -1, -1)
        said = self.unet(torch.cat([noisy, mask, masked, reference], dim=1), time, audio)
        clean = (noisy - (1 - alpha).sqrt() * said) / alpha.sqrt()
        scale = ((1 - alpha) / alpha).clamp(0.1, 60) * alpha / (1 - alpha)
        error = (clean - target) * scale.sqrt()
        return self._weigh(error, clean, articulation, time)

    def _weigh(self, error: Tensor, clean: Tensor, articulation: Tensor, time: Tensor) -> Losses:
        picture = (error.square() * self.weight).mean()
        shift = (error * self.weight * self.repainted).sum(dim=(-1, -2)) / self.repainted.sum()
        color = shift.square().mean()
        seen = self.reader(clean.transpose(1, 2).flatten(0, 1))
        off = ((seen - articulation.flatten(0, 1)).square() / self.spread).clamp(max=4)
        asked = (time > 250).float().repeat_interleave(clean.shape[2])[:, None]
        mouth = (off * asked).sum() / (asked.sum() * 2).clamp(min=1)
        total = picture + COLOR_WEIGHT * color + READER_WEIGHT * mouth
        return {"total": total, "picture": picture, "color": color, "mouth": mouth}

    def _windows(self, draws: torch.Generator, windows: int, frames: int) -> tuple[Tensor, ...]:
        """Target, reference and masked latents, (b, 4, f, h, w) each; what is heard, (b f, tokens,
        width); what the mouth does, (b, f, 2)."""
        lessons = self.lessons
        clip = torch.randint(len(lessons.latents), (windows, 1), generator=draws)
        if frames == CLIP_FRAMES:
            frame = torch.arange(CLIP_FRAMES).expand(windows, -1)
        else:
            order = torch.rand(windows, CLIP_FRAMES, generator=draws).argsort(dim=1)
            frame = order[:, :frames]
        spoken = torch.randint(MOUTHS, (windows, 1), generator=draws)
        other = (spoken + torch.randint(1, MOUTHS, (windows, 1), generator=draws)) % MOUTHS
        audio = lessons.audio[clip, frame, spoken]
        heard = torch.rand(windows, 1, 1, 1, generator=draws) >= SILENT_SHARE
        return (
            lessons.latents[clip, frame, spoken].transpose(1, 2),
            lessons.latents[clip, frame, other].transpose(1, 2),
            lessons.masked[clip, frame].transpose(1, 2),
            (audio * heard).flatten(0, 1),
            lessons.targets[clip, frame, spoken],
        )


def noise_schedule() -> DDIMScheduler:
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        steps_offset=1,
        set_alpha_to_one=False,
        clip_sample=False,
    )


def _times(draws: torch.Generator, windows: int) -> Tensor:
    """Half of them anywhere, half of them where the mouth is decided."""
    low = torch.where(torch.rand(windows, generator=draws) < 0.5, 0, 400)
    return (low + torch.rand(windows, generator=draws) * (990 - low)).long()


def _noise(draws: torch.Generator, shape: torch.Size) -> Tensor:
    """Partly shared by the frames of a window, as inference shares it, but never wholly.

    Between frames with the same noise the difference is the movement itself, however small: a
    network with motion modules would read it there and not listen.
    """
    windows, channels, _, *sides = shape
    own = torch.rand(windows, 1, 1, 1, 1, generator=draws).square()
    own = LEAST_OWN_NOISE + (1 - LEAST_OWN_NOISE) * own
    shared = torch.randn(windows, channels, 1, *sides, generator=draws)
    apart = torch.randn(shape, generator=draws)
    return (1 - own.square()).sqrt() * shared + own * apart


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
