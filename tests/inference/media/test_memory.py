from fractions import Fraction
from pathlib import Path

from inference.media import open_frames
from tests.inference import clips


def peak_megabytes(path, seconds):
    """Of the media process, once it has played a film there and back for so long. It goes on: one
    that is done may have ended before its last frames are read here."""
    with open_frames(path, Fraction(10**6)) as frames:
        shown = iter(frames)
        while next(shown).time * frames.film.time_base < seconds:
            pass
        status = Path(f"/proc/{frames._process._process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def test_the_media_process_stays_as_small_for_a_long_film(tmp_path):
    short = clips.film(tmp_path / "short.mp4", clips.numbered(100, 192, 144))
    long = clips.film(tmp_path / "long.mp4", clips.numbered(700, 192, 144))
    assert peak_megabytes(long, 56) - peak_megabytes(short, 8) <= 12
