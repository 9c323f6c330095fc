"""Networks small enough to run in a test, with random weights."""

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

from inference.unet import UNetConfig, VideoUNet
from inference.whisper import AudioEncoder, EncoderConfig

UNET = UNetConfig(
    widths=(32, 32),
    layers_per_block=1,
    attention_levels=(False, True),
    heads=2,
    groups=8,
    audio_width=16,
    motion_heads=2,
)
ENCODER = EncoderConfig(width=16, heads=2, layers=1)
VAE = {
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "block_out_channels": [8, 8, 8, 8],
    "layers_per_block": 1,
    "latent_channels": 4,
    "norm_num_groups": 4,
    "scaling_factor": 0.5,
}


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
