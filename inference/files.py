"""Files: at their place whole or not at all, and known by their content."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any


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
    """Whole or not at all, also when the machine stops."""
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8") as file:
        json.dump(mapping, file, default=list)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def read_mapping(path: Path) -> dict[str, Any]:
    """Empty if nothing can be read there."""
    with suppress(OSError, ValueError):
        mapping = json.loads(path.read_text("utf-8"))
        return dict(mapping) if isinstance(mapping, dict) else {}
    return {}


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
