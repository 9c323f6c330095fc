"""How a result is coded: which codec for which source, how good, how large.

Coded once, in the source's own depth and subsampling. One table decides the codec:

| source  | codec | why                                                            |
| ------- | ----- | -------------------------------------------------------------- |
| 8 bits  | H.264 | opens everywhere                                               |
| 10 bits | HEVC  | the 10-bit codec that phones, browsers and editors open (HDR)  |

A codec that is asked for takes either depth; 10 bits in H.264 are its profile High 10, which
editors open and browsers don't.
"""

from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import av

from inference import errors
from inference.media.pictures import PlaneLayout
from inference.media.source import Film

CODEC_OF_DEPTH = {8: "h264", 10: "hevc"}
# Presets and quality measured on 1080p footage: see docs/performance.md.
ENCODERS: dict[str, tuple[str, dict[str, str]]] = {
    "h264": ("libx264", {"preset": "veryfast"}),
    "hevc": ("libx265", {"preset": "fast", "x265-params": "log-level=none"}),
}
QUALITY = {"h264": 16, "hevc": 17}
QUALITY_RANGE = (0, 51)
# A key frame every two seconds lets people seek.
KEY_FRAME_SECONDS = 2
# libx264 (165) codes a few films in a hundred in another way than the rest when it computes with
# AVX-512, its macroblock tree above all; a run that goes on must give what one without a stop does.
# It takes the names unchecked, so they are given only to a processor that knows them all.
UNSTEADY, STEADY = "avx512bw", "asm=MMX2,SSE2Fast,SSSE3,SSE4.2,AVX,FMA3,BMI2,AVX2"
STEADY_FLAGS = frozenset({"mmxext", "sse2", "ssse3", "sse4_2", "avx", "fma", "bmi2", "avx2"})


@dataclass(frozen=True)
class Encoding:
    """codec: "h264" or "hevc", None by the table above. quality: the encoder's constant rate
    factor, 0 (largest file) to 51, about 6 halve the size; None for 16 (H.264) or 17 (HEVC).
    exact_size: keep an odd width or height by coding 4:4:4, which few players open."""

    codec: str | None = None
    quality: int | None = None
    exact_size: bool = False

    def check(self) -> "Encoding":
        """Return self. Raises BadOption, or EngineFault where this FFmpeg lacks the encoder."""
        if self.codec is not None and self.codec not in ENCODERS:
            told = f"The codec is one of {', '.join(ENCODERS)}; not {self.codec}."
            raise errors.BadOption(told, hint="Without codec it goes by the source's depth.")
        low, high = QUALITY_RANGE
        if self.quality is not None and not low <= self.quality <= high:
            raise errors.BadOption(
                f"The quality must lie between {low} and {high}; it is {self.quality}."
            )
        for codec in [self.codec] if self.codec else ENCODERS:
            _encoder(codec)
        return self

    def of(self, film: Film) -> "Coding":
        """What this means for one film."""
        codec = self.codec or CODEC_OF_DEPTH[film.layout.bits]
        name, options = _encoder(codec), ENCODERS[codec][1]
        quality = QUALITY[codec] if self.quality is None else self.quality
        if codec == "h264":
            options = options | steady(processor_flags())
        layout, inside = film.layout, film.source_box
        if film.grading and codec == "hevc":
            options = options | {"x265-params": f"{options['x265-params']}:{film.grading.x265()}"}
        cut = self.exact_size and inside.size != (film.width, film.height)
        width, height = inside.size if cut else (film.width, film.height)
        return Coding(
            codec=codec,
            encoder=name,
            options=options | {"crf": str(quality)},
            width=width,
            height=height,
            layout=PlaneLayout(0, 0, layout.bits) if cut else layout,
        )


@dataclass(frozen=True)
class Coding:
    """One encoder's settings. Size and layout differ from the film's only for an exact size."""

    codec: str
    encoder: str
    options: dict[str, str]
    width: int
    height: int
    layout: PlaneLayout

    def stream(self, out: av.container.OutputContainer, film: Film) -> Any:
        """A stream of `out` that encodes so, with the film's tags, times and pixel shape."""
        stream = out.add_stream(self.encoder, rate=film.rate, options=dict(self.options))
        context = stream.codec_context
        context.width, context.height = self.width, self.height
        context.pix_fmt = self.layout.name
        context.time_base, stream.time_base = film.time_base, film.time_base
        context.sample_aspect_ratio = film.pixel_aspect
        context.gop_size = max(1, round(KEY_FRAME_SECONDS * film.rate))
        tags = film.tags
        context.colorspace, context.color_range = tags.matrix, tags.range
        context.color_trc, context.color_primaries = tags.transfer, tags.primaries
        if self.codec == "hevc":
            context.codec_tag = "hvc1"  # the only spelling that Apple's players know
        return stream


def steady(flags: AbstractSet[str]) -> dict[str, str]:
    """What libx264 must be told on a processor with these flags to code alike each time."""
    return {"x264-params": STEADY} if {UNSTEADY, *STEADY_FLAGS} <= flags else {}


@cache
def processor_flags() -> frozenset[str]:
    """As Linux names them; none where it doesn't say."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            name, _, told = line.partition(":")
            if name.strip() == "flags":
                return frozenset(told.split())
    return frozenset()


def _encoder(codec: str) -> str:
    name = ENCODERS[codec][0]
    try:
        av.codec.Codec(name, "w")
    except av.codec.codec.UnknownCodecError as error:
        raise errors.EngineFault(
            f"The FFmpeg that PyAV brings has no encoder {name}.",
            hint="Install PyAV's own wheel: pip install --force-reinstall av.",
        ) from error
    return name
