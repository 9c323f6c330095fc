"""Look at a finished bundle: every file against the manifest, every network against its sizes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.errors import BadCheckpoint
from inference.model.checkpoint import checkpoints, prove_finder
from inference.model.manifest import MANIFEST, checked, read_manifest

MB = 1_000_000


@dataclass(frozen=True)
class Finding:
    """One line: of a file that is as it should be, of what is wrong with it, or of one that
    nobody needs."""

    path: str
    good: bool
    told: str
    needed: bool = True

    def __str__(self) -> str:
        mark = "BAD" if not self.good else "ok " if self.needed else "-- "
        return f"{mark} {self.path}  {self.told}"


def check(folder: Path) -> Iterator[Finding]:
    """A finding for each file of the manifest, for the networks' keys and shapes, and for files
    that no manifest names. Raises a BadCheckpoint if the manifest itself can't be used."""
    manifest = read_manifest(folder)
    findings = [_file(folder, role, manifest) for role in manifest["files"]]
    yield from findings
    if all(finding.good for finding in findings):
        yield from _networks(folder, manifest)
    named = {folder / str(entry.get("path")) for entry in manifest["files"].values()}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        if path not in named and path.name != MANIFEST:
            told = "is not named by the manifest"
            yield Finding(str(path.relative_to(folder)), True, told, needed=False)


def _file(folder: Path, role: str, manifest: dict[str, Any]) -> Finding:
    entry = manifest["files"][role]
    name = str(entry.get("path", role))
    try:
        checked(folder, role, manifest)
    except BadCheckpoint as wrong:
        return Finding(name, False, f"{wrong} {wrong.hint}")
    size, license_ = entry["size_bytes"] / MB, entry.get("license", "no licence is noted")
    return Finding(name, True, f"{role}, {size:,.1f} MB, {entry['sha256'][:12]}, {license_}")


def _networks(folder: Path, manifest: dict[str, Any]) -> Iterator[Finding]:
    paths = {role: folder / entry["path"] for role, entry in manifest["files"].items()}
    try:
        for checkpoint in checkpoints(paths, manifest, folder):
            count = len(checkpoint.on_meta().state_dict())
            yield Finding(checkpoint.path.name, True, f"holds its network's {count} weights")
        prove_finder(manifest["finder"], paths, device="cpu")
    except BadCheckpoint as wrong:
        yield Finding(MANIFEST, False, f"{wrong} {wrong.hint}")
