"""A look at the UNet while it learns: does its mouth follow the sound, or still the reference?

Read from the latents by the mouth reader, on a few held-out pairs that the proof doesn't use. One
reading swings by 0.1: a run is given up only if the source stays above 0.5.
"""

from __future__ import annotations

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from inference.demo.proof import GUIDANCE, SEED, Pair, correlation, make_pair
from inference.demo.training.autoencoder import to_pixels
from inference.demo.training.lessons import LATENT_SIDE, encode
from inference.demo.training.reader import MouthReader
from inference.model.diffusion import WINDOW_FRAMES, conditions, denoise, shared_noise
from inference.model.mask import latent_mask
from inference.model.unet.network import VideoUNet
from inference.model.whisper import AudioEncoder
from inference.sound.features import frame_windows, speech_features

FIRST_PAIR, PAIRS, FRAMES, STEPS = 900, 4, 48, 5


class Watch:
    def __init__(self, vae: AutoencoderKL, encoder: AudioEncoder, mask: Tensor) -> None:
        self.pairs = [make_pair(FIRST_PAIR + i, FRAMES) for i in range(PAIRS)]
        self.heard = [frame_windows(speech_features(p.sound, encoder)) for p in self.pairs]
        plane = latent_mask(mask, LATENT_SIDE)
        self.shown = [conditions(plane, *_latents(vae, pair, mask)) for pair in self.pairs]

    def __call__(self, unet: VideoUNet, reader: MouthReader) -> str:
        """Correlations with driver and source, the mean over the pairs."""
        figures = [self._pair(i, unet, reader) for i in range(len(self.pairs))]
        driver, source = np.mean(figures, axis=0)
        return f"follows the driver {driver:.2f}, the source {source:.2f}"

    def _pair(self, i: int, unet: VideoUNet, reader: MouthReader) -> tuple[float, float]:
        noise = shared_noise(SEED, LATENT_SIDE)
        openings = []
        for start in range(0, FRAMES, WINDOW_FRAMES):
            window = slice(start, start + WINDOW_FRAMES)
            latents = denoise(
                unet,
                noise,
                self.shown[i][:, :, window],
                self.heard[i][window],
                steps=STEPS,
                guidance=GUIDANCE,
            )
            openings.append(reader(latents[0].transpose(0, 1))[:, 0])
        seen = torch.cat(openings).numpy()
        pair = self.pairs[i]
        return correlation(seen, pair.driver), correlation(seen, pair.source)


def _latents(vae: AutoencoderKL, pair: Pair, mask: Tensor) -> tuple[Tensor, Tensor]:
    pixels = to_pixels(pair.pictures)
    return encode(vae, pixels * mask), encode(vae, pixels)
