"""The embedded server: closed to strangers, gone with whoever started it, at home anywhere."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from portal.embedded import EmbeddedError, cluster
from portal.embedded.account import ACCOUNT, passes, reaches
from portal.embedded.postgres import Postgres
from portal.embedded.state import State, is_free, kept_port, only_one
from portal.environment import ROOT

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes its account")

LAUNCHER = """
import sys, time
from pathlib import Path
from portal.embedded.postgres import Postgres
server = Postgres(Path(sys.argv[1]), durable=False)
server.start()
print(server.process.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def home(tmp_path):
    # pytest's folders are closed to other accounts, as a home is.
    return tmp_path / "a home with spaces"


def test_it_keeps_its_data_its_port_and_its_passwords(home):
    with Postgres(home, durable=False) as server, server.connect() as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        address = server.address("postgres", "postgres")
    with Postgres(home, durable=False), psycopg.connect(address) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


def test_a_wrong_password_is_refused_on_every_way_in(home):
    with Postgres(home, durable=False) as server:
        address = server.address("postgres", "postgres")
        wrong = address.replace(server.section["postgres_password"], "wrong")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)
        with server.connect() as connection:
            ways = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules")
            assert ways.fetchall() == [("scram-sha-256",)]
            assert connection.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)


def test_its_passwords_are_readable_by_their_owner_alone(home):
    with Postgres(home, durable=False):
        assert (home / "state.json").stat().st_mode & 0o777 == 0o600


def test_it_ends_when_its_launcher_is_killed(home):
    launcher = launch(home)
    server = int(launcher.stdout.readline())
    launcher.kill()
    until(lambda: not alive(server))


def test_a_server_left_over_is_stopped_before_another_starts(home):
    """Where the kernel does not end it with its launcher, the next start does."""
    server = Postgres(home, durable=False)
    server.start()
    left = server.process.pid
    with Postgres(home, durable=False) as another, another.connect() as connection:
        server.process.wait(60)
        assert not alive(left)
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_the_note_of_a_server_that_died_does_not_stop_the_next(home):
    """After a restart of the machine the process number in it is another program's."""
    with Postgres(home, durable=False) as server:
        server.process.kill()
        server.process.wait()
    note = server.data / "postmaster.pid"
    lines = note.read_text().splitlines()
    note.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    with Postgres(home, durable=False) as server, server.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_folder_that_was_half_made_is_made_again(home):
    (home / "postgres" / "unfinished").mkdir(parents=True)
    (home / "postgres" / "unfinished" / "PG_VERSION").write_text("18\n")
    with Postgres(home, durable=False) as server, server.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_cluster_whose_passwords_are_lost_is_set_aside(home):
    with Postgres(home, durable=False):
        pass
    (home / "state.json").unlink()
    with Postgres(home, durable=False) as server, server.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert list((home / "postgres").glob("unreadable-*"))


@AS_ROOT
def test_root_starts_it_below_a_closed_home_as_another_account(home):
    home.mkdir(mode=0o700)
    with Postgres(home, durable=False) as server:
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        assert Path(f"/proc/{server.process.pid}").owner() == ACCOUNT
        # CAP_DAC_READ_SEARCH and nothing else.
        assert "CapEff:\t0000000000000004" in status
        assert "NoNewPrivs:\t1" in status


@AS_ROOT
def test_where_nothing_is_closed_it_has_no_capability():
    home = Path("/tmp") / f"viseme-open-{os.getpid()}"
    try:
        with Postgres(home, durable=False) as server:
            status = Path(f"/proc/{server.process.pid}/status").read_text()
            if reaches(str(cluster.program("postgres")), account()):
                assert "CapEff:\t0000000000000000" in status
    finally:
        shutil.rmtree(home)


@AS_ROOT
@pytest.mark.skipif(shutil.which("capsh") is None, reason="capsh is not installed")
def test_a_container_that_withholds_one_capability_gets_by_with_the_other(home):
    home.mkdir(mode=0o700)
    launcher = launch(home, "capsh", "--drop=cap_dac_read_search", "--", "-c", 'exec "$0" "$@"')
    try:
        status = Path(f"/proc/{int(launcher.stdout.readline())}/status").read_text()
        assert "CapEff:\t0000000000000002" in status
    finally:
        launcher.kill()


@AS_ROOT
def test_a_folder_is_passed_by_its_mode(tmp_path):
    tmp_path.chmod(0o711)
    assert passes(tmp_path, account())
    tmp_path.chmod(0o750)
    assert not passes(tmp_path, account())
    os.chown(tmp_path, account().pw_uid, -1)
    assert passes(tmp_path, account())


def test_a_port_that_was_taken_meanwhile_is_left_to_its_new_owner():
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        section = {"port": other.getsockname()[1]}
        assert not is_free(section["port"])
        assert kept_port(section) != other.getsockname()[1]


def test_two_launchers_do_not_share_a_home(tmp_path):
    with (
        only_one(tmp_path),
        pytest.raises(EmbeddedError, match="run already"),
        only_one(tmp_path),
    ):
        pass


def test_the_state_file_is_never_half_written(tmp_path):
    state = State(tmp_path)
    state.section("postgres")["port"] = 1
    state.save()
    assert State(tmp_path).values == {"postgres": {"port": 1}}
    assert [file.name for file in tmp_path.iterdir()] == ["state.json"]


def launch(home: Path, *through: str) -> subprocess.Popen[str]:
    home.mkdir(exist_ok=True)
    return subprocess.Popen(
        [*through, sys.executable, "-c", LAUNCHER, str(home)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def account():
    import pwd

    return pwd.getpwnam(ACCOUNT)


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def until(condition, *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


def test_a_cluster_that_can_not_be_made_says_why_and_not_how_it_was_tidied_up():
    said = (
        "creating subdirectories ... ok\n"
        'initdb: error: could not create directory "x": No space left on device\n'
        'initdb: removing contents of data directory "x"'
    )
    assert cluster.reasons(said).endswith("No space left on device")
    assert cluster.reasons("Killed") == "Killed"
