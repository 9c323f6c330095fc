"""LatentSync as what paints new faces: encoded, denoised by what is heard, decoded."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from inference.model import vae
from inference.model.acceleration import forget, told
from inference.model.checkpoint import Model
from inference.model.diffusion import conditions, denoise, posterior_noise, shared_noise
from inference.model.mask import latent_mask
from inference.model.networks import Network, Request
from inference.stopwatch import Stopwatch

PIXELS_PER_LATENT = 8


def network_of(model: Model | Network) -> Network:
    return LatentSync(model) if isinstance(model, Model) else model


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
        seed, places, side = request.options.seed, request.places, self._side
        noise = (
            posterior_noise(seed, places, "masked", side),
            posterior_noise(seed, places, "reference", side),
        )
        masked, reference = vae.encode_pair(self.model.vae, request.pixels(), self.mask, noise)
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
