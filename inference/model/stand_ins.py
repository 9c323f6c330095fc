"""What stands in a model's place for people who test a pipeline.

A stand-in shows what everything around the network does to a picture: no weights are loaded for
it, and a result says that no model ran.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from inference.errors import BadOption
from inference.model.manifest import NETWORKS, checked, read_manifest
from inference.model.mask import draw_mask
from inference.model.networks import Request
from inference.model.whisper import AudioEncoder
from inference.stopwatch import Stopwatch

RESOLUTION = 256
OFFSET_LEVELS = 8

Trick = Callable[[Tensor], Tensor]

# In the network's own numbers: 2 / 255 is one level.
TRICKS: Mapping[str, Trick] = {
    "identity": lambda faces: faces,
    "offset": lambda faces: faces + OFFSET_LEVELS * 2 / 255,
    "zeros": torch.zeros_like,
    "nan": lambda faces: torch.full_like(faces, float("nan")),
}


@dataclass
class StandIn:
    """Gives back the face it was shown ("identity"), 8 levels lighter ("offset"), a gray one
    ("zeros"), or no numbers at all ("nan"). seconds: how long it sleeps over each frame, as if a
    GPU worked."""

    name: str
    resolution: int = RESOLUTION
    seconds: float = 0.0
    finder: str = "builtin"
    files: Mapping[str, Path] = field(default_factory=dict)
    encoder: AudioEncoder | None = None
    device: str = "none"
    has_spare: bool = False
    remark: str = ""
    mask: Tensor = field(init=False)

    def __post_init__(self) -> None:
        if self.name not in TRICKS:
            told = f"The option network is one of {', '.join(TRICKS)}; not {self.name!r}."
            raise BadOption(told, hint="Leave it out for the model itself.")
        self.mask = draw_mask(self.resolution)

    @property
    def stand_in(self) -> str:
        return self.name

    def to_mapping(self) -> dict[str, Any]:
        label = f"no model ({self.name})"
        return {"name": self.name, "label": label, "version": "", "demo": True, "ran": False}

    def origin(self) -> dict[str, Any]:
        return self.to_mapping() | {"resolution": self.resolution, "finder": self.finder}

    def paint(self, request: Request, watch: Stopwatch, *, precise: bool = False) -> Tensor:
        with watch("denoise"):
            if self.seconds:
                time.sleep(self.seconds * len(request.faces))
            return TRICKS[self.name](request.pixels())


def stand_in(name: str, bundle: Path | None = None) -> StandIn:
    """One by name; of a bundle it takes the size of faces and their finder, and loads no weights.

    Raises BadOption for another name, BadCheckpoint for a bundle that is none.
    """
    if bundle is None:
        return StandIn(name)
    manifest = read_manifest(bundle)
    roles = [role for role in manifest["files"] if role not in NETWORKS]
    files = {role: checked(bundle, role, manifest) for role in roles}
    return StandIn(name, manifest["resolution"], finder=manifest["finder"], files=files)
