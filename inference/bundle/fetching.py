"""`bundle fetch`: the licences shown and accepted, the files brought, the bundle made."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from inference.bundle.book import Book
from inference.bundle.hub import Hub, Remote, fingerprint
from inference.bundle.making import MB, OnProgress, Recipe, make, nobody
from inference.bundle.sources import Source
from inference.bundle.whole import refuse_place
from inference.errors import BadOption, EngineFault, LicenseNotAccepted
from inference.model.mask import load_mask

BOOK = "bundle-hashes.json"
DOWNLOADS = ".bundle-downloads"
SHA256_DIGITS = 64
Say = Callable[[str], None]


@dataclass(frozen=True)
class Place:
    """Where a fetch puts what it brings. Beside the bundle, so that a book serves all bundles of a
    folder, and finished downloads are on the same disk."""

    out: Path
    book: Path
    downloads: Path

    @classmethod
    def beside(cls, out: Path, book: Path | None = None, downloads: Path | None = None) -> "Place":
        return cls(out, book or out.parent / BOOK, downloads or out.parent / DOWNLOADS)


def accept(sources: Sequence[Source], *, accepted: bool, ask: TextIO, say: Say) -> None:
    """Show each licence, and have each accepted: by a yes to every question, or beforehand.

    Raises LicenseNotAccepted: for a no, and where nobody is there to answer.
    """
    for source in sources:
        say(f"{source.repository}: {', '.join(source.files)}")
        say(f"    licence: {source.license}")
        say(f"    commercial use: {source.commercial}")
        say(f"    read it at {source.terms}")
        if not accepted and ask.isatty():
            say("    Do you accept it? [y/N]")
            if ask.readline().strip().lower() not in ("y", "yes"):
                raise LicenseNotAccepted(f"The licence of {source.repository} was not accepted.")
    if not accepted and not ask.isatty():
        raise LicenseNotAccepted("Nobody is here to accept these licences.")


def fetch(
    place: Place,
    sources: Sequence[Source],
    recipe: Mapping[str, Any],
    *,
    hub: Hub,
    say: Say,
    on_progress: OnProgress = nobody,
    keep_downloads: bool = False,
) -> dict[str, Any]:
    """Bring the files and make the bundle of them; returns its manifest.

    recipe: what the recipe says besides the fetched files. A file that was brought by an earlier,
    unfinished command is not brought again. Raises FetchFailed, or what make() raises.
    """
    refuse_place(place.out)
    if recipe.get("mask"):
        load_mask(recipe["mask"], 256)  # before an hour of downloads, not after it
    with _alone(place.downloads):
        book = Book(place.book)
        fields, new = _brought(place, sources, hub, book, on_progress)
        manifest = make(Recipe(**recipe, **fields), place.out, on_progress)
        _write_down(book, new, say)
        if not keep_downloads:
            shutil.rmtree(place.downloads, ignore_errors=True)
    return manifest


@contextmanager
def _alone(downloads: Path) -> Iterator[None]:
    """Two commands that go on with the same unfinished file would spoil it for each other."""
    downloads.mkdir(parents=True, exist_ok=True)
    lock = os.open(downloads, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        told = f"Another command fetches into {downloads}."
        raise BadOption(told, hint="Wait for it, or name another folder by --downloads.") from None
    finally:
        os.close(lock)


def _brought(
    place: Place, sources: Sequence[Source], hub: Hub, book: Book, on_progress: OnProgress
) -> tuple[dict[str, Any], list[tuple[Remote, str]]]:
    """The recipe's fields for the files, and those files that the book does not have yet."""
    wanted = list(_looked_up(sources, hub, book))
    _refuse_full_disk(place, wanted)
    fields: dict[str, Any] = {}
    told: dict[str, dict[str, str]] = {}
    new: list[tuple[Remote, str]] = []
    for source, remote in wanted:
        path, sha256 = _bring(place, remote, hub, on_progress)
        facts: dict[str, Any] = {"sha256": sha256, "size_bytes": remote.size_bytes}
        if not book.compare(remote.repository, remote.file, **facts):
            new.append((remote, sha256))
        # Of the VAE and of the faces the recipe wants the folder.
        fields[source.role] = path if len(source.files) == 1 else path.parent
        told[source.files[remote.file]] = _origin(remote, sha256)
    return {**fields, "sources": told}, new


def _looked_up(sources: Sequence[Source], hub: Hub, book: Book) -> Iterator[tuple[Source, Remote]]:
    """What the hub says of every file, before the first is brought."""
    for source in sources:
        revision = book.commit(source.repository) or source.revision
        for file in source.files:
            remote = hub.look(source.repository, file, revision)
            if len(remote.etag) == SHA256_DIGITS:
                size = remote.size_bytes
                book.compare(source.repository, file, sha256=remote.etag, size_bytes=size)
            yield source, remote


def _refuse_full_disk(place: Place, wanted: Sequence[tuple[Source, Remote]]) -> None:
    """The downloads, and the bundle that is made of them while they are still there."""
    coming = sum(remote.size_bytes for _, remote in wanted)
    here = sum(path.stat().st_size for path in place.downloads.rglob("*") if path.is_file())
    free = shutil.disk_usage(place.downloads).free
    if 2 * coming - here > free:
        raise EngineFault(
            f"Fetching and converting need {(2 * coming - here) / MB:,.0f} MB; the disk of "
            f"{place.downloads} has {free / MB:,.0f} MB left.",
            hint="Make room, or name another place.",
        )


def _bring(place: Place, remote: Remote, hub: Hub, on_progress: OnProgress) -> tuple[Path, str]:
    """The file and its SHA-256; fetched only if it is not here already."""
    path = place.downloads / remote.repository / remote.file
    if path.exists():
        if (sha256 := fingerprint(path, remote)) is not None:
            return path, sha256
        path.unlink()
    stage, total = f"fetching {remote.file}, MB", remote.size_bytes // MB
    on_progress(stage, 0, total)
    return path, hub.fetch(remote, path, lambda done: on_progress(stage, done // MB, total))


def _write_down(book: Book, new: Sequence[tuple[Remote, str]], say: Say) -> None:
    """Only now: what turned out to be no model would stand in the way of the right file."""
    for remote, sha256 in new:
        facts: dict[str, Any] = {"sha256": sha256, "size_bytes": remote.size_bytes}
        book.note(remote.repository, remote.file, commit=remote.commit, **facts)
        say(f"{remote.repository}/{remote.file}: first use, SHA-256 {sha256} is in {book.path} now")


def _origin(remote: Remote, sha256: str) -> dict[str, str]:
    told = {"repository": remote.repository, "revision": remote.commit}
    return told | {"file": remote.file, "sha256": sha256}
