"""A coded sound track on its way into an mp4, as it was coded."""

from fractions import Fraction
from typing import Any, Protocol

import av

from inference.media.formats import CARRIED_SOUND


class Coding(Protocol):
    """What a decoder must know before the first packet.

    codec: a key of formats.CARRIED_SOUND. layout, sample_format: FFmpeg's names ("5.1", "s32").
    config: the decoder's configuration as mp4 stores it (AudioSpecificConfig, STREAMINFO,
    OpusHead); empty for MP3.
    """

    @property
    def codec(self) -> str: ...
    @property
    def sample_rate(self) -> int: ...
    @property
    def layout(self) -> str: ...
    @property
    def sample_format(self) -> str: ...
    @property
    def config(self) -> bytes: ...


def exact_edits(coding: Coding) -> dict[str, str]:
    """An option of the mp4's muxer: the edit lists, which tell of priming and of a sound that
    begins late, count in samples and not in milliseconds."""
    return {"movie_timescale": str(coding.sample_rate)}


def configure(context: Any, coding: Coding) -> None:
    """Open an encoder that stands for this coding: PyAV gives no other way to hand a muxer the
    configuration of a decoder. Raises what FFmpeg finds wrong with it."""
    context.sample_rate, context.layout = coding.sample_rate, coding.layout
    context.format, context.time_base = coding.sample_format, Fraction(1, coding.sample_rate)
    context.open(strict=False)
    if coding.config:
        context.extradata = coding.config


def add_track(out: av.container.OutputContainer, coding: Coding) -> Any:
    """A stream of `out` for packets that are coded so, timed in samples."""
    stream = out.add_stream(CARRIED_SOUND[coding.codec], rate=coding.sample_rate)
    configure(stream.codec_context, coding)
    stream.time_base = Fraction(1, coding.sample_rate)
    return stream
