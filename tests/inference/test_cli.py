import functools
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import pytest

from inference.__main__ import main
from inference.model.latentsync import LatentSync
from inference.report.schema import schema
from inference.scratch import scratch
from tests.inference import clips, models

ROOT = Path(__file__).parents[2]


def command(*arguments):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return {
        "args": [sys.executable, "-m", "inference", *map(str, arguments)],
        "env": environment,
        "text": True,
    }


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def engine(capsys):
    """The command in this process: starting one takes longer than most of what is tested."""

    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        return Done(code, *capsys.readouterr())

    before = signal.getsignal(signal.SIGTERM)
    yield run
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return models.bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    video = clips.film(folder / "a film.mp4", clips.faces(16))
    return video, clips.sound(folder / "voice.wav", 0.4)


def test_sync_prints_the_path_and_what_was_made(pair, bundle, tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    out = folder / "out.mp4"
    given = command("sync", *pair, out, "--bundle", bundle, "--device", "cpu")
    done = subprocess.run(**given, capture_output=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    path, summary = done.stdout.split("\n", 1)
    assert path == str(out)
    facts = json.loads(summary)
    assert facts["frames"] == facts["synced_frames"] == 10
    assert (facts["duration_numerator"], facts["duration_denominator"]) == (2, 5)
    assert facts["model"]["label"] == "test model"
    assert "loading the model" in done.stderr
    assert [file.name for file in folder.iterdir()] == ["out.mp4"]


def test_probe_prints_json(engine, pair):
    done = engine("probe", pair[0])
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert told["video"]["frame_rate"] == "25/1"
    (track,) = told["tracks"]
    assert (track["index"], track["frames"]) == (0, 16)
    assert "thumbnail_jpeg" not in track
    assert "thumbnail_jpeg" in engine("probe", pair[0], "--thumbnails").stdout
    assert "tracks" not in engine("probe", pair[0], "--no-faces").stdout
    assert json.loads(engine("probe", pair[1]).stdout)["video"] is None


@pytest.mark.parametrize("place", ["video", "audio"])
def test_a_text_file_named_mp4_is_refused_with_a_sentence(engine, pair, tmp_path, place):
    text = tmp_path / "text.mp4"
    text.write_text("hello")
    files = (text, pair[1]) if place == "video" else (pair[0], text)
    done = engine("sync", *files, tmp_path / "out.mp4")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"unsupported_media: {text}: " in done.stderr
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        ("--steps", "19"),
        ("--steps", "51"),
        ("--guidance", "0.9"),
        ("--guidance", "nan"),
        ("--device", "abacus"),
        ("--steps", "many"),
        ("--length", "sound"),
        ("--silence", "skip"),
        ("--face", "left"),
        ("--face", "[1"),
        ("--face-box", "1,2,3"),
        ("--frame-rate", "30"),
        ("--speed", "turbo"),
        ("--codec", "av1"),
        ("--quality", "99"),
        ("--network", "dream"),
        ("--range", "0", "1"),
        ("--range", "one", "2"),
        ("--report", "/nowhere/report.json"),
        ("--segments", "/nowhere/segments"),
        ("--loudness", "3"),
    ],
)
def test_what_a_command_can_t_mean_is_refused_with_a_sentence(engine, pair, tmp_path, wrong):
    done = engine("sync", *pair, tmp_path / "out.mp4", *wrong)
    assert (done.returncode, done.stdout) == (2, "")
    assert "bad_option: " in done.stderr
    assert not list(tmp_path.iterdir())


def test_every_option_is_known_by_its_name(engine, pair, tmp_path):
    out, report = tmp_path / "results/out.mp4", tmp_path / "results/report.json"
    out.parent.mkdir()
    words = (
        "--steps 21 --guidance 2 --seed 5 --device cpu --length hold --silence keep"
        " --face 0 --frame-rate 25 --no-color-match --speed fast --codec hevc --quality 30"
        " --exact-size --network identity"
    )
    segments = tmp_path / "segments"
    files = ["--report", report, "--segments", segments]
    done = engine("sync", *pair, out, *words.split(), *files)
    assert done.returncode == 0, done.stderr
    told = json.loads(report.read_text())
    jsonschema.validate(told, schema())
    assert told["network"] == "identity"
    assert {warning["code"] for warning in told["warnings"]} >= {"no_model", "approximated"}
    assert told["options"] == {
        "steps": 21,
        "guidance": 2.0,
        "seed": 5,
        "device": "cpu",
        "length": "hold",
        "silence": "keep",
        "face": 0,
        "face_box": None,
        "frame_rate": 25,
        "color_match": False,
        "speed": "fast",
        "codec": "hevc",
        "quality": 30,
        "exact_size": True,
    }
    assert told["output"]["codec"] == "hevc"
    assert json.loads((out.parent / "faces.json").read_text())["tracks"]
    assert sorted(path.name for path in out.parent.iterdir()) == [
        "faces.json",
        "out.mp4",
        "report.json",
    ]
    assert sorted(path.name for path in segments.iterdir()) == [
        "00000.json",
        "00000.mp4",
        "complete.json",
    ]


def test_a_face_that_no_finder_sees_can_be_boxed(engine, tmp_path):
    video = clips.film(tmp_path / "a.mp4", clips.numbered(5, 192, 144))
    voice = clips.sound(tmp_path / "a.wav", 0.2)
    box = ["--face-box", "40,20,90,110", "--network", "offset"]
    done = engine("sync", video, voice, tmp_path / "out.mp4", *box)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.split("\n", 1)[1])["synced_frames"] == 5


