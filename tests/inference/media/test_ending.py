import subprocess
from fractions import Fraction

import pytest

from inference.media import open_frames, process
from tests.inference import clips


class Unkillable:
    """A process that the kernel holds back: whoever waits for it without a bound waits for ever."""

    def __init__(self, real):
        self._real = real
        self.waits = []

    def __getattr__(self, name):
        return getattr(self._real, name)

    def wait(self, timeout=None):
        self.waits.append(timeout)
        assert timeout is not None, "this wait would have no end"
        raise subprocess.TimeoutExpired("media", timeout)


@pytest.fixture
def held_back(monkeypatch):
    started = []

    def start(*arguments, **options):
        started.append(Unkillable(subprocess.Popen(*arguments, **options)))
        return started[-1]

    fake = type("Subprocess", (), dict(vars(subprocess)) | {"Popen": staticmethod(start)})
    monkeypatch.setattr(process, "subprocess", fake)
    yield started
    for each in started:
        each.kill()
        subprocess.Popen.wait(each._real, 30)


def test_a_process_that_no_kill_ends_is_not_waited_for_without_a_bound(tmp_path, held_back):
    path = clips.film(tmp_path / "a.mp4", clips.numbered(20))
    with open_frames(path, Fraction(20, 25)) as frames:
        first = next(iter(frames))
    assert first.number == 0
    (only,) = held_back
    assert only.waits == [process.KILL_SECONDS]
    assert only.stdout.closed
