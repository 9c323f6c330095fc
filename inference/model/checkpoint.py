"""A bundle's model, loaded: every file as its manifest describes it, every weight in its place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from inference.errors import BadManifest
from inference.faces.finders import make_finder
from inference.model.device import choose_dtype
from inference.model.manifest import FINDER_ROLES, MANIFEST, checked, notices, read_manifest
from inference.model.mask import draw_mask, load_mask
from inference.model.network_files import encoder_checkpoint, unet_checkpoint, vae_checkpoint
from inference.model.unet.config import UNetConfig
from inference.model.unet.network import VideoUNet
from inference.model.weights import Checkpoint
from inference.model.whisper import AudioEncoder, EncoderConfig

if TYPE_CHECKING:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

DEMO_BUNDLE = Path(__file__).parents[1] / "demo" / "bundle"
A_FRAME = (64, 64, 3)  # of nothing, to see whether a face finder runs


@dataclass(frozen=True)
class Model:
    """Everything that one model needs to run, loaded. mask: (R, R) fp32 on the CPU, 1 = keep.

    files: the bundle's checked files by role; a face finder takes its own from there.
    """

    unet: VideoUNet
    vae: "AutoencoderKL"
    encoder: AudioEncoder
    mask: Tensor
    resolution: int
    finder: str
    manifest: Mapping[str, Any]
    device: torch.device
    dtype: torch.dtype
    files: Mapping[str, Path] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What people are told made a result, such as "demo model"."""
        return str(self.manifest["label"])

    def to_mapping(self) -> dict[str, Any]:
        """What a result says of its model."""
        return {key: self.manifest[key] for key in ("name", "label", "version", "demo")}

    def describe(self) -> dict[str, Any]:
        """What a worker's log says of the model that it serves."""
        facts = {
            "resolution": self.resolution,
            "finder": self.finder,
            "device": str(self.device),
            "precision": str(self.dtype).removeprefix("torch."),
            "notices": notices(self.manifest),
        }
        return self.to_mapping() | facts


def load_bundle(folder: Path, device: torch.device, dtype: torch.dtype | None = None) -> Model:
    """Check every file of a bundle against its manifest, then load them all strictly.

    dtype: None takes what suits the device. Raises a BadCheckpoint that names the file.
    """
    manifest = read_manifest(folder)
    dtype = dtype or choose_dtype(device)
    paths = {role: checked(folder, role, manifest) for role in manifest["files"]}
    unet, encoder, vae = checkpoints(paths, manifest, folder)
    prove_finder(manifest["finder"], paths)
    return Model(
        unet=unet.load(device, dtype),
        encoder=encoder.load(device, dtype),
        vae=vae.load(device, dtype),
        mask=_mask(paths.get("mask"), manifest["resolution"]),
        resolution=manifest["resolution"],
        finder=manifest["finder"],
        manifest=manifest,
        device=device,
        dtype=dtype,
        files=paths,
    )


def checkpoints(
    paths: Mapping[str, Path], manifest: Mapping[str, Any], folder: Path
) -> "tuple[Checkpoint[VideoUNet], Checkpoint[AudioEncoder], Checkpoint[AutoencoderKL]]":
    """The three networks of a bundle: none is loaded yet. Raises BadManifest, WrongEncoder,
    WrongVae."""
    unet_config, encoder_config = _configs(folder, manifest)
    hears = (unet_config or UNetConfig()).audio_width
    return (
        unet_checkpoint(paths["unet"], unet_config),
        encoder_checkpoint(paths["encoder"], encoder_config, width=hears),
        vae_checkpoint(paths["vae"], manifest.get("vae")),
    )


def prove_finder(finder: str, paths: Mapping[str, Path], device: str = "auto") -> None:
    """Raise now, not at the first film, if the finder can't run on the bundle's files."""
    if FINDER_ROLES[finder]:
        make_finder(finder, paths, device=device).find_all(np.full(A_FRAME, 127, np.uint8))


def _configs(
    folder: Path, manifest: Mapping[str, Any]
) -> tuple[UNetConfig | None, EncoderConfig | None]:
    unet, encoder = manifest.get("unet"), manifest.get("encoder")
    try:
        return (
            UNetConfig.from_mapping(unet) if unet is not None else None,
            EncoderConfig.from_mapping(encoder) if encoder is not None else None,
        )
    except (TypeError, ValueError, AttributeError) as wrong:
        raise BadManifest(f"{folder / MANIFEST} describes no network: {wrong}.") from None


def _mask(path: Path | None, resolution: int) -> Tensor:
    return load_mask(path, resolution) if path else draw_mask(resolution)
