"""What the UNet is taught with: latents of every picture, what each frame hears, what it says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from inference.demo.training.autoencoder import SCALING, to_pixels
from inference.demo.training.material import CLIP_FRAMES, MOUTHS, Material
from inference.model.mask import latent_mask
from inference.model.whisper import AudioEncoder
from inference.sound.features import frame_windows, speech_features

LATENT_SIDE = 16


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