@pytest.mark.parametrize(("network", "what"), [("nan", "overflowed"), ("zeros", "one even color")])
def test_a_network_that_paints_no_picture_is_our_fault(engine, pair, tmp_path, network, what):
    done = engine("sync", *pair, tmp_path / "out.mp4", "--network", network)
    assert (done.returncode, done.stdout) == (1, "")
    assert "engine_fault: " in done.stderr
    assert what in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_folder_that_a_killed_run_left_goes_with_the_next_run(engine, pair, tmp_path):
    left, young = tmp_path / ".viseme-dead", tmp_path / ".viseme-young"
    for folder in (left, young):
        (folder / "sync-1").mkdir(parents=True)
    os.utime(left, (0, 0))
    with scratch(tmp_path) as alive:
        os.utime(alive, (0, 0))
        done = engine("sync", *pair, tmp_path / "out.mp4", "--network", "identity")
        assert done.returncode == 0, done.stderr
        assert alive.is_dir()
    assert not left.exists()
    assert young.is_dir()


def test_a_bundle_that_is_not_there_is_our_fault(engine, pair, tmp_path):
    done = engine("sync", *pair, tmp_path / "out.mp4", "--bundle", tmp_path / "nothing")
    assert done.returncode == 1
    assert "bad_checkpoint: " in done.stderr
    assert "--bundle" in done.stderr


def test_the_result_never_overwrites_its_source(engine, pair):
    done = engine("sync", *pair, pair[0])
    assert done.returncode == 2
    assert f"{pair[0]} would overwrite" in done.stderr


@pytest.mark.parametrize("option", [None, "--report"])
def test_a_place_that_can_t_be_written_is_told_from_a_folder(engine, pair, tmp_path, option):
    def said(place):
        more = (tmp_path / "out.mp4", option, place) if option else (place,)
        done = engine("sync", *pair, *more)
        assert done.returncode == 2
        assert "ranges" not in done.stderr  # a path has none
        return done.stderr

    missing = tmp_path / "missing"
    assert f"the folder {missing} is missing. Make the folder first" in said(missing / "out.mp4")
    assert "it is a folder. Name a file in it." in said(tmp_path)


def test_files_that_are_swapped_are_named(engine, pair, tmp_path):
    done = engine("sync", *reversed(pair), tmp_path / "out.mp4")
    assert done.returncode == 2
    assert f"The video file {pair[1]} has no video stream." in done.stderr


def test_only_who_names_a_file_with_a_dash_is_told_how(engine, pair, tmp_path):
    told = "begins with a dash"
    assert told in engine("sync", "-film.mp4", pair[1], tmp_path / "out.mp4").stderr
    assert told in engine("probe", "--film.mp4").stderr
    for words in ((), ("--steps", "abc"), ("--guidance", "-1.5"), ("--nothing=1.5",)):
        refused = engine("sync", *pair, *words).stderr
        assert "--help" in refused
        assert told not in refused


def test_the_model_is_loaded_only_where_it_is_wanted(engine, pair, tmp_path):
    out = tmp_path / "out.mp4"
    for network in ("nonsense", "identity"):
        assert "loading the model" not in engine("sync", *pair, out, "--network", network).stderr


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_reader_that_has_gone_ends_the_command_quietly(pair, tmp_path, closed):
    """As `probe FILE | head -5` does; and who shows progress may go, too."""
    reading, writing = os.pipe()
    os.close(reading)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, closed: writing}
    arguments = (
        ["probe", "--no-faces", pair[0]]
        if closed == "stdout"
        else ["sync", *pair, tmp_path / "out.mp4", "--network", "identity"]
    )
    given = command(*arguments)
    given["env"].pop("PYTHONUNBUFFERED", None)  # what is written last is written at the end
    done = subprocess.run(**given, **pipes, timeout=240, check=False)
    os.close(writing)
    assert done.returncode == 141
    assert not (done.stdout or done.stderr)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_stopped_in_the_middle_it_leaves_nothing(engine, pair, bundle, tmp_path, monkeypatch, how):
    paint = LatentSync.paint

    def stopped(self, *request, **more):
        os.kill(os.getpid(), how)
        return paint(self, *request, **more)

    monkeypatch.setattr(LatentSync, "paint", stopped)
    # A test run in the background of a shell hands on an interrupt that is ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        done = engine("sync", *pair, tmp_path / "out.mp4", "--bundle", bundle, "--device", "cpu")
    finally:
        signal.signal(signal.SIGINT, before)
    assert (done.returncode, done.stdout) == (130, "")
    assert "canceled: " in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.long
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_stopped_leaves_nothing(bundle, tmp_path, how):
    """The same of a process of its own, in the middle of many windows."""
    folder = tmp_path / "results"
    folder.mkdir()
    video = clips.film(tmp_path / "a.mp4", clips.faces(50))
    voice = clips.sound(tmp_path / "a.wav", 150.0)  # minutes of work
    given = command("sync", video, voice, folder / "out.mp4", "--bundle", bundle)
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


READS = """
import sys
from fractions import Fraction
from inference.media import open_frames
with open_frames(sys.argv[1], Fraction(10**6)) as frames:
    for frame in frames:
        print("read", flush=True)
        sys.stdin.read()
"""


def test_killed_in_the_middle_its_media_processes_end_too(tmp_path):
    video = clips.film(tmp_path / "a.mp4", clips.faces(2))
    given = command() | {"args": [sys.executable, "-c", READS, str(video)]}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(**given, **pipes) as process:
        assert process.stdout.readline() == "read\n"
        started = children(process.pid)
        process.kill()
    assert started
    deadline = time.monotonic() + 30
    while any(map(is_alive, started)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_alive, started))


def children(pid):
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [child for task in tasks for child in task.read_text().split()]


def is_alive(process):
    """One that has ended and that nobody has asked about is a zombie: not every machine has an init
    that asks."""
    try:
        told = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return told.rpartition(")")[2].split()[0] != "Z"
