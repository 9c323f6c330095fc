"""The commands before there is an environment: one sentence for whatever is in the way."""

import importlib.util
import os
import shutil
import subprocess
import sys

import pytest

from portal.environment import ROOT


@pytest.fixture(scope="module")
def bootstrap():
    spec = importlib.util.spec_from_file_location("_bootstrap", ROOT / "bin" / "_bootstrap.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def whole(bootstrap, tmp_path):
    """A home whose environment is this one, noted as whole."""
    environment = bootstrap.Environment(tmp_path)
    (environment.folder / "bin").mkdir(parents=True)
    (environment.folder / "bin" / "python").symlink_to(sys.executable)
    environment.note.write_text(bootstrap.wanted())
    return environment


def run(*words, home, cwd=None, **environment):
    return subprocess.run(
        [ROOT / "bin" / "run", *words],
        cwd=cwd,
        env={**os.environ, "VISEME_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_whole_environment_is_used_at_once_from_any_folder(whole, tmp_path):
    elsewhere = tmp_path / "a folder"
    elsewhere.mkdir()
    code = "import os, portal; print(os.getcwd())"
    done = run("python", "-c", code, home=whole.home, cwd=elsewhere)
    assert (done.stdout, done.stderr) == (f"{elsewhere}\n", "")


def test_the_exit_status_is_the_commands(whole):
    assert run("python", "-c", "raise SystemExit(7)", home=whole.home).returncode == 7


def test_an_environment_of_other_requirements_is_not_whole(whole, bootstrap, tmp_path):
    requirements = tmp_path / "requirements"
    shutil.copytree(ROOT / "requirements", requirements)
    assert bootstrap.wanted(requirements) == bootstrap.wanted()
    with (requirements / "base.txt").open("a") as file:
        file.write("another==1\n")
    assert bootstrap.wanted(requirements) != bootstrap.wanted()


def test_an_environment_that_was_not_finished_is_not_whole(whole):
    whole.note.unlink()
    assert not whole.is_whole()


def test_a_command_that_is_not_there_is_named(whole):
    done = run("no-such-thing", home=whole.home)
    assert done.returncode == 127
    assert done.stderr == (
        "viseme: there is no command no-such-thing in the environment or on this machine\n"
    )


def test_a_python_that_is_too_old_is_told_so(tmp_path):
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("python3", "python"):
        (programs / name).write_text("#!/bin/sh\nexit 1\n")
        (programs / name).chmod(0o755)
    for name in ("dirname", "sh"):
        (programs / name).symlink_to(shutil.which(name))
    done = run("python", home=tmp_path, PATH=str(programs), PYTHON="")
    assert done.returncode == 69
    assert "Python 3.11 or newer is needed" in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_home_that_can_not_be_made_is_told_so(tmp_path):
    (tmp_path / "file").write_text("")
    done = run("python", home=tmp_path / "file" / "home")
    assert done.returncode == 69
    assert "can't be set up" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_can_not_be_written_is_told_so(tmp_path):
    tmp_path.chmod(0o500)
    done = run("python", home=tmp_path / "home")
    assert done.returncode == 69
    assert "name another folder with VISEME_HOME" in done.stderr


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("ERROR: Could not install: [Errno 28] No space left on device", "The disk is full"),
        (
            "WARNING: Retrying: NewConnectionError: Name not known",
            "can't be reach",
        ),
        ("ERROR: No matching distribution found for torch==2.13.0", "no package torch==2.13.0 for"),
        ("ERROR: something new", "pip failed (ERROR: something new)"),
    ],
)
def test_what_pip_says_is_put_into_a_sentence(bootstrap, tmp_path, said, meant):
    sentence = bootstrap.Environment(tmp_path)._explain(["Collecting torch", said])
    assert meant in sentence and "\n" not in sentence


def test_progress_names_the_package_and_the_time(bootstrap, tmp_path):
    progress = bootstrap.Progress("packages", tmp_path)
    assert progress.line() == "packages, 0 s"
    progress.read("Collecting django==5.2.19\n")
    assert progress.line() == f"fetching package 1 of about {progress.total}, 0 s"
    progress.read("Installing collected packages: django\n")
    assert progress.line() == f"installing package 0 of about {progress.total}, 0 s"


def test_progress_never_counts_more_packages_than_it_says_there_are(bootstrap, tmp_path):
    progress = bootstrap.Progress("packages", tmp_path)
    progress.read("Installing collected packages: django\n")
    for number in range(progress.total + 3):
        (tmp_path / f"lib/python3.11/site-packages/p{number}-1.dist-info").mkdir(parents=True)
    total = progress.total
    assert progress.line() == f"installing package {total} of about {total}, 0 s"
