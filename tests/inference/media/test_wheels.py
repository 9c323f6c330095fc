"""Every FFmpeg that an installed wheel carries is asked for its version: old ones have holes."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

OLDEST = (8, 1, 2)
ASK = """
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
library.av_version_info.restype = ctypes.c_char_p
print(library.av_version_info().decode())
"""


def libraries():
    """Each FFmpeg has one libavutil; programs named ffmpeg are looked for as well."""
    site = Path(sysconfig.get_path("platlib"))
    return sorted(
        path
        for pattern in ("libavutil*", "avutil*.dll", "ffmpeg", "ffmpeg-*", "ffmpeg*.exe")
        for path in site.rglob(pattern)
        if path.is_file() and path.suffix not in (".py", ".pyi", ".pxd", ".pc")
    )


def version_of(path):
    command = [sys.executable, "-c", ASK, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    return parsed(done.stdout)


def parsed(text):
    """ "8.1.2", "n8.1.2-3-g0123": release numbers only; a nightly build tells none."""
    numbers = text.strip().lstrip("n").split("-")[0].split(".")
    return tuple(int(number) for number in numbers)


@pytest.mark.parametrize("path", libraries(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_wheel_brings_an_older_ffmpeg(path):
    assert version_of(path) >= OLDEST


def test_the_wheels_that_are_known_to_bring_one_were_asked():
    folders = {path.parent.name for path in libraries()}
    assert {"av.libs", "opencv_python_headless.libs"} <= folders


@pytest.mark.parametrize("old", ["8.1.1", "8.1", "n7.1.3", "6.0", "n8.1.1-5-gabcdef0"])
def test_an_older_version_would_fail(old):
    assert parsed(old) < OLDEST
    assert parsed("8.1.2") >= OLDEST
    assert parsed("n8.2-dev") >= OLDEST
