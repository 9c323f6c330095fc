"""What paints new faces: a model, or a stand-in for people who test a pipeline.

A stand-in shows what everything around the network does to a picture: nothing of torch's is
loaded for it, and a result says that no model ran.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from inference import vae
from inference.acceleration import forget, told
from inference.checkpoint import Model
from inference.diffusion import conditions, denoise, posterior_noise, shared_noise
from inference.errors import BadOption
from inference.manifest import NETWORKS, checked, read_manifest
from inference.mask import draw_mask, latent_mask
from inference.options import SyncOptions
from inference.stopwatch import Stopwatch
from inference.whisper import AudioEncoder

PIXELS_PER_LATENT = 8
STAND_IN_RESOLUTION = 256
OFFSET_LEVELS = 8

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


class LatentSync:
    """A loaded model."""

    stand_in = ""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.resolution, self.mask, self.encoder = model.resolution, model.mask, model.encoder
        self.finder, self.files, self.device = model.finder, model.files, str(model.device)
        self._side = model.resolution // PIXELS_PER_LATENT
        self._noise: dict[int, Tensor] = {}

    @property
    def has_spare(self) -> bool:
        return self.model.dtype is not torch.float32

    @property
    def remark(self) -> str:
        return str(told(self.model.unet)["note"] or "")

    def to_mapping(self) -> dict[str, Any]:
        return dict(self.model.to_mapping())

    def origin(self) -> dict[str, Any]:
        files = self.model.manifest.get("files", {})
        hashes = {role: entry["sha256"] for role, entry in files.items()}
        return self.to_mapping() | {"resolution": self.resolution, "files": hashes}

    def paint(self, request: Request, watch: Stopwatch, *, precise: bool = False) -> Tensor:
        if precise:
            with _single_precision(self.model):
                return self._paint(request, watch)
        return self._paint(request, watch)

    def _paint(self, request: Request, watch: Stopwatch) -> Tensor:
        options, on_step = request.options, request.on_step
        assert request.heard is not None
        with watch("encode"):
            shown = self._conditions(request)
        with watch("denoise"):
            latents = denoise(
                self.model.unet,
                self._start(options.seed),
                shown,
                request.heard,
                steps=options.steps,
                guidance=options.guidance,
                speed="fast" if options.speed == "fast" else "exact",
                should_cancel=request.should_cancel,
                on_step=on_step and (lambda step, _: on_step(step)),
            )
        with watch("decode"):
            return vae.decode(self.model.vae, latents[0].transpose(0, 1)).cpu()

    def _start(self, seed: int) -> Tensor:
        if seed not in self._noise:
            self._noise = {seed: shared_noise(seed, self._side)}
        return self._noise[seed]

    def _conditions(self, request: Request) -> Tensor:
        pixels = torch.from_numpy(request.faces).permute(0, 3, 1, 2).float() / 127.5 - 1
        seed, places, side = request.options.seed, request.places, self._side
        noise = (
            posterior_noise(seed, places, "masked", side),
            posterior_noise(seed, places, "reference", side),
        )
        masked, reference = vae.encode_pair(self.model.vae, pixels, self.mask, noise)
        return conditions(latent_mask(self.mask, side), masked, reference)


@contextmanager
def _single_precision(model: Model) -> Iterator[None]:
    """Half precision to single and back loses nothing."""
    try:
        for network in (model.unet, model.vae):
            torch.nn.Module.to(network, dtype=torch.float32)
        yield
    finally:
        for network in (model.unet, model.vae):
            torch.nn.Module.to(network, dtype=model.dtype)
        forget(model.unet)


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
    resolution: int = STAND_IN_RESOLUTION
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
            faces = torch.from_numpy(request.faces).permute(0, 3, 1, 2).float() / 127.5 - 1
            return TRICKS[self.name](faces)


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


def network_of(model: Model | Network) -> Network:
    return LatentSync(model) if isinstance(model, Model) else model
