"""Where the command writes, and where it refuses to before any work is done."""

import json
import os
import signal
import stat
from fractions import Fraction

import pytest

from inference.__main__ import main
from inference.media import probe
from tests.inference import clips

BOX = ("--network", "identity", "--face-box", "60,40,120,150")


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    return clips.film(folder / "a.mp4", clips.faces(3)), clips.sound(folder / "a.wav", 0.12)


@pytest.fixture(autouse=True)
def _a_stop_is_pytests_again():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def refused(pair, capsys):
    def said(*places):
        code = main(["sync", *map(str, (*pair, *places)), *BOX])
        assert code == 2
        told = capsys.readouterr().err.strip().splitlines()[-1]
        assert told.startswith("bad_option: ")
        return told

    return said


@pytest.mark.parametrize("option", [None, "--report"])
def test_a_pipe_is_never_replaced_by_a_file(refused, tmp_path, option):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    told = refused(tmp_path / "out.mp4", option, pipe) if option else refused(pipe)
    assert "it is a device, not a file" in told
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_device_is_never_replaced_by_a_file(refused):
    assert "it is a device, not a file" in refused(os.ttyname(os.openpty()[1]))


def test_a_place_in_which_nothing_can_be_made_is_named_before_the_work(refused):
    assert "no file can be made in /proc" in refused("/proc/out.mp4")


def test_names_that_no_system_takes_are_named(refused, tmp_path):
    assert "File name too long" in refused(tmp_path / ("x" * 300))


def test_a_film_that_is_a_link_to_itself_is_refused(pair, tmp_path, capsys):
    loop = tmp_path / "loop.mp4"
    loop.symlink_to(loop)
    assert main(["sync", str(loop), str(pair[1]), str(tmp_path / "out.mp4"), *BOX]) == 2
    assert "Too many levels of symbolic links" in capsys.readouterr().err


def test_what_is_laid_beside_the_report_overwrites_no_input(pair, tmp_path, capsys):
    sound = clips.sound(tmp_path / "a.wav", 0.12).rename(tmp_path / "faces.json")
    arguments = (pair[0], sound, tmp_path / "out.mp4", "--report", tmp_path / "report.json")
    assert main(["sync", *map(str, arguments), *BOX]) == 2
    assert "faces.json would overwrite" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["result.mp4", "segments"])
def test_a_report_may_have_any_name(pair, tmp_path, name):
    """Also those that the run's own files have, in their folder."""
    out, report = tmp_path / "out.mp4", tmp_path / name
    assert main(["sync", *map(str, (*pair, out)), *BOX, "--report", str(report)]) == 0
    assert probe(out).duration == Fraction(3, 25)
    assert json.loads(report.read_text())["frames"]["source"] == 3


def test_segments_are_kept_in_a_folder(refused, tmp_path):
    file = tmp_path / "file"
    file.touch()
    assert "kept in a folder" in refused(tmp_path / "out.mp4", "--segments", file)
    assert "is missing" in refused(tmp_path / "out.mp4", "--segments", tmp_path / "no" / "x")
    assert "no file can be made" in refused(tmp_path / "out.mp4", "--segments", "/proc/x")


def test_a_name_that_is_no_text_is_a_name(pair, tmp_path, capsysbinary):
    out = tmp_path / os.fsdecode(b"\xff\xfe.mp4")
    assert main(["sync", *map(str, (*pair, out)), *BOX]) == 0
    assert b"\xff\xfe.mp4" in capsysbinary.readouterr().out
    assert probe(out).duration == Fraction(3, 25)
