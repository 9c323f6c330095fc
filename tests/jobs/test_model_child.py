"""The supervisor's side of the model's process, with a process that speaks the same protocol."""

import io
import json
import os
import queue
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from jobs import child as child_module
from jobs.child import ModelChild
from jobs.failures import TRY_AGAIN
from jobs.model_events import EngineFailed, NotBegun, failure, lines_of, read
from jobs.starting import clean_environment

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 30  # with a busy machine
A_MINUTE = {"steps": 3000, "step_seconds": 0.02}  # for a job that something else ends


@pytest.fixture
def bundle(tmp_path, settings):
    folder = tmp_path / "bundle"
    folder.mkdir()
    settings.MODEL_CHILD_MODULE = "tests.stub_child"
    settings.MODEL_BUNDLE = folder
    settings.JOBS_PER_CHILD = 50
    return folder


@pytest.fixture
def child(bundle):
    child = ModelChild()
    yield child
    child.stop()


@pytest.fixture
def request_of(tmp_path):
    video = tmp_path / "v.mp4"
    video.write_bytes(b"a video, as far as the stub knows")
    return {
        "video": str(video),
        "audio": str(video),
        "out": str(tmp_path / "out.mp4"),
        "workdir": str(tmp_path),
        "options": {},
    }


def plan(bundle, **behavior):
    (bundle / "stub.json").write_text(json.dumps(behavior))


def last_event(child, *kinds):
    """Events until one of the kinds; each must come in PATIENCE_SECONDS."""
    while True:
        event = child.next_event(PATIENCE_SECONDS)
        assert event is not None, f"no event of {kinds}"
        if event["event"] in kinds:
            return event


def test_a_job_is_done_with_progress_on_the_way(child, request_of):
    child.begin("a", **request_of)
    assert child.next_event(PATIENCE_SECONDS)["event"] == "progress"
    assert last_event(child, "done")["result"]["frames"] == 50


def test_the_process_is_kept_for_the_next_job(child, request_of):
    child.begin("a", **request_of)
    last_event(child, "done")
    child.begin("b", **request_of)
    assert last_event(child, "done")["id"] == "b"
    assert child.jobs == 2


def test_the_process_is_replaced_after_its_number_of_jobs(child, request_of, settings):
    settings.JOBS_PER_CHILD = 1
    child.begin("a", **request_of)
    last_event(child, "done")
    child.begin("b", **request_of)
    last_event(child, "done")
    assert child.jobs == 1


def test_a_process_that_dies_is_a_fault_and_the_next_job_has_another(child, bundle, request_of):
    plan(bundle, then="die")
    child.begin("a", **request_of)
    with pytest.raises(EngineFailed, match="killed by signal 9") as crash:
        last_event(child, "done")
    assert (crash.value.code, crash.value.refusal) == ("engine_crashed", False)
    plan(bundle, then="done")
    child.begin("b", **request_of)
    assert last_event(child, "done")["id"] == "b"


def test_a_refusal_keeps_its_code_and_says_that_a_new_try_is_useless(child, bundle, request_of):
    plan(bundle, then="refuse")
    child.begin("a", **request_of)
    refusal = failure(last_event(child, "failed"))
    assert (refusal.code, refusal.refusal) == ("no_face", True)


def test_a_cancel_is_heard_between_two_steps(child, bundle, request_of):
    plan(bundle, **A_MINUTE)
    child.begin("a", **request_of)
    child.next_event(PATIENCE_SECONDS)
    child.cancel("a")
    assert last_event(child, "failed")["code"] == "canceled"


def test_a_process_that_hears_nothing_is_killed_with_what_it_started(child, bundle, request_of):
    plan(bundle, then="hang")
    child.begin("a", **request_of)
    last_event(child, "progress")
    child.kill()
    assert not child.alive


def test_a_canceled_job_leaves_the_process_warm(child, bundle, request_of, settings):
    settings.CANCEL_SECONDS = 60
    plan(bundle, **A_MINUTE)
    child.begin("a", **request_of)
    last_event(child, "progress")
    child.end("a")
    pid = child._process.pid
    plan(bundle)
    child.begin("b", **request_of)
    assert last_event(child, "done")["id"] == "b"
    assert child._process.pid == pid


def test_a_process_that_hears_no_cancel_is_asked_to_end(
    child, bundle, request_of, settings, monkeypatch
):
    monkeypatch.setattr(child_module, "POLITE_SECONDS", 60)
    settings.CANCEL_SECONDS = 0.2
    plan(bundle, **A_MINUTE, deaf=True)
    child.begin("a", **request_of)
    last_event(child, "progress")
    child.end("a")
    assert child._process.returncode == -signal.SIGTERM


