"""All stages in their order. Each leaves a file in the folder; what is there is not made again."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from diffusers import AutoencoderKL

from inference.demo.films import RESOLUTION
from inference.demo.training import autoencoder, bundle, hearing, lessons, lips, material, reader
from inference.demo.training.watching import Watch
from inference.model.mask import draw_mask

VERSION = "1"


def train_all(folder: Path, seed: int) -> None:
    """Make everything from the seed; the bundle is in `folder/bundle` afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()

    def done(stage: str) -> None:
        print(f"{stage} done after {(time.monotonic() - began) / 60:.1f} min", flush=True)

    mask = draw_mask(RESOLUTION)
    lesson_material = material.prepare(folder, seed)
    done("material")
    encoder = hearing.train_all(lesson_material.recordings, folder, seed)
    done("encoder")
    vae = _whole_autoencoder(lesson_material, mask, folder, seed)
    done("autoencoder")
    taught = lessons.prepare(lesson_material, vae, encoder, mask, folder)
    mouth_reader = reader.train_reader(taught, folder, seed)
    done("lessons")
    watch = Watch(vae, encoder, mask)
    unet = lips.train_all(taught, mouth_reader, folder, seed, watch)
    done("unet")
    autoencoder.sharpen_decoder(vae, lesson_material, mask, folder, seed)
    done("decoder")
    bundle.write(folder / "bundle", unet, vae, encoder, VERSION)


def _whole_autoencoder(
    lesson_material: material.Material, mask: torch.Tensor, folder: Path, seed: int
) -> AutoencoderKL:
    """Trained and whitened once: whitening it again would not be the same network."""
    path = folder / "autoencoder-whole.pt"
    if not path.exists():
        trained = autoencoder.train_all(lesson_material, mask, folder, seed)
        unfinished = path.with_suffix(".part")
        torch.save(trained.state_dict(), unfinished)
        unfinished.replace(path)
    vae = autoencoder.build()
    vae.load_state_dict(torch.load(path, weights_only=True))
    return vae.requires_grad_(False).eval()
