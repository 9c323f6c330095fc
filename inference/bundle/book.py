"""The hashes that were seen at first use, written down and compared ever after.

    {"ByteDance/LatentSync-1.6": {"revision": "<commit>",
                                  "files": {"latentsync_unet.pt": {"sha256": "...",
                                                                   "size_bytes": 5072...}}}}

Keep it with what you deploy: copied to another machine, it makes that one fetch the same files.
"""

import json
from pathlib import Path
from typing import Any

from inference.errors import ChangedAtSource, UnreadableCheckpoint
from inference.model.weight_files import read_json


class Book:
    """Raises UnreadableCheckpoint when there is one at `path` that can't be read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held: dict[str, Any] = read_json(path) if path.exists() else {}
        for repository, told in self._held.items():
            if not _is_entry(told):
                raise UnreadableCheckpoint(
                    f"{path} is no book of hashes: what it says of {repository} lacks its revision,"
                    " or the sha256 and size_bytes of a file.",
                    hint="Put back what a fetch wrote there, or remove the repository.",
                )

    def commit(self, repository: str) -> str | None:
        """The commit that the repository's first file came from."""
        commit: str | None = self._held.get(repository, {}).get("revision")
        return commit

    def entry(self, repository: str, file: str) -> dict[str, Any] | None:
        entry: dict[str, Any] | None = self._held.get(repository, {}).get("files", {}).get(file)
        return entry

    def compare(self, repository: str, file: str, *, sha256: str, size_bytes: int) -> bool:
        """False if the file is not in the book yet. Raises ChangedAtSource."""
        entry = self.entry(repository, file)
        if entry is None:
            return False
        if (entry["sha256"], entry["size_bytes"]) != (sha256, size_bytes):
            raise ChangedAtSource(
                f"{repository}/{file} is not the file of the first time: it has {size_bytes} bytes "
                f"and SHA-256 {sha256}; {self.path} says {entry['size_bytes']} and "
                f"{entry['sha256']}."
            )
        return True

    def note(
        self, repository: str, file: str, *, commit: str, sha256: str, size_bytes: int
    ) -> None:
        """Write a file down, on the disk at once and whole."""
        of_repository = self._held.setdefault(repository, {"revision": commit, "files": {}})
        of_repository["files"][file] = {"sha256": sha256, "size_bytes": size_bytes}
        beside = self.path.with_name(f"{self.path.name}.new")
        beside.write_text(json.dumps(self._held, indent=2, sort_keys=True) + "\n")
        beside.replace(self.path)


def _is_entry(told: object) -> bool:
    """Of a repository, with all that is read of it."""
    if not isinstance(told, dict) or not isinstance(told.get("files"), dict):
        return False
    hashed = (
        isinstance(file, dict)
        and isinstance(file.get("sha256"), str)
        and type(file.get("size_bytes")) is int
        for file in told["files"].values()
    )
    return isinstance(told.get("revision"), str) and all(hashed)
