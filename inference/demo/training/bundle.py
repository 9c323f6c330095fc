"""What is shipped: three files in half precision and the manifest that describes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from safetensors.torch import save_file
from torch import nn

from inference.demo.films import RESOLUTION
from inference.demo.training import autoencoder, hearing, lips
from inference.files import sha256_of
from inference.model.manifest import MANIFEST
from inference.model.unet.network import VideoUNet
from inference.model.whisper import AudioEncoder

LICENSE = "Apache-2.0"


def write(
    folder: Path, unet: VideoUNet, vae: AutoencoderKL, encoder: AudioEncoder, version: str
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    manifest: dict[str, Any] = {
        "name": "viseme-demo",
        "label": "demo model",
        "version": version,
        "demo": True,
        "resolution": RESOLUTION,
        "finder": "builtin",
        "files": {
            "unet": _store(folder / "unet.safetensors", unet),
            "vae": _store(folder / "vae.safetensors", vae),
            "encoder": _store(folder / "encoder.safetensors", encoder),
        },
        "unet": lips.CONFIG.to_mapping(),
        "encoder": hearing.CONFIG.to_mapping(),
        "vae": autoencoder.CONFIG,
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")


def _store(path: Path, network: nn.Module) -> dict[str, str | int]:
    """Write a state dict in fp16 -> the file's entry in the manifest."""
    halves = {
        name: value.detach().to(torch.float16).contiguous()
        for name, value in network.state_dict().items()
    }
    save_file(halves, path)
    path.chmod(0o644)  # safetensors leaves it to its owner alone
    return {
        "path": path.name,
        "sha256": sha256_of(path),
        "size_bytes": path.stat().st_size,
        "license": LICENSE,
    }
