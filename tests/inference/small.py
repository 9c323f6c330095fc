"""Networks small enough to run in a test, with random weights."""

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

from benchmarks.networks import TINY
from inference.model.unet.network import VideoUNet
from inference.model.whisper import AudioEncoder

# The sizes are the benchmarks' own; the scaling is one that a wrong factor can't hide behind.
UNET, ENCODER = TINY.unet, TINY.encoder
VAE = {**TINY.vae, "scaling_factor": 0.5}


def unet(seed: int = 0) -> VideoUNet:
    """Its motion modules, which begin as nothing, are filled too."""
    torch.manual_seed(seed)
    network = VideoUNet(UNET).eval()
    for name, weight in network.named_parameters():
        if name.endswith("temporal_transformer.proj_out.weight"):
            torch.nn.init.normal_(weight, std=0.2)
    return network.requires_grad_(False)


def encoder(seed: int = 0) -> AudioEncoder:
    torch.manual_seed(seed)
    return AudioEncoder(ENCODER).eval().requires_grad_(False)


def vae(seed: int = 0) -> AutoencoderKL:
    torch.manual_seed(seed)
    network: AutoencoderKL = AutoencoderKL.from_config(dict(VAE))
    return network.eval().requires_grad_(False)
