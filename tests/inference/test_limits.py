"""docs/limits.md names tests for what people report: they are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / "docs/limits.md").read_text())


@pytest.mark.parametrize("file", sorted({file for file, _ in NAMED}))
def test_every_test_that_the_page_names_exists(file):
    functions = set(re.findall(r"^def (test_\w+)", (ROOT / file).read_text(), re.MULTILINE))
    assert {name for path, name in NAMED if path == file and name} <= functions


def test_the_page_names_many():
    assert len(NAMED) > 100
