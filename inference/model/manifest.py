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

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inference.errors import BadManifest, MissingCheckpoint, WrongChecksum
from inference.files import sha256_of
from inference.model.weight_files import read_json, refuse_stand_in

MANIFEST = "manifest.json"
NETWORKS = ("unet", "encoder", "vae")
# Face finder -> the roles of the files that it needs of a bundle.
FINDER_ROLES = {"builtin": (), "insightface": ("face_detector", "face_landmarks")}
LEAST_PIXELS, MOST_PIXELS = 16, 4096  # a latent stands for 8 x 8, and is halved at least once
TYPES: Mapping[str, type] = {
    "name": str,
    "label": str,
    "version": str,
    "demo": bool,
    "resolution": int,
    "finder": str,
    "files": dict,
}


def read_manifest(folder: Path) -> dict[str, Any]:
    """Raises BadManifest when something is missing in it or of the wrong type."""
    path = folder / MANIFEST
    manifest = read_json(path)
    _refuse_types(manifest, path)
    _refuse_resolution(manifest["resolution"], path)
    _refuse_files(manifest, path)
    if manifest["finder"] not in FINDER_ROLES:
        known = ", ".join(sorted(FINDER_ROLES))
        raise BadManifest(f"{path} asks for the finder {manifest['finder']!r}; there is {known}.")
    return manifest


def _refuse_types(manifest: Mapping[str, Any], path: Path) -> None:
    for key, kind in TYPES.items():
        value = manifest.get(key)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise BadManifest(f"{path} has no usable {key!r}.")


def _refuse_resolution(pixels: int, path: Path) -> None:
    if not LEAST_PIXELS <= pixels <= MOST_PIXELS or pixels % LEAST_PIXELS:
        told = f"from {LEAST_PIXELS} to {MOST_PIXELS} pixels, in steps of {LEAST_PIXELS}"
        raise BadManifest(f"{path} has the resolution {pixels}; there is {told}.")


def _refuse_files(manifest: Mapping[str, Any], path: Path) -> None:
    needed = (*NETWORKS, *FINDER_ROLES.get(manifest["finder"], ()))
    missing = [role for role in needed if role not in manifest["files"]]
    if missing:
        raise BadManifest(f"{path} names no file for the role {missing[0]!r}.")
    if not all(isinstance(entry, dict) for entry in manifest["files"].values()):
        raise BadManifest(f"{path}: each of its files needs path, size_bytes, sha256.")


def checked(folder: Path, role: str, manifest: Mapping[str, Any]) -> Path:
    """The path of a role's file, after its size and SHA-256 were compared with the manifest."""
    path, size, sha256 = _entry(folder, role, manifest)
    # Not Path.resolve(): it raises for a link to itself, which is just not there.
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise BadManifest(f"{folder / MANIFEST}: the file of {role!r} lies outside the bundle.")
    if not path.is_file():
        raise MissingCheckpoint(f"The file {path} is not there, but the manifest names it.")
    refuse_stand_in(path)
    found = path.stat().st_size
    if found != size:
        raise WrongChecksum(f"{path} has {found} bytes; the manifest says {size}.")
    if sha256_of(path) != sha256:
        raise WrongChecksum(f"{path} is not the file that the manifest describes (SHA-256).")
    return path


def _entry(folder: Path, role: str, manifest: Mapping[str, Any]) -> tuple[Path, int, str]:
    entry = manifest["files"][role]
    path, size, sha256 = (entry.get(name) for name in ("path", "size_bytes", "sha256"))
    if not (_is_path(path) and type(size) is int and isinstance(sha256, str)):
        raise BadManifest(f"{folder / MANIFEST}: {role!r} needs path, size_bytes, sha256.")
    return folder / path, size, sha256


def _is_path(given: object) -> bool:
    return isinstance(given, str) and bool(given) and "\0" not in given


def notices(manifest: Mapping[str, Any]) -> list[str]:
    """What must be said whenever this model is made or served: each once, with its files."""
    told: dict[str, list[str]] = {}
    for entry in manifest["files"].values():
        if entry.get("notice"):
            told.setdefault(str(entry["notice"]), []).append(entry["path"])
    return [f"{', '.join(paths)}: {notice}" for notice, paths in told.items()]
