"""New mouths for a window of frames: faces, alignment, network, blend."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from inference import vae
from inference.align import Aligner, Image, Matrix
from inference.audio import windows_at
from inference.blend import Blender
from inference.checkpoint import Model
from inference.diffusion import conditions, denoise, posterior_noise, shared_noise
from inference.errors import EngineFault
from inference.faces import make_finder, usable
from inference.mask import latent_mask
from inference.media.color import to_rgb
from inference.media.pictures import Picture
from inference.media.source import Frame
from inference.options import SyncOptions
from inference.stopwatch import Stopwatch

PIXELS_PER_LATENT = 8

OnStep = Callable[[int], None]


@dataclass(frozen=True)
class Target:
    """A frame that gets a mouth. index: its place in the result; seconds: when it is shown."""

    picture: Picture
    index: int
    seconds: Fraction
    reference: Image
    matrix: Matrix


class Painter:
    """Paints the windows of one film in order. rows: what speech_features() heard."""

    def __init__(
        self,
        model: Model,
        options: SyncOptions,
        rows: Tensor,
        watch: Stopwatch,
        should_cancel: Callable[[], bool] | None = None,
    ) -> None:
        self._model, self._options, self._rows, self._watch = (
            model,
            options,
            rows,
            watch,
        )
        self._should_cancel = should_cancel
        self._finder = make_finder(model.finder)
        self._aligner = Aligner(model.resolution)
        self._blender = Blender(model.mask)
        self._side = model.resolution // PIXELS_PER_LATENT
        self._noise = shared_noise(options.seed, self._side)

    def paint(
        self,
        frames: Sequence[Frame],
        first: int,
        tick: Fraction,
        on_step: OnStep | None = None,
    ) -> list[int]:
        """Change the frames' pictures; the places in the result of those that were changed.

        first: the place of the first frame in the result. tick: seconds of a frame's time unit.
        """
        with self._watch("faces"):
            found = (self._target(frame, first + i, tick) for i, frame in enumerate(frames))
            targets = [target for target in found if target]
        if not targets:
            return []
        decoded = self._generate(targets, on_step)
        with self._watch("paste"):
            for target, face in zip(targets, decoded, strict=True):
                patch = self._blender.patch(face, target.reference, target.matrix)
                self._blender.lay(target.picture, patch)
        return [target.index for target in targets]

    def _target(self, frame: Frame, index: int, tick: Fraction) -> Target | None:
        rgb = to_rgb(frame.picture)
        face = self._finder.find(rgb)
        if face is None or not usable(face):
            return None
        matrix = self._aligner.matrix(face.points3)
        reference = self._aligner.warp(rgb, matrix)
        return Target(frame.picture, index, frame.time * tick, reference, matrix)

    def _generate(self, targets: Sequence[Target], on_step: OnStep | None) -> Tensor:
        """(frames, 3, R, R) in about -1..1, on the CPU."""
        with self._watch("encode"):
            shown = self._conditions(targets)
        heard = windows_at(self._rows, [target.seconds for target in targets])
        with self._watch("denoise"):
            latents = denoise(
                self._model.unet,
                self._noise,
                shown,
                heard,
                steps=self._options.steps,
                guidance=self._options.guidance,
                should_cancel=self._should_cancel,
                on_step=on_step and (lambda step, _: on_step(step)),
            )
        with self._watch("decode"):
            decoded = vae.decode(self._model.vae, latents[0].transpose(0, 1)).cpu()
        if not torch.isfinite(decoded).all():
            raise EngineFault(
                f"The network's numbers overflowed at frame {targets[0].index}.",
                hint="Run it in single precision, or on another device.",
            )
        return decoded

    def _conditions(self, targets: Sequence[Target]) -> Tensor:
        faces = torch.from_numpy(np.stack([target.reference for target in targets]))
        pixels = faces.permute(0, 3, 1, 2).float() / 127.5 - 1
        indices = [target.index for target in targets]
        seed, side = self._options.seed, self._side
        masked = vae.encode(
            self._model.vae,
            pixels * self._model.mask,
            posterior_noise(seed, indices, "masked", side),
        )
        reference = vae.encode(
            self._model.vae, pixels, posterior_noise(seed, indices, "reference", side)
        )
        return conditions(latent_mask(self._model.mask, side), masked, reference)
