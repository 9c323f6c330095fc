"""What an operator downloads, with small networks in the publishers' own formats."""

import atexit
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import save_file

from inference.bundle.making import Recipe
from tests.inference import graphs, small

SIDE = 64


def make(folder: Path) -> Recipe:
    """LatentSync-1.6/, sd-vae-ft-mse/, buffalo_l/ and mask.png, and what to make of them."""
    shutil.copytree(_downloaded(), folder, dirs_exist_ok=True)
    return Recipe(
        unet=folder / "LatentSync-1.6" / "latentsync_unet.pt",
        whisper=folder / "LatentSync-1.6" / "whisper" / "tiny.pt",
        vae=folder / "sd-vae-ft-mse",
        faces=folder / "buffalo_l",
        mask=folder / "mask.png",
        resolution=SIDE,
        version="1.6",
        unet_config=small.UNET,
    )


@cache
def _downloaded() -> Path:
    """Made once, and removed with the process."""
    folder = Path(tempfile.mkdtemp(prefix="downloads-"))
    atexit.register(shutil.rmtree, folder)
    for name in ("LatentSync-1.6/whisper", "sd-vae-ft-mse", "buffalo_l"):
        (folder / name).mkdir(parents=True)
    repository = folder / "LatentSync-1.6"
    unet = {"state_dict": small.unet().state_dict(), "global_step": 7}
    torch.save(unet, repository / "latentsync_unet.pt")
    torch.save(whisper(), repository / "whisper" / "tiny.pt")
    vae = folder / "sd-vae-ft-mse"
    save_file(small.vae().state_dict(), vae / "diffusion_pytorch_model.safetensors")
    (vae / "config.json").write_text(json.dumps({"_class_name": "AutoencoderKL", **small.VAE}))
    graphs.red_detector(folder / "buffalo_l" / "det_10g.onnx", np.ones((2, 4)))
    graphs.red_landmarks(folder / "buffalo_l" / "2d106det.onnx", np.zeros((106, 2)))
    (folder / "buffalo_l" / "w600k_r50.onnx").write_bytes(b"of the same pack, and not wanted")
    picture = np.full((SIDE, SIDE), 255, np.uint8)
    picture[SIDE // 2 :] = 0
    cv2.imwrite(str(folder / "mask.png"), picture)
    return folder


def whisper(width: int = small.ENCODER.width) -> dict:
    """As OpenAI saves it: sizes, the encoder, and a decoder that nobody needs."""
    network = small.encoder() if width == small.ENCODER.width else _other(width)
    weights = {f"encoder.{name}": value for name, value in network.state_dict().items()}
    weights["decoder.ln.weight"] = torch.zeros(3)
    sizes = {"n_mels": 80, "n_audio_ctx": 1500, "n_audio_head": 2, "n_audio_layer": 1}
    return {"dims": sizes | {"n_audio_state": width}, "model_state_dict": weights}


def _other(width: int) -> torch.nn.Module:
    from inference.model.whisper import AudioEncoder, EncoderConfig

    return AudioEncoder(EncoderConfig(width=width, heads=2, layers=1))
