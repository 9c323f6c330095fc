"""A model of the real parts, tiny and with random weights, for tests about everything else."""

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

from inference.checkpoint import Model
from inference.mask import draw_mask
from inference.unet import UNetConfig, VideoUNet
from inference.whisper import AudioEncoder, EncoderConfig


def tiny_model(resolution: int = 64, finder: str = "builtin") -> Model:
    torch.manual_seed(0)
    unet = VideoUNet(
        UNetConfig(
            widths=(32, 32),
            layers_per_block=1,
            attention_levels=(True, False),
            heads=4,
            audio_width=32,
            groups=8,
            motion_heads=4,
        )
    )
    encoder = AudioEncoder(EncoderConfig(width=32, heads=2, layers=1))
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 8, 8, 8),
        layers_per_block=1,
        norm_num_groups=4,
        latent_channels=4,
    )
    return Model(
        unet=unet.eval(),
        vae=vae.eval(),
        encoder=encoder.eval(),
        mask=draw_mask(resolution),
        resolution=resolution,
        finder=finder,
        manifest={"name": "tiny", "label": "tiny test model", "version": "0", "demo": True},
        device=torch.device("cpu"),
        dtype=torch.float32,
    )
