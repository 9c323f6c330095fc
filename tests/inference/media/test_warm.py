"""A forked media process is to its owner what a started one is."""

import os
import signal
from fractions import Fraction
from pathlib import Path

import pytest

from inference import errors
from inference.media import open_frames
from tests.inference import clips
from tests.inference.warm_media import Forked


@pytest.fixture
def frames(tmp_path):
    path = clips.film(tmp_path / "a.mp4", clips.numbered(2))
    with open_frames(path, Fraction(10**6)) as frames:
        next(iter(frames))
        assert isinstance(frames._process._process, Forked)
        yield frames


def test_it_is_confined(frames):
    status = Path(f"/proc/{frames._process._process.pid}/status").read_text()
    facts = dict(line.split(":\t", 1) for line in status.splitlines())
    assert (facts["Seccomp"], facts["NoNewPrivs"]) == ("2", "1")


def test_a_signal_ends_it_and_is_told(frames):
    os.kill(frames._process._process.pid, signal.SIGKILL)
    with pytest.raises(errors.EngineFault, match="killed"):
        list(frames)
    assert frames._process._process.returncode == -signal.SIGKILL