def test_a_process_that_hears_no_TERM_either_is_killed(
    child, bundle, request_of, settings, monkeypatch
):
    monkeypatch.setattr(child_module, "POLITE_SECONDS", 0.3)
    settings.CANCEL_SECONDS = 0.2
    plan(bundle, **A_MINUTE, deaf=True, stubborn=True)
    child.begin("a", **request_of)
    last_event(child, "progress")
    child.end("a")
    assert child._process.returncode == -signal.SIGKILL


def test_nobody_is_polite_when_the_lease_is_lost_meanwhile(child, bundle, request_of, settings):
    settings.CANCEL_SECONDS = 60
    plan(bundle, **A_MINUTE, deaf=True)
    child.begin("a", **request_of)
    last_event(child, "progress")
    answers = iter([True, True])
    child.end("a", lambda: next(answers, False))
    assert child._process.returncode == -signal.SIGKILL


def test_a_kill_reaches_what_the_process_has_started(child, bundle, request_of):
    plan(bundle, company=True, **A_MINUTE)
    child.begin("a", **request_of)
    last_event(child, "progress")
    company = others_in_group(child._process.pid)
    assert len(company) == 1
    child.kill()
    until(lambda: not any(map(is_alive, company)))


def test_a_line_that_is_no_text_ends_no_reading(child, monkeypatch):
    says = "import os; os.write(1, b'\\xff\\n')"
    monkeypatch.setattr(child_module.starting, "command", lambda: [sys.executable, "-c", says])
    with pytest.raises(EngineFailed, match="ended with status 0"):
        child.start()
        while child.next_event(PATIENCE_SECONDS) is not None:
            pass


GARBAGE = {
    "a number": "7",
    "a list": '["event"]',
    "a text": '"event"',
    "a model that is none": '{"event": "ready", "model": ["event"]}',
    "lists without end": "[" * 100_000,
    "half an event": '{"event": "pro',
}


@pytest.mark.parametrize("line", GARBAGE.values(), ids=GARBAGE)
def test_a_line_that_is_no_event_hides_no_other(line):
    events = queue.Queue()
    read(iter([line + "\n", '{"event": "done", "id": "a"}\n']), events)
    assert [events.get_nowait()["event"], events.get_nowait()] == ["done", None]


def test_a_line_without_an_end_does_not_fill_the_supervisors_memory(monkeypatch):
    monkeypatch.setattr("jobs.model_events.LONGEST_LINE", 100)
    lines = list(lines_of(io.StringIO("x" * 250 + "\n" + '{"event": "done"}\n')))
    assert [len(line) for line in lines] == [100, 100, 51, 18]


def test_a_failure_that_says_nothing_is_the_engines():
    told = failure({"event": "failed", "id": "a", "message": None})
    assert (told.code, told.refusal, bool(told.message)) == ("engine_error", False, True)


def test_a_worker_whose_model_cannot_be_killed_ends_itself(child, monkeypatch):
    class Exited(BaseException):
        pass

    def leave(status):
        raise Exited(status)

    child.start()
    monkeypatch.setattr(child_module, "KILL_SECONDS", 0.1)
    monkeypatch.setattr(child_module.os, "_exit", leave)
    with monkeypatch.context() as hung, pytest.raises(Exited):
        hung.setattr(child, "_signal", lambda number: None)
        child.kill()


def test_what_the_process_has_started_ends_when_it_is_killed_from_outside(
    child, bundle, request_of
):
    """By the kernel, say, when memory is out: nobody signals the group then."""
    plan(bundle, company=True, **A_MINUTE)
    child.begin("a", **request_of)
    last_event(child, "progress")
    company = others_in_group(child._process.pid)
    os.kill(child._process.pid, signal.SIGKILL)
    until(lambda: not any(map(is_alive, company)))


