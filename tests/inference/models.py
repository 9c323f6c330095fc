"""A whole model of small networks with random weights: loaded, and as a bundle on disk."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from inference.files import sha256_of
from inference.model.checkpoint import Model
from inference.model.mask import draw_mask
from tests.inference import small

RESOLUTION = 64
NAMES = {"name": "tiny", "label": "test model", "version": "1", "demo": True}


def model() -> Model:
    return Model(
        unet=small.unet(),
        vae=small.vae(),
        encoder=small.encoder(),
        mask=draw_mask(RESOLUTION),
        resolution=RESOLUTION,
        finder="builtin",
        manifest=NAMES,
        device=torch.device("cpu"),
        dtype=torch.float32,
    )


def bundle(folder: Path) -> Path:
    networks = {"unet": small.unet(), "encoder": small.encoder(), "vae": small.vae()}
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for role, network in networks.items():
        path = folder / f"{role}.safetensors"
        save_file(network.state_dict(), path)
        files[role] = {
            "path": path.name,
            "sha256": sha256_of(path),
            "size_bytes": path.stat().st_size,
            "license": "Apache-2.0",
        }
    configs = {
        "unet": small.UNET.to_mapping(),
        "encoder": small.ENCODER.to_mapping(),
        "vae": small.VAE,
    }
    manifest = {**NAMES, "resolution": RESOLUTION, "finder": "builtin", "files": files, **configs}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
