"""Files: at their place whole or not at all, and known by their content."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

SEAL = "sealed"  # the key of a mapping's own hash


def move(made: Path, place: Path) -> None:
    """Put a finished file at its place, whole or not at all, on another disk too."""
    with suppress(OSError):
        made.replace(place)
        return
    part = place.with_name(f".{place.name}.part")
    try:
        shutil.copyfile(made, part)
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)


def write_mapping(path: Path, mapping: Mapping[str, Any]) -> None:
    """Whole or not at all, also when the machine stops; sealed by a hash of what it holds."""
    text = json.dumps(mapping, default=list)
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8") as file:
        json.dump(json.loads(text) | {SEAL: _hash(text)}, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def read_mapping(path: Path) -> dict[str, Any]:
    """Empty if nothing can be read there, or not what was written: a damaged record is none."""
    with suppress(OSError, ValueError):
        mapping = json.loads(path.read_text("utf-8"))
        if isinstance(mapping, dict) and mapping.pop(SEAL, None) == _hash(json.dumps(mapping)):
            return mapping
    return {}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
