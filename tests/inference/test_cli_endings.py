"""Whatever ends the command, it says why in one line and leaves nothing behind."""

import json
import os
import signal

import pytest

from inference import __main__ as command
from inference.__main__ import STOPS
from inference.model.stand_ins import StandIn
from inference.pipeline import flow
from inference.results import delivering
from inference.results.result import SyncResult
from tests.inference import clips


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    return clips.film(folder / "a.mp4", clips.faces(12)), clips.sound(folder / "a.wav", 0.4)


@pytest.fixture
def ending(capsys):
    """Runs `sync`; its exit status and the last line that it says."""

    def run(*arguments, network="identity"):
        words = ["sync", *map(str, arguments), "--network", network]
        status = command.main(words)
        told = capsys.readouterr()
        assert not told.out
        return status, told.err.splitlines()[-1]

    # A test run in the background of a shell hands on an interrupt that is ignored.
    before = {number: signal.getsignal(number) for number in STOPS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield run
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("again", STOPS)
@pytest.mark.parametrize("first", STOPS)
def test_who_asks_again_while_it_stops_does_not_stop_the_clearing_up(
    ending, pair, tmp_path, monkeypatch, first, again
):
    def stopped(*request, **more):
        os.kill(os.getpid(), first)

    def impatient(self, *how):
        os.kill(os.getpid(), again)
        return leave(self, *how)

    leave = flow.Flow.__exit__
    monkeypatch.setattr(StandIn, "paint", stopped)
    monkeypatch.setattr(flow.Flow, "__exit__", impatient)
    status, told = ending(*pair, tmp_path / "out.mp4")
    assert (status, told) == (130, "canceled: Stopped; no result was written.")
    assert not list(tmp_path.iterdir())


def test_what_breaks_because_it_is_stopped_is_no_fault(ending, pair, tmp_path, monkeypatch):
    def broken(*request, **more):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt:
            raise ValueError("as a library makes of it") from None

    monkeypatch.setattr(StandIn, "paint", broken)
    assert ending(*pair, tmp_path / "out.mp4")[0] == 130
    assert not list(tmp_path.iterdir())


def test_an_interrupt_that_is_ignored_from_the_start_stays_so(ending, pair, tmp_path):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    assert ending(*pair, tmp_path / "out.mp4", network="none")[0] == 2
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


@pytest.mark.parametrize("ignored", [(), STOPS])
def test_what_nobody_foresaw_is_our_fault_and_says_so(ending, pair, tmp_path, monkeypatch, ignored):
    def broken(*request, **more):
        raise KeyError("a mistake")

    for number in ignored:
        signal.signal(number, signal.SIG_IGN)
    monkeypatch.setattr(StandIn, "paint", broken)
    status, told = ending(*pair, tmp_path / "out.mp4")
    assert (status, told) == (1, "engine_fault: The engine failed unexpectedly (KeyError).")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("why", ["no face", "no picture", "no earlier result"])
def test_a_folder_for_segments_goes_again_if_nothing_comes_of_it(ending, pair, tmp_path, why):
    video, folder = pair[0], tmp_path / "results"
    folder.mkdir()
    more = ["--segments", folder / "segments"]
    if why == "no face":
        video = clips.film(tmp_path / "none.mp4", clips.faces(12, gap=range(12)))
    elif why == "no earlier result":
        more += ["--range", 0, 1]
    network = "nan" if why == "no picture" else "identity"
    status, told = ending(video, pair[1], folder / "out.mp4", *more, network=network)
    assert status == (1 if why == "no picture" else 2), told
    assert not list(folder.iterdir())
    (folder / "segments").mkdir()  # somebody else's stays
    ending(video, pair[1], folder / "out.mp4", *more, network=network)
    assert [path.name for path in folder.iterdir()] == ["segments"]


@pytest.mark.parametrize("sound", ["", "a\0.wav", "damaged.wav"])
def test_a_speaker_s_sound_that_is_none_is_named(ending, pair, tmp_path, monkeypatch, sound):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "damaged.wav").write_bytes(b"RIFF" + bytes(200))
    turns = json.dumps([{"track": 0, "sound": sound}])
    status, told = ending(*pair, tmp_path / "out.mp4", "--face", turns)
    assert status == 2
    assert repr(sound) in told if sound != "damaged.wav" else ": damaged.wav: " in told
    assert [path.name for path in tmp_path.iterdir()] == ["damaged.wav"]


def test_stopped_while_it_delivers_it_leaves_no_report_without_a_film(tmp_path, monkeypatch):
    (made := tmp_path / "made").mkdir()
    (made / "result.mp4").write_bytes(b"film")
    result = SyncResult.__new__(SyncResult)
    for name, value in (("path", tmp_path / "out.mp4"), ("report", {}), ("faces", {})):
        object.__setattr__(result, name, value)
    move = delivering.move

    def stopped(source, place):
        if place == result.path:
            raise KeyboardInterrupt
        move(source, place)

    monkeypatch.setattr(delivering, "move", stopped)
    with pytest.raises(KeyboardInterrupt):
        delivering.deliver(result, made / "result.mp4", tmp_path / "report.json")
    assert [path.name for path in tmp_path.iterdir()] == ["made"]
