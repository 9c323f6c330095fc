"""What nobody notices until it hurts: layers, and paths of somebody's own machine."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from portal.environment import ROOT

# A home, a mounted work folder, an index that only some networks have.
OF_A_MACHINE = re.compile(
    rb"(?<![\w.$/}])/(root|work|home/[a-z]\w*|Users/\w+|mnt/\w+)/|file:///(?!etc/)\w"
    rb"|--(extra-)?index-url|(?<![\w.])[\w.-]+\.(internal|corp|lan)\b"
)


def test_imports_run_one_way():
    script = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [script, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("asked", ["mypy .", "ruff check .", "ruff format --check ."])
def test_types_and_style_hold_in_the_whole_tree(asked):
    tool, *arguments = asked.split()
    command = [Path(sys.executable).with_name(tool), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def test_no_tracked_file_names_a_path_or_an_index_of_one_machine():
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    named = [
        (name.decode(), found[0])
        for name in listed.stdout.split(b"\0")
        if name
        and name.decode() != str(Path(__file__).relative_to(ROOT))
        and (file := ROOT / name.decode()).is_file()
        and b"\0" not in (text := file.read_bytes())[:8000]
        and (found := OF_A_MACHINE.search(text))
    ]
    assert named == []


def test_every_marker_that_tests_use_is_explained():
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    assert all(": " in marker for marker in options["markers"])
