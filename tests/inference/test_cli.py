import functools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.inference import clips, models

ROOT = Path(__file__).parents[2]


def command(*arguments):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return {
        "args": [sys.executable, "-m", "inference", *map(str, arguments)],
        "env": environment,
        "text": True,
    }


def engine(*arguments):
    return subprocess.run(**command(*arguments), capture_output=True, timeout=240, check=False)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return models.bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def pair(tmp_path):
    video = clips.film(tmp_path / "a film.mp4", clips.faces(16))
    return video, clips.sound(tmp_path / "voice.wav", 0.4)


def test_sync_prints_the_path_and_what_was_made(pair, bundle, tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    out = folder / "out.mp4"
    done = engine("sync", *pair, out, "--bundle", bundle, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    path, summary = done.stdout.split("\n", 1)
    assert path == str(out)
    facts = json.loads(summary)
    assert facts["frames"] == facts["synced_frames"] == 10
    assert (facts["duration_numerator"], facts["duration_denominator"]) == (2, 5)
    assert facts["model"]["label"] == "test model"
    assert "loading the model" in done.stderr
    assert [file.name for file in folder.iterdir()] == ["out.mp4"]


def test_probe_prints_json(pair):
    done = engine("probe", pair[0])
    assert done.returncode == 0
    assert json.loads(done.stdout)["video"]["frame_rate"] == "25/1"


@pytest.mark.parametrize("place", ["video", "audio"])
def test_a_text_file_named_mp4_is_refused_with_a_sentence(pair, tmp_path, place):
    text = tmp_path / "text.mp4"
    text.write_text("hello")
    files = (text, pair[1]) if place == "video" else (pair[0], text)
    done = engine("sync", *files, tmp_path / "out.mp4")
    assert (done.returncode, done.stdout) == (2, "")
    assert "unsupported_media: This is not a video or sound file" in done.stderr
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        ("--steps", "19"),
        ("--steps", "51"),
        ("--guidance", "0.9"),
        ("--guidance", "nan"),
        ("--device", "abacus"),
    ],
)
def test_options_outside_their_range_are_refused(pair, bundle, tmp_path, wrong):
    done = engine("sync", *pair, tmp_path / "out.mp4", "--bundle", bundle, *wrong)
    assert done.returncode == 2
    assert "bad_option: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bundle_that_is_not_there_is_our_fault(pair, tmp_path):
    done = engine("sync", *pair, tmp_path / "out.mp4", "--bundle", tmp_path / "nothing")
    assert done.returncode == 1
    assert "bad_checkpoint: " in done.stderr


def test_the_result_never_overwrites_its_source(pair):
    done = engine("sync", *pair, pair[0])
    assert done.returncode == 2
    assert "overwrite" in done.stderr


def test_a_folder_that_is_missing_is_named(pair, tmp_path):
    done = engine("sync", *pair, tmp_path / "missing" / "out.mp4")
    assert done.returncode == 2
    assert "missing" in done.stderr


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_stopped_in_the_middle_it_leaves_nothing(bundle, tmp_path, how):
    folder = tmp_path / "results"
    folder.mkdir()
    video = clips.film(tmp_path / "a.mp4", clips.faces(50))
    voice = clips.sound(tmp_path / "a.wav", 60.0)
    given = command("sync", video, voice, folder / "out.mp4", "--bundle", bundle)
    # A test run in the background of a shell hands on an interrupt that is ignored.
    heard = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(**given, stderr=subprocess.PIPE, preexec_fn=heard) as process:
        for line in process.stderr:
            if "frames" in line:
                break
        process.send_signal(how)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert "canceled: " in rest
    assert not list(folder.iterdir())


def test_killed_in_the_middle_its_media_process_ends_too(bundle, tmp_path):
    video = clips.film(tmp_path / "a.mp4", clips.faces(50))
    voice = clips.sound(tmp_path / "a.wav", 60.0)
    given = command("sync", video, voice, tmp_path / "out.mp4", "--bundle", bundle)
    with subprocess.Popen(**given, stderr=subprocess.PIPE) as process:
        for line in process.stderr:
            if "frames" in line:
                break
        (child,) = children(process.pid)
        process.kill()
    deadline = time.monotonic() + 30
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{child}").exists()


def children(pid):
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [child for task in tasks for child in task.read_text().split()]
