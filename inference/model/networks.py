"""What paints new faces, as the pipeline sees it: a model, or a stand-in for one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from inference.model.whisper import AudioEncoder
from inference.options import SyncOptions
from inference.stopwatch import Stopwatch

Faces = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Request:
    """The faces of one person in the frames of a window.

    faces: (f, R, R, 3). places: of their frames in the result, which pick their noise. heard:
    (f, tokens, width), None for a network that hears nothing.
    """

    faces: Faces
    places: Sequence[int]
    heard: Tensor | None
    options: SyncOptions
    on_step: Callable[[int], None] | None = None
    should_cancel: Callable[[], bool] | None = None

    def pixels(self) -> Tensor:
        """The faces in the network's own numbers: (f, 3, R, R) in -1..1."""
        return torch.from_numpy(self.faces).permute(0, 3, 1, 2).float() / 127.5 - 1


class Network(Protocol):
    """mask: (R, R), 1 = keep. finder, files: of faces, see faces.make_finder(). encoder: None if it
    hears nothing. has_spare: whether a second try in higher precision may help. stand_in: what
    stands in a model's place, empty for a model. remark: what a report should say of how it ran."""

    @property
    def resolution(self) -> int: ...

    @property
    def mask(self) -> Tensor: ...

    @property
    def finder(self) -> str: ...

    @property
    def files(self) -> Mapping[str, Path]: ...

    @property
    def encoder(self) -> AudioEncoder | None: ...

    @property
    def device(self) -> str: ...

    @property
    def has_spare(self) -> bool: ...

    @property
    def stand_in(self) -> str: ...

    @property
    def remark(self) -> str: ...

    def paint(self, request: Request, watch: Stopwatch, *, precise: bool = False) -> Tensor:
        """(f, 3, R, R) in about -1..1, fp32 on the CPU. Raises Canceled."""

    def to_mapping(self) -> dict[str, Any]:
        """What a result says of it."""

    def origin(self) -> dict[str, Any]:
        """That, and all else that decides what it paints: two of equal origin paint alike."""
