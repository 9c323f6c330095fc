"""A voice, read through the media process."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference import errors
from inference.media import wire
from inference.media.formats import CARRIED_SOUND
from inference.media.limits import MediaLimits
from inference.media.process import MediaProcess

SAMPLE_RATE = 16000
SAMPLE = np.dtype("<i2")
SOUND_CPU_SECONDS = 1800
MAX_PACKET_BYTES = 1 << 22  # the largest block that FLAC allows
MAX_BATCH_BYTES = 1 << 22
MAX_CONFIG_BYTES = 1024
FORMATS = ("fltp", "flt", "s16", "s32")
LAYOUT = re.compile(r"[\w.+()-]{1,60}")
# One packet in the spool: time and duration in ticks of the sound's time base, size in bytes.
PACKET = struct.Struct("<qqI")


class Samples:
    """int16 samples in a file: len(), slices and numpy.asarray() read it; nothing is kept.

    Not a memory map: pages once looked at would count as this process's memory for good.
    """

    dtype = SAMPLE

    def __init__(self, path: Path) -> None:
        self.path = path
        self._length = path.stat().st_size // SAMPLE.itemsize

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, part: slice) -> npt.NDArray[np.int16]:
        start, stop, step = part.indices(self._length)
        count, offset = max(0, stop - start), start * SAMPLE.itemsize
        return np.fromfile(self.path, SAMPLE, count=count, offset=offset)[::step]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        whole = self[:]
        return whole if dtype is None else whole.astype(dtype, copy=False)


@dataclass(frozen=True)
class Sound:
    """What is heard, from where its file begins: a sound that starts later has silence before it.

    samples: 16 kHz, mono, int16, on disk, for the network. duration: exact seconds of what was
    decoded. The coded packets that go into the result lie in `spool`: the given ones wherever an
    mp4 may carry them, else AAC of the same rate and channels. codec, sample_rate, layout,
    sample_format and config describe them, see soundtrack.Coding.
    """

    samples: Samples
    duration: Fraction
    codec: str
    sample_rate: int
    layout: str
    sample_format: str
    config: bytes
    spool: Path

    @property
    def time_base(self) -> Fraction:
        return Fraction(1, self.sample_rate)

    def packets(self) -> Iterator[tuple[int, int, bytes]]:
        """(time, duration, bytes), in ticks of `time_base`; read as they are asked for.

        Times count from the first sample; a decoder's priming comes before it, so below zero.
        """
        with self.spool.open("rb") as file:
            while head := file.read(PACKET.size):
                time, duration, size = PACKET.unpack(head)
                yield time, duration, file.read(size)


def read_sound(path: str | Path, spool: Path, *, limits: MediaLimits | None = None) -> Sound:
    """Decode a file's first sound stream to its end; its packets go to `spool`, its samples to a
    file beside it.

    Raises NoAudio beside what probe() raises.
    """
    limits = limits or MediaLimits()
    request = {"task": "sound", "cpu_seconds": SOUND_CPU_SECONDS}
    heard = spool.with_name(f"{spool.name}.s16")
    left = SAMPLE.itemsize * SAMPLE_RATE * limits.max_seconds
    with (
        MediaProcess(request, source=path, limits=limits) as process,
        spool.open("wb") as packets,
        heard.open("wb") as samples,
    ):
        while (header := process.header("samples", "packet", "sound"))["kind"] != "sound":
            if header["kind"] == "samples":
                left -= header["bytes"]
                samples.write(process.payload(header, most=min(MAX_BATCH_BYTES, left)))
                continue
            data = process.payload(header, most=MAX_PACKET_BYTES)
            packets.write(PACKET.pack(int(header["time"]), int(header["duration"]), len(data)))
            packets.write(data)
        config = bytes(process.payload(header, most=MAX_CONFIG_BYTES))
    return _sound(header, config, Samples(heard), spool)


def _sound(header: wire.Header, config: bytes, samples: Samples, spool: Path) -> Sound:
    try:
        if header["codec"] not in CARRIED_SOUND or header["sample_format"] not in FORMATS:
            raise ValueError("unknown coding")
        if not LAYOUT.fullmatch(header["layout"]):
            raise ValueError("impossible layout")
        return Sound(
            samples=samples,
            duration=Fraction(header["duration"]),
            codec=header["codec"],
            sample_rate=int(header["sample_rate"]),
            layout=header["layout"],
            sample_format=header["sample_format"],
            config=config,
            spool=spool,
        )
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise errors.DamagedMedia("The decoder of this file sent something unexpected.") from error
