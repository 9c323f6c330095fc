"""bin/demo from nothing: everything starts, a pair goes through the public API, everything stops.

The model is a stub here (the way is what is looked at); tests/browser walks with the demo model.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import wave

import pytest

from portal.embedded.demo import Teller, unwritable
from portal.environment import ROOT
from tests.foundation.test_postgres import until

SAMPLE = ROOT / "inference" / "demo" / "sample"
SAMPLE_FILM = (SAMPLE / "face.mp4").read_bytes()
README = (ROOT / "README.md").read_text()

pytestmark = pytest.mark.timeout(600)


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


def copied(page, address, key, folder):
    """The film that comes of the page's walk with curl, as a reader who copies it gets it."""
    walk = re.search(r"```\n(export VISEME=.*?)```", page, re.DOTALL)[1]
    head, tail = walk.split("export JOB=...")
    head = head.replace("http://127.0.0.1:8000", address).replace("vsm_live_...", key)
    out = folder / "out.mp4"
    tail = tail.replace("-o out.mp4", f"-o '{out}'").replace("sleep 5", "sleep 1")
    names = re.findall(r"^export .*", head, re.MULTILINE)
    job = json.loads(shell(head))["id"]
    said = shell("\n".join([*names, f"export JOB={job}", tail]))
    assert '"state":"succeeded"' in said
    return out.read_bytes()


def shell(script):
    done = subprocess.run(
        ["sh", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


def test_both_pages_wait_for_the_result_in_the_same_way():
    waiting = re.compile(r"^    STATUS=.*?^curl [^\n]+", re.DOTALL | re.MULTILINE)
    assert waiting.search(README)[0] == waiting.search((ROOT / "docs" / "api.md").read_text())[0]


def clusters(home):
    """The database's folders, each with the time at which it was made."""
    return {file: file.stat().st_mtime_ns for file in home.glob("postgres/*/PG_VERSION")}


def test_a_second_start_keeps_what_was_made_and_stops_at_ctrl_c(environment, home, tmp_path):
    before = clusters(home)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    run = demo(environment, "--port", str(port))
    lines = iter(run.stdout.readline, "")
    sign_in = next(line for line in lines if line.startswith("sign in: "))
    assert before.items() <= clusters(home).items() and len(clusters(home)) == 1
    key = next(lines).removeprefix("API key: ").strip()
    try:
        if shutil.which("curl"):  # of a machine without it the rest holds as well
            assert copied(README, f"http://127.0.0.1:{port}", key, tmp_path) == SAMPLE_FILM
    finally:
        run.send_signal(signal.SIGINT)
        said, complained = run.communicate(timeout=120)
    known = json.loads((home / "state.json").read_text())["demo"]
    assert known["email"] in sign_in and known["password"] in sign_in
    assert (run.returncode, complained) == (0, "")
    assert said.endswith("stopped\n")
    until(lambda: processes_of(home) == [])


@pytest.mark.parametrize(
    ("out", "why"),
    [("/dev/null/x.mp4", "file exists"), ("/dev/null", "no ordinary file"), (ROOT, "a folder")],
)
def test_where_nothing_can_be_written_is_told_before_anything_starts(environment, out, why):
    run = demo(environment, "--once", "--out", str(out))
    said, complained = run.communicate()
    assert (run.returncode, said) == (2, "")
    assert complained.splitlines()[-1].startswith(f"bin/demo: error: --out {out} can't be written:")
    assert why in complained


def test_a_place_that_can_be_written_is_left_as_it_was(tmp_path):
    out = tmp_path / "new" / "result.mp4"
    assert unwritable(out) == "" and list(out.parent.iterdir()) == []
    out.write_bytes(b"an older one")
    assert unwritable(out) == "" and out.read_bytes() == b"an older one"


def test_off_a_terminal_a_long_phase_is_told_again_and_again(monkeypatch, capsys):
    now = 0.0
    monkeypatch.setattr("portal.embedded.demo.time.monotonic", lambda: now)
    teller = Teller()
    for second in range(41):
        now = float(second)
        teller.progress({"state": "processing", "phase": "generate", "percent": second})
    teller.progress({"state": "succeeded", "phase": "", "percent": 100})
    assert capsys.readouterr().out.splitlines() == [
        "  processing generate 0 %  0 s",
        "  processing generate 15 %  15 s",
        "  processing generate 30 %  30 s",
        "  succeeded 100 %  40 s",
    ]


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
