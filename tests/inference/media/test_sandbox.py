"""Each case runs code in a process that has confined itself as the media process does."""

import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from inference import errors
from inference.media import MediaLimits, open_frames, probe, process
from inference.media.child import beat
from inference.media.process import MediaProcess
from tests.inference import clips

ROOT = Path(__file__).parents[3]
CONFINED = """
import ctypes, os, socket, subprocess, sys, threading
sys.path.insert(0, sys.argv[1])
from inference.media.sandbox import Rations, confine
inside = os.open(sys.argv[2], os.O_RDWR | os.O_CREAT)
libc = ctypes.CDLL(None, use_errno=True)
confine(Rations(memory_bytes=1 << 30, cpu_seconds=1, file_bytes=4096))
try:
    {code}
except PermissionError:
    print("refused")
except (MemoryError, OSError) as error:
    print(type(error).__name__)
else:
    print("allowed")
os._exit(0)
"""


def confined(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program = CONFINED.format(code=code.replace("\n", "\n    "))
    command = [sys.executable, "-c", program, str(ROOT), str(folder / "inside")]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.parametrize(
    "code",
    [
        "socket.socket(socket.AF_INET)",
        "socket.socket(socket.AF_INET6)",
        "socket.socket(socket.AF_UNIX)",
        "socket.socketpair()",
        "open('/etc/hostname')",
        "os.open('/tmp/written', os.O_CREAT | os.O_WRONLY)",
        "os.unlink('/tmp/nothing')",
        "os.rename('/tmp/nothing', '/tmp/something')",
        "os.fork()",
        "os.execv('/bin/true', ['true'])",
        "os.kill(os.getppid(), 0)",
        "subprocess.run(['/bin/true'])",
    ],
)
def test_nothing_outside_can_be_reached(code, tmp_path):
    assert confined(code, tmp_path).stdout == "refused\n"


@pytest.mark.parametrize(
    "code",
    [
        "os.write(inside, b'x'); os.lseek(inside, 0, 0); os.read(inside, 1)",
        "thread = threading.Thread(target=print, args=('',), kwargs={'end': ''})\n"
        "thread.start(); thread.join()",
    ],
)
def test_what_decoding_needs_is_left(code, tmp_path):
    answer = confined(code, tmp_path)
    assert answer.stdout == "allowed\n", answer.stderr


def test_memory_has_an_end(tmp_path):
    assert confined("bytearray(2 << 30)", tmp_path).stdout == "MemoryError\n"


def test_processor_time_has_an_end_with_a_signal_of_its_own(tmp_path):
    assert confined("while True: pass", tmp_path).returncode == -signal.SIGXCPU


def test_too_much_work_is_the_files_fault(tmp_path):
    path = clips.film(tmp_path / "a.mp4", clips.numbered(2))
    limits = MediaLimits(cpu_seconds=1)
    with (
        open_frames(path, Fraction(10**6), limits=limits) as frames,
        pytest.raises(errors.MediaTimeout, match="more work"),
    ):
        for _ in frames:
            pass


@pytest.mark.parametrize(
    ("number", "told"),
    [(signal.SIGKILL, "killed"), (signal.SIGTERM, "SIGTERM"), (signal.SIGHUP, "SIGHUP")],
)
def test_an_end_from_outside_is_not_the_files_fault(tmp_path, number, told):
    """As the kernel does when the machine is out of memory, and a service's manager to a group."""
    if number != signal.SIGKILL and signal.getsignal(number) == signal.SIG_IGN:
        pytest.skip(f"whoever started these tests lets no {number.name} through, as nohup does")
    path = clips.film(tmp_path / "a.mp4", clips.numbered(2))
    with open_frames(path, Fraction(10**6)) as frames:
        next(iter(frames))
        os.kill(frames._process._process.pid, number)
        with pytest.raises(errors.EngineFault, match=told):
            for _ in frames:
                pass


@pytest.fixture
def silent(monkeypatch):
    """Start a media process that does this in place of what it should, and never says a word."""

    def silent(does, limits):
        monkeypatch.setattr(process, "BOOT", does)
        with MediaProcess({"cpu_seconds": 60}, source=__file__, limits=limits) as running:
            running.header("end")

    return silent


def test_work_without_a_word_is_the_files_fault(silent):
    with pytest.raises(errors.MediaTimeout, match="1 seconds of work"):
        silent("while True: pass", MediaLimits(silence_seconds=1, stalled_seconds=60))


def test_a_machine_that_lets_it_do_nothing_is_not_the_files_fault(silent):
    with pytest.raises(errors.EngineFault, match="could work for 0 only"):
        silent("import time; time.sleep(60)", MediaLimits(silence_seconds=1, stalled_seconds=2))


def test_reading_that_gives_nothing_out_tells_by_time_that_it_goes_on(monkeypatch):
    said, now = [], [0.0]
    monkeypatch.setattr(beat.wire, "send", lambda _, header: said.append(now[0]))
    monkeypatch.setattr(beat.time, "monotonic", lambda: now[0])
    tell = beat.Beat()
    for second in range(0, 50, 4):
        now[0] = second / 10
        tell()
    assert said == [1.2, 2.4, 3.6, 4.8]


def test_more_memory_than_allowed_is_refused(tmp_path):
    path = clips.film(tmp_path / "a.mp4", clips.numbered(2, 1280, 720))
    with pytest.raises(errors.MediaTooLarge, match="memory"):
        probe(path, limits=MediaLimits(memory_bytes=100 << 20))


def test_output_has_an_end(tmp_path):
    assert confined("os.pwrite(inside, b'x', 1 << 20)", tmp_path).stdout == "OSError\n"


def test_threads_of_before_are_confined_too(tmp_path):
    # TSYNC: a thread that an import started must not keep what the others gave up.
    program = CONFINED.replace(
        "libc =",
        "import queue; asked = queue.Queue(); answers = queue.Queue()\n"
        "def wait():\n"
        "    asked.get()\n"
        "    try: socket.socket(); answers.put('allowed')\n"
        "    except PermissionError: answers.put('refused')\n"
        "threading.Thread(target=wait, daemon=True).start()\n"
        "libc =",
    ).format(code="asked.put(1); print(answers.get())")
    command = [sys.executable, "-c", program, str(ROOT), str(tmp_path / "inside")]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert answer.stdout.startswith("refused\n"), answer.stderr


def test_the_media_process_gets_nothing_of_our_environment():
    from inference.media import process

    assert set(process.ENVIRONMENT) == {"MALLOC_ARENA_MAX", "OPENBLAS_NUM_THREADS", "LC_ALL"}
