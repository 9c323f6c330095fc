"""The engine's options as words of a command line. Free of torch and cv2."""

import argparse
import errno
import json
import os
import re
import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn

from inference.errors import BadOption, EngineFault
from inference.options import CODECS, LENGTHS, SILENCES, SPEEDS, SyncOptions

DASHED_FILE = re.compile(r"-[^-\d.].+|-[^=]*\.[A-Za-z]\w*")  # a word that is no option of ours
NETWORKS = ("identity", "offset", "zeros", "nan")


class Parser(argparse.ArgumentParser):
    """Refuses as the engine does: `bad_option: sentence`, exit status 2."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self._words = list(sys.argv[1:] if args is None else args)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        hint = f"{self.prog} --help lists what there is"
        if any(map(DASHED_FILE.fullmatch, self._words)):
            hint += "; a file whose name begins with a dash is written ./-name"
        raise BadOption(f"{message[:1].upper()}{message[1:]}.", hint=f"{hint}.")


def add_options(parser: argparse.ArgumentParser) -> None:
    """All of SyncOptions."""
    default = SyncOptions()
    add = parser.add_argument
    add("--steps", type=int, default=default.steps, help="denoising steps (default 20)")
    add("--guidance", type=float, default=default.guidance, help="1 to 3, 1 is off (default 1.5)")
    add("--seed", type=int, default=default.seed)
    add("--device", default=default.device, help="auto, cpu, cuda, cuda:1 ...")
    add("--length", default=default.length, help=f"{', '.join(LENGTHS)} (default audio)")
    add("--silence", default=default.silence, help=f"{', '.join(SILENCES)} (default model)")
    add("--face", type=_face, help="index of a track, X,Y@SECONDS, or a JSON list of speakers")
    add("--face-box", type=_box, metavar="X,Y,W,H", help="a face that no finder sees")
    add("--frame-rate", type=int, help="25: LatentSync's rate (default: the video's own)")
    add(
        "--color-match",
        action=argparse.BooleanOptionalAction,
        default=default.color_match,
        help="bring the mouth's colors to those around it (default: yes)",
    )
    add("--speed", default=default.speed, help=f"{', '.join(SPEEDS)} (default exact)")
    add("--codec", help=f"{', '.join(CODECS)} (default: by the video's depth)")
    add("--quality", type=int, help="the encoder's CRF, 0 to 51, lower is better")
    add("--exact-size", action="store_true", help="code an odd width or height as it is, in 4:4:4")


def options_of(given: argparse.Namespace) -> SyncOptions:
    """Raises BadOption for a value outside its range."""
    names = SyncOptions().to_mapping()
    return SyncOptions(**{name: getattr(given, name) for name in names}).check()


def seconds(text: str) -> Fraction:
    """A time as "3.2" or "16/5", exactly."""
    if not re.fullmatch(r"\d{1,7}(\.\d{1,9})?|\d{1,12}/0*[1-9]\d{0,8}", text, re.ASCII):
        raise BadOption(f"A time is written in seconds from 0 on, not as {text!r}.")
    return Fraction(text)


def _face(text: str) -> Any:
    if not text.lstrip().startswith("["):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise BadOption("The option face is a list that is not JSON.") from None


def _box(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if len(parts) != 4 or not all(part.strip().lstrip("-").isdecimal() for part in parts):
        raise BadOption(f"The option face_box is written X,Y,W,H in whole pixels, not {text!r}.")
    return tuple(int(part) for part in parts)


def check_place(path: Path, sources: list[Path]) -> None:
    """Raises BadOption if nothing can be written there, or if a source lies there.

    A result is put in its place by a rename: a device or a pipe would be replaced, not written to.
    """
    try:
        if path.is_dir():
            raise BadOption(f"{path} can't be written: it is a folder.", hint="Name a file in it.")
        if path.exists() and not path.is_file():
            raise _unwritable(path, "it is a device, not a file")
        _check_folder(path)
    except OSError as error:
        raise _unwritable(path, str(error.strerror)) from error
    if any(os.path.realpath(path) == os.path.realpath(source) for source in sources):
        told = f"{path} would overwrite another file of this run."
        raise BadOption(told, hint="Name another place.")


def check_segments(folder: Path) -> None:
    """Raises BadOption if segments can't be kept there. It need not exist, where it lies must."""
    if folder.exists() and not folder.is_dir():
        raise _unwritable(folder, "it is a file, and segments are kept in a folder")
    _check_folder(folder / "a" if folder.is_dir() else folder)


def _check_folder(path: Path) -> None:
    """Can something be made beside it? Asked before the work is done, not after it."""
    if not path.parent.is_dir():
        told = f"{path} can't be written: the folder {path.parent} is missing."
        raise BadOption(told, hint="Make the folder first, or name another place.")
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise EngineFault(f"The disk of {path.parent} is full.", hint="Make room.") from error
        raise _unwritable(path, f"no file can be made in {path.parent}") from error


def _unwritable(path: Path, why: str) -> BadOption:
    return BadOption(f"{path} can't be written: {why}.", hint="Name another place.")


def check_network(name: str | None) -> None:
    """Raises BadOption for a stand-in that is not known; None is the model itself."""
    if name is not None and name not in NETWORKS:
        raise BadOption(
            f"The option network is one of {', '.join(NETWORKS)}; not {name!r}.",
            hint="Leave it out for the model itself.",
        )
