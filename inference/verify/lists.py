"""What is exact and has no arrays: key lists of the full-size networks, counts, orders."""

import re
from collections.abc import Iterator, Mapping

import torch

from inference.model.unet.config import UNetConfig
from inference.model.unet.network import VideoUNet
from inference.model.whisper import AudioEncoder, EncoderConfig
from inference.sound.features import frame_count
from inference.verify.folder import Folder
from inference.verify.loop import source_frame
from inference.verify.rows import Check, Row, counted, equal

UNET = "unet_state_dict.json"
ENCODER = "whisper_tiny_encoder_state_dict.json"
COUNTS = "audio_chunk_counts.json"
ORDER = "loop_order.json"
Shapes = Mapping[str, list[int]]


def unet_keys(folder: Folder) -> Iterator[Row]:
    wanted = folder.json(UNET)
    with torch.device("meta"):
        network = VideoUNet(unet_sizes(wanted))
    yield _same_shapes(UNET, network, "", wanted)


def encoder_keys(folder: Folder) -> Iterator[Row]:
    wanted = folder.json(ENCODER)
    with torch.device("meta"):
        network = AudioEncoder(encoder_sizes(wanted, "encoder."))
    yield _same_shapes(ENCODER, network, "encoder.", wanted)


def _same_shapes(name: str, network: torch.nn.Module, prefix: str, wanted: Shapes) -> Row:
    ours = {prefix + key: list(value.shape) for key, value in network.state_dict().items()}
    wrong = sorted(k for k in ours.keys() | wanted.keys() if ours.get(k) != wanted.get(k))
    return counted(name, len(wrong), 0, note=", ".join(wrong[:5]))


def unet_sizes(shapes: Shapes) -> UNetConfig:
    """The sizes that a key list tells; what doesn't show in shapes stays at the default.

    Read from one key of many that must agree, and the channels in and out are taken as known: a
    single wrong entry in the list is found, not believed.
    """
    levels = range(_numbered(shapes, r"down_blocks\.(\d+)\..*"))
    audio = [s[1] for k, s in shapes.items() if k.endswith("attn2.to_k.weight")]
    rows = [s[1] for k, s in shapes.items() if k.endswith("pos_encoder.pe")]
    default = UNetConfig()
    return UNetConfig(
        widths=tuple(shapes[f"down_blocks.{i}.resnets.0.conv2.weight"][0] for i in levels),
        layers_per_block=_numbered(shapes, r"down_blocks\.0\.resnets\.(\d+)\..*"),
        attention_levels=tuple(_has(shapes, f"down_blocks.{i}.attentions.") for i in levels),
        audio_width=audio[0] if audio else default.audio_width,
        motion=tuple(_has(shapes, f"down_blocks.{i}.motion_modules.") for i in levels),
        position_rows=rows[0] if rows else default.position_rows,
    )


def encoder_sizes(shapes: Shapes, prefix: str = "") -> EncoderConfig:
    """Likewise; mel bands and rows are in one key each, so they are taken as known."""
    return EncoderConfig(
        width=shapes[f"{prefix}ln_post.weight"][0],
        layers=_numbered(shapes, re.escape(prefix) + r"blocks\.(\d+)\..*"),
    )


def _numbered(shapes: Shapes, pattern: str) -> int:
    return 1 + max(int(m[1]) for key in shapes if (m := re.fullmatch(pattern, key)))


def _has(shapes: Shapes, prefix: str) -> bool:
    return any(key.startswith(prefix) for key in shapes)


def counts(folder: Folder) -> Iterator[Row]:
    for fps, wanted in folder.json(COUNTS).items():
        ours = [frame_count(int(rows), float(fps)) for rows in wanted]
        yield equal(f"{COUNTS} at {fps} fps", ours, list(wanted.values()))


def orders(folder: Folder) -> Iterator[Row]:
    for case in folder.json(ORDER):
        video, sound = case["video_frames"], case["audio_frames"]
        ours = [source_frame(shown, video) for shown in range(sound)]
        yield equal(f"{ORDER} {video} shown as {sound}", ours, case["order"])


CHECKS = (
    Check((UNET,), unet_keys),
    Check((ENCODER,), encoder_keys),
    Check((COUNTS,), counts),
    Check((ORDER,), orders),
)
