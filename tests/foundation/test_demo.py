"""bin/demo from nothing: everything starts, a pair goes through the public API, everything stops.

The model is a stub here (the way is what is looked at); tests/browser walks with the demo model.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import wave

import pytest

from portal.environment import ROOT
from tests.foundation.test_postgres import until

SAMPLE = ROOT / "inference" / "demo" / "sample"

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("a home") / "viseme"
    (home / "bundle").mkdir(parents=True)
    return home


@pytest.fixture
def environment(home):
    kept = ("PATH", "HOME", "LANG")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "VISEME_HOME": str(home),
        "MODEL_CHILD_MODULE": "tests.stub_child",
        "MODEL_BUNDLE": str(home / "bundle"),
    }


def demo(environment, *words):
    return subprocess.Popen(
        [sys.executable, "-m", "portal.embedded.demo", *words],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def processes_of(home):
    """Those whose environment or command names the home; the kernel's word, not ours."""
    found = []
    for folder in os.scandir("/proc"):
        try:
            if folder.name.isdigit() and int(folder.name) != os.getpid():
                with open(f"{folder.path}/environ", "rb") as file:  # noqa: PTH123
                    mine = str(home).encode() in file.read()
                if mine:
                    found.append(int(folder.name))
        except OSError:
            continue
    return found


def test_a_pair_goes_the_whole_way_and_nothing_is_left_running(environment, home, tmp_path):
    out = tmp_path / "result.mp4"
    run = demo(environment, "--once", "--out", str(out))
    said, complained = run.communicate()
    assert run.returncode == 0, said + complained
    assert out.read_bytes() == (SAMPLE / "face.mp4").read_bytes()
    assert f"result: {out}" in said
    until(lambda: processes_of(home) == [])


def test_a_large_pair_goes_in_parts(environment, tmp_path):
    with wave.open(str(tmp_path / "long.wav"), "wb") as sound:
        sound.setparams((2, 2, 48000, 0, "NONE", ""))
        sound.writeframes(os.urandom(9 << 20))
    files = (str(SAMPLE / "face.mp4"), str(tmp_path / "long.wav"))
    run = demo(environment, "--once", *files, "--out", str(tmp_path / "result.mp4"))
    said, complained = run.communicate()
    assert run.returncode == 0, said + complained


def test_a_refused_file_ends_with_the_jobs_code_and_a_sentence(environment, tmp_path):
    text = tmp_path / "video.mp4"
    text.write_text("This is no video.\n" * 100)
    run = demo(environment, "--once", str(text), str(SAMPLE / "voice.wav"))
    _, complained = run.communicate()
    assert run.returncode == 1
    assert complained.startswith("bin/demo: ") and len(complained.splitlines()) == 1
    assert complained.split(": ")[1] in ("unsupported_media", "damaged_media")


def test_a_second_start_is_quick_keeps_what_was_made_and_stops_at_ctrl_c(environment, home):
    begun = time.monotonic()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    run = demo(environment, "--port", str(port))
    lines = iter(run.stdout.readline, "")
    sign_in = next(line for line in lines if line.startswith("sign in: "))
    assert time.monotonic() - begun < 20
    known = json.loads((home / "state.json").read_text())["demo"]
    assert known["email"] in sign_in and known["password"] in sign_in
    run.send_signal(signal.SIGINT)
    said, complained = run.communicate(timeout=60)
    assert (run.returncode, complained) == (0, "")
    assert said.endswith("stopped\n")
    until(lambda: processes_of(home) == [])


def test_a_port_that_is_taken_is_told_with_what_to_do(environment):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        run = demo(environment, "--port", str(port))
        _, complained = run.communicate()
    assert run.returncode == 1
    assert complained == (
        f"bin/demo: Port {port} is in use by another program: name a free one with --port.\n"
    )
