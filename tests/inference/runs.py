"""Whole runs with something in the network's place, small enough to be many."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from inference.model.stand_ins import StandIn
from inference.options import SyncOptions

SIZE = (192, 144)
PLAIN = SyncOptions(color_match=False, device="cpu")


@dataclass
class Tinted(StandIn):
    """Lightens a face by the seed and by how many there are in the window: a network that looks
    from frame to frame. places: what it was asked for; fails_at: the place at which it breaks,
    once `behind` says that the stages behind it have come as far as the test wants."""

    name: str = "identity"
    resolution: int = 64
    fails_at: int | None = None
    error: BaseException | None = None
    behind: Callable[[], bool] = lambda: True
    places: list[int] = field(default_factory=list)
    requests: list = field(default_factory=list)

    def paint(self, request, watch, *, precise=False):
        if self.fails_at is not None and self.fails_at in request.places:
            wait_until(self.behind)
            raise self.error
        self.places += request.places
        self.requests.append(request)
        lighter = request.options.seed + len(request.faces)
        return super().paint(request, watch) + lighter * 2 / 255


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "what the test waits for did not come"
        time.sleep(0.01)


@dataclass
class Patchy(StandIn):
    """No numbers for the window that begins at `at`, unless it is asked to be precise."""

    name: str = "identity"
    resolution: int = 64
    at: int = 16
    has_spare: bool = True
    value: float = float("nan")
    tries: list[tuple[int, bool]] = field(default_factory=list)

    def paint(self, request, watch, *, precise=False):
        faces = super().paint(request, watch)
        self.tries.append((request.places[0], precise))
        if request.places[0] == self.at and not precise:
            return torch.full_like(faces, self.value)
        return faces
