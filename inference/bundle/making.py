"""From the files that an operator downloaded to a bundle: checked, converted to fp16, described."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from inference.bundle.faces import find_faces
from inference.bundle.identity import Identity, identify
from inference.bundle.licenses import NOTES, NOTICES
from inference.bundle.tensors import HalfTensorFile
from inference.bundle.whole import refuse_place, whole_or_nothing
from inference.errors import EngineFault, UnfitNumbers
from inference.model.checkpoint import prove_finder
from inference.model.manifest import MANIFEST
from inference.model.mask import load_mask
from inference.model.network_files import (
    encoder_checkpoint,
    official_vae_config,
    unet_checkpoint,
    vae_checkpoint,
)
from inference.model.unet.config import UNetConfig
from inference.model.weight_files import refuse_stand_in
from inference.model.weights import SHOWN, Checkpoint

MB = 1_000_000
CHUNK_BYTES = 8 << 20
FACES_FOLDER = "faces"
OnProgress = Callable[[str, int, int], None]  # what is being done, MB done, MB in all


@dataclass(frozen=True)
class Recipe:
    """What a bundle is made of, and what it shall be called.

    vae: a folder with config.json and the weights. faces: a folder with InsightFace's pair, None
    for the built-in finder. mask: a picture, None to draw it. unet_config: sizes, where they are
    not the official ones. licenses: role -> note, in place of the usual one. sources: role -> where
    the file was fetched. The rest is found if it is None (see identify).
    """

    unet: Path
    whisper: Path
    vae: Path
    faces: Path | None = None
    mask: Path | None = None
    resolution: int | None = None
    version: str | None = None
    name: str | None = None
    label: str | None = None
    unet_config: UNetConfig | None = None
    licenses: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def identity(self) -> Identity:
        return identify(
            self.unet,
            resolution=self.resolution,
            version=self.version,
            name=self.name,
            label=self.label,
            levels=len((self.unet_config or UNetConfig()).widths),
        )


def nobody(_what: str, _done: int, _total: int) -> None:
    """Takes progress and tells nobody."""


def make(recipe: Recipe, out: Path, on_progress: OnProgress = nobody) -> dict[str, Any]:
    """Make the bundle `out`, whole or not at all; returns its manifest.

    Every file is looked at before the first is written. One piece of 256 MB is in memory at a time.
    Raises BadOption, or a BadCheckpoint that names the file.
    """
    refuse_place(out)
    identity = recipe.identity()
    networks, configs = _networks(recipe)
    copies = _copies(recipe, identity)
    _refuse_full_disk(out, networks, copies)
    with whole_or_nothing(out) as folder:
        files = {}
        for role, checkpoint in networks.items():
            files[role] = _convert(role, checkpoint, folder, on_progress)
        for role, (source, name) in copies.items():
            files[role] = _copy(source, folder, name)
        for role, entry in files.items():
            entry |= _told(role, recipe)
        manifest = _manifest(identity, "face_detector" in copies, files, configs)
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    return manifest


def _networks(recipe: Recipe) -> tuple[dict[str, Checkpoint[Any]], dict[str, Any]]:
    """The three checkpoints and their sizes, after all three were compared with their networks."""
    width = (recipe.unet_config or UNetConfig()).audio_width
    unet = unet_checkpoint(recipe.unet, recipe.unet_config)
    encoder = encoder_checkpoint(recipe.whisper, width=width)
    vae = vae_checkpoint(recipe.vae)
    told = official_vae_config(vae.path)
    configs = {
        "unet": unet.on_meta().config.to_mapping(),
        "encoder": encoder.on_meta().config.to_mapping(),
        "vae": {name: value for name, value in told.items() if not name.startswith("_")},
    }
    vae.on_meta()
    return {"unet": unet, "encoder": encoder, "vae": vae}, configs


def _copies(recipe: Recipe, identity: Identity) -> dict[str, tuple[Path, str]]:
    """Role -> (file, its place in the bundle) of what is taken as it is, after a look at each."""
    copies = {}
    if recipe.mask:
        refuse_stand_in(recipe.mask)
        load_mask(recipe.mask, identity.resolution)
        copies["mask"] = (recipe.mask, f"mask{recipe.mask.suffix}")
    if recipe.faces:
        faces = find_faces(recipe.faces)
        prove_finder("insightface", faces, device="cpu")
        for role, path in faces.items():
            copies[role] = (path, f"{FACES_FOLDER}/{path.name}")
    return copies


def _refuse_full_disk(
    out: Path, networks: Mapping[str, Checkpoint[Any]], copies: Mapping[str, tuple[Path, str]]
) -> None:
    """Before an hour of work, not after it. A file is never shorter than its half precision."""
    sources = [c.path for c in networks.values()] + [path for path, _ in copies.values()]
    needed = sum(path.stat().st_size for path in sources)
    free = shutil.disk_usage(out.parent).free
    if needed > free:
        raise EngineFault(
            f"{out} may need {needed / MB:,.0f} MB, and its disk has {free / MB:,.0f} MB left.",
            hint="Make room, or name a place on another disk.",
        )


def _convert(
    role: str, checkpoint: Checkpoint[Any], folder: Path, on_progress: OnProgress
) -> dict[str, Any]:
    shapes = checkpoint.shapes()
    path = folder / f"{role}.safetensors"
    total = sum(torch.Size(shape).numel() for shape in shapes.values()) * 2 // MB
    unfit: list[str] = []
    with HalfTensorFile(path, shapes) as file:
        for name, numbers in _halved(checkpoint, unfit):
            file.write(name, numbers)
            on_progress(f"converting {checkpoint.path.name}, MB", file.size_bytes // MB, total)
    if unfit:
        raise UnfitNumbers(checkpoint.path, unfit[:SHOWN], len(unfit))
    return {"path": path.name, "sha256": file.sha256, "size_bytes": file.size_bytes}


def _halved(checkpoint: Checkpoint[Any], unfit: list[str]) -> Iterator[tuple[str, Tensor]]:
    """Each weight in fp16; the names of those that can't be so are added to `unfit`."""
    for piece in checkpoint.pieces():
        for name, weight in piece.items():
            half = weight.to(torch.float16)
            if not torch.isfinite(half).all():
                unfit.append(name)
            yield name, half
        del piece, weight  # or its pages would stay until the next one is there


def _copy(source: Path, folder: Path, name: str) -> dict[str, Any]:
    """The same bytes; the hash is of what was read, so that a file that changes is found out."""
    target, digest = folder / name, hashlib.sha256()
    target.parent.mkdir(exist_ok=True)
    with source.open("rb") as given, target.open("wb") as taken:
        while chunk := given.read(CHUNK_BYTES):
            digest.update(chunk)
            taken.write(chunk)
    return {"path": name, "sha256": digest.hexdigest(), "size_bytes": target.stat().st_size}


def _told(role: str, recipe: Recipe) -> dict[str, Any]:
    told: dict[str, Any] = {"license": recipe.licenses.get(role, NOTES[role])}
    if role in NOTICES:
        told["notice"] = NOTICES[role]
    if role in recipe.sources:
        told["source"] = dict(recipe.sources[role])
    return told


def _manifest(
    identity: Identity, insightface: bool, files: Mapping[str, Any], configs: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "name": identity.name,
        "label": identity.label,
        "version": identity.version,
        "demo": False,
        "resolution": identity.resolution,
        "resolution_was": identity.how,
        "finder": "insightface" if insightface else "builtin",
        "files": dict(files),
        **configs,
    }
