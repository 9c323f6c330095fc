"""A bundle: one folder with all files of a model, and a manifest that says what they are.

    manifest.json: {
      "name": "latentsync-1.6", "label": "LatentSync 1.6", "version": "1.6", "demo": false,
      "resolution": 512, "finder": "insightface",
      "files": {"unet": {"path": "unet.safetensors", "sha256": "...", "size_bytes": 2536...,
                         "license": "..."},
                "encoder": {...}, "vae": {...}, "mask": {...},
                "face_detector": {..., "notice": "For non-commercial research only."},
                "face_landmarks": {...}},
      "unet": {...}, "encoder": {...}, "vae": {...}
    }

The three configs at its end are the networks' sizes, where they are not the official ones; without
"vae", a config.json lies beside the VAE's weights. "mask" is optional: without one it is drawn.
The finder "insightface" needs the two roles of faces, "builtin" has files of its own. A "notice" is
what whoever makes or serves the bundle is told each time. `python -m inference bundle make` writes
all this.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from inference.device import choose_dtype
from inference.errors import BadManifest, MissingCheckpoint, WrongChecksum
from inference.faces.finders import make_finder
from inference.mask import draw_mask, load_mask
from inference.unet import UNetConfig, VideoUNet
from inference.weight_files import read_json, refuse_stand_in
from inference.weights import Checkpoint, encoder_checkpoint, unet_checkpoint, vae_checkpoint
from inference.whisper import AudioEncoder, EncoderConfig

if TYPE_CHECKING:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

MANIFEST = "manifest.json"
DEMO_BUNDLE = Path(__file__).parent / "demo" / "bundle"
NETWORKS = ("unet", "encoder", "vae")
A_FRAME = (64, 64, 3)  # of nothing, to see whether a face finder runs
# Face finder -> the roles of the files that it needs of a bundle.
FINDER_ROLES = {"builtin": (), "insightface": ("face_detector", "face_landmarks")}


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


def notices(manifest: Mapping[str, Any]) -> list[str]:
    """What must be said whenever this model is made or served: each once, with its files."""
    told: dict[str, list[str]] = {}
    for entry in manifest["files"].values():
        if entry.get("notice"):
            told.setdefault(entry["notice"], []).append(entry["path"])
    return [f"{', '.join(paths)}: {notice}" for notice, paths in told.items()]


def read_manifest(folder: Path) -> dict[str, Any]:
    """Raises BadManifest when something is missing in it or of the wrong type."""
    manifest = read_json(folder / MANIFEST)
    for key, kind in _MANIFEST_TYPES.items():
        value = manifest.get(key)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise BadManifest(f"{folder / MANIFEST} has no usable {key!r}.")
    needed = (*NETWORKS, *FINDER_ROLES.get(manifest["finder"], ()))
    missing = [role for role in needed if role not in manifest["files"]]
    if missing:
        raise BadManifest(f"{folder / MANIFEST} names no file for the role {missing[0]!r}.")
    if not all(isinstance(entry, dict) for entry in manifest["files"].values()):
        raise BadManifest(f"{folder / MANIFEST}: each of its files needs path, size_bytes, sha256.")
    if manifest["finder"] not in FINDER_ROLES:
        known = ", ".join(sorted(FINDER_ROLES))
        asked = manifest["finder"]
        raise BadManifest(f"{folder / MANIFEST} asks for the finder {asked!r}; there is {known}.")
    return manifest


_MANIFEST_TYPES: dict[str, type] = {
    "name": str,
    "label": str,
    "version": str,
    "demo": bool,
    "resolution": int,
    "finder": str,
    "files": dict,
}


def checked(folder: Path, role: str, manifest: Mapping[str, Any]) -> Path:
    """The path of a role's file, after its size and SHA-256 were compared with the manifest."""
    entry = manifest["files"][role]
    try:
        path: Path = folder / entry["path"]
        size, sha256 = entry["size_bytes"], entry["sha256"]
    except (KeyError, TypeError):
        raise BadManifest(
            f"{folder / MANIFEST}: {role!r} needs path, size_bytes, sha256."
        ) from None
    if not path.resolve().is_relative_to(folder.resolve()):
        raise BadManifest(f"{folder / MANIFEST}: the file of {role!r} lies outside the bundle.")
    if not path.is_file():
        raise MissingCheckpoint(f"The file {path} is not there, but the manifest names it.")
    refuse_stand_in(path)
    found = path.stat().st_size
    if found != size:
        raise WrongChecksum(f"{path} has {found} bytes; the manifest says {size}.")
    if file_sha256(path) != sha256:
        raise WrongChecksum(f"{path} is not the file that the manifest describes (SHA-256).")
    return path


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