@pytest.mark.parametrize("module", ["tests.stub_child", "inference.child"])
def test_the_process_ends_with_its_supervisor_however_that_ends(module, settings, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, module, str(settings.MODEL_BUNDLE)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    child, keeper = map(int, supervisor.stdout.readline().split())
    assert is_alive(child)
    supervisor.kill()
    supervisor.wait()
    until(lambda: not is_alive(child))
    os.kill(keeper, signal.SIGKILL)


# The child's input is kept open by yet another process: its end is not what the child hears of.
SUPERVISOR = """
import os, subprocess, sys, time
read, write = os.pipe()
keeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"], pass_fds=[write])
command = [sys.executable, "-m", sys.argv[1], "--bundle", sys.argv[2], "--device", "cpu"]
child = subprocess.Popen(command, stdin=read, stdout=subprocess.PIPE, start_new_session=True)
assert b"ready" in child.stdout.readline()
print(child.pid, keeper.pid, flush=True)
time.sleep(120)
"""


def test_a_process_that_died_idle_is_replaced_before_the_next_job(child, request_of):
    child.begin("a", **request_of)
    last_event(child, "done")
    os.kill(child._process.pid, signal.SIGKILL)
    until(lambda: not child.alive)
    child.begin("b", **request_of)
    assert last_event(child, "done")["id"] == "b"


def test_a_process_that_died_before_a_word_of_the_job_has_not_begun_it(child, request_of):
    child.begin("a", **request_of)
    last_event(child, "done")
    os.kill(child._process.pid, signal.SIGSTOP)
    child.begin("b", **request_of)
    os.kill(child._process.pid, signal.SIGKILL)
    with pytest.raises(NotBegun):
        last_event(child, "done")


def test_a_process_killed_from_outside_says_what_may_help(child, bundle, request_of):
    plan(bundle, then="die")
    child.begin("a", **request_of)
    with pytest.raises(EngineFailed) as crash:
        last_event(child, "done")
    assert type(crash.value) is EngineFailed
    assert "out of memory" in crash.value.hint and "smaller" in crash.value.hint


def test_a_process_that_we_have_killed_ourselves_was_not_out_of_memory(child, monkeypatch):
    """It has closed its pipe and does not end."""
    lingers = "import os, time; os.close(1); time.sleep(600)"
    command = [sys.executable, "-c", lingers]
    monkeypatch.setattr(child_module.starting, "command", lambda: command)
    monkeypatch.setattr(child_module, "POLITE_SECONDS", 0.3)
    child.start()
    with pytest.raises(EngineFailed, match="killed by signal 9") as crash:
        child.next_event(PATIENCE_SECONDS)
    assert crash.value.hint == TRY_AGAIN


def test_a_process_that_dies_while_it_loads_says_so(child, bundle, request_of, settings):
    settings.MODEL_CHILD_MODULE = "tests.no_such_module"
    with pytest.raises(EngineFailed, match="ended with status 1 while it loaded"):
        child.begin("a", **request_of)


def test_the_running_process_sees_no_secret_of_ours(child, request_of, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://app:secret@db/viseme")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    child.begin("a", **request_of)
    last_event(child, "done")
    seen = Path(f"/proc/{child._process.pid}/environ").read_text()
    assert "secret" not in seen and "DATABASE" not in seen and "AWS_" not in seen


def others_in_group(leader):
    """The processes that share the leader's group, without itself."""
    groups = {int(path.parent.name): path for path in Path("/proc").glob("[0-9]*/stat")}
    return [pid for pid in groups if pid != leader and _group(pid) == leader]


def _group(pid):
    with suppress(OSError):
        return os.getpgid(pid)


def is_alive(pid):
    """Whether it runs: a zombie that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def until(condition):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_process_sees_no_secret_of_ours():
    ours = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": "postgresql://app:secret@db/viseme",
        "SECRET_KEY": "secret",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "CUDA_VISIBLE_DEVICES": "0",
    }
    seen = clean_environment(ours)
    assert "secret" not in json.dumps(seen)
    assert {"PATH", "CUDA_VISIBLE_DEVICES", "HOME"} <= seen.keys()


def test_a_model_that_does_not_load_is_a_fault(child, bundle, request_of, settings, monkeypatch):
    monkeypatch.setattr(child_module, "START_SECONDS", 0)
    monkeypatch.setattr(child_module, "POLL_SECONDS", 0)
    plan(bundle, load_seconds=60)
    with pytest.raises(EngineFailed, match="did not load"):
        child.begin("a", **request_of)


def test_the_log_says_which_model_is_served_and_what_must_be_said_of_it():
    told = {"name": "latentsync-1.6", "version": "1.6", "device": "cuda:0"}
    lines = [{"event": "ready", "model": {**told, "notices": ["x.onnx: research only"]}}]
    with capture_logs() as logs:
        read(map(json.dumps, lines), queue.Queue())
    assert {"event": "model_ready", "log_level": "info", **told} in logs
    (notice,) = [line for line in logs if line["event"] == "model_notice"]
    assert notice["notice"] == "x.onnx: research only"


def test_a_worker_without_its_gpu_blames_no_video(child, request_of, monkeypatch):
    told = {"code": "bad_option", "message": "This machine has no usable GPU.", "refusal": True}
    events = iter([{"event": "failed", "id": None, **told}])
    monkeypatch.setattr(child, "next_event", lambda timeout: next(events))
    with pytest.raises(EngineFailed, match="no usable GPU") as failed:
        child.begin("a", **request_of)
    assert not failed.value.refusal


def test_bytes_of_a_bundle_that_arrive_are_no_silence(child, monkeypatch):
    """By a clock of the test's: two thirds of what is too long pass between any two of them."""
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(child_module, "time", clock)
    silence, arrives = None, {"event": "fetching", "done": 1, "total": 2}
    heard = iter([*[silence, arrives] * 4, {"event": "ready"}])

    def next_event(timeout):
        event = next(heard)
        clock.now += 0 if event else child_module.START_SECONDS * 2 / 3
        return event

    monkeypatch.setattr(child, "next_event", next_event)
    child._await_ready(lambda: None)
    assert next(heard, None) is None
