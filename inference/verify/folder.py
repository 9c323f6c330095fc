"""The files of a folder of golden data."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

Array = NDArray[Any]


class MissingArray(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Arrays:
    """The arrays of one file; it remembers which of them were asked for."""

    def __init__(self, file: str, held: dict[str, Array]) -> None:
        self.file = file
        self._held = held
        self._asked: set[str] = set()

    def __getitem__(self, name: str) -> Array:
        """Raises MissingArray."""
        self._asked.add(name)
        if name not in self._held:
            raise MissingArray(name)
        return self._held[name]

    def matching(self, pattern: str) -> list[re.Match[str]]:
        """Names that a pattern fits as a whole, in the file's order of numbers.

        Raises MissingArray if there are none.
        """
        found = [m for name in self._held if (m := re.fullmatch(pattern, name))]
        if not found:
            raise MissingArray(pattern)
        return sorted(found, key=lambda match: [(len(g), g) for g in match.groups()])

    def never_asked(self) -> list[str]:
        return sorted(self._held.keys() - self._asked)


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def has(self, file: str) -> bool:
        return (self.path / file).is_file()

    def files(self) -> Iterator[str]:
        """Every file in it and below, in order, with / between folders."""
        for path in sorted(self.path.rglob("*")):
            if path.is_file():
                yield path.relative_to(self.path).as_posix()

    def arrays(self, file: str) -> Arrays:
        """Of an .npz or .safetensors file."""
        path = self.path / file
        if path.suffix == ".safetensors":
            return Arrays(file, load_file(path))
        with np.load(path, allow_pickle=False) as held:
            return Arrays(file, dict(held))

    def json(self, file: str) -> Any:
        return json.loads((self.path / file).read_text())
