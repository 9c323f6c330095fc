"""The list of breaks fits the code; tests.faults.breaks itself says if they are missed."""

import re
from pathlib import Path

import pytest

from portal.environment import ROOT
from tests.faults.breaks import BREAKS


@pytest.mark.parametrize("one", BREAKS, ids=lambda one: one.guard)
def test_what_a_break_takes_out_stands_in_the_code_once(one):
    assert (ROOT / one.file).read_text().count(one.old) == 1
    assert one.new != one.old


@pytest.mark.parametrize("one", BREAKS, ids=lambda one: one.guard)
def test_the_tests_that_must_miss_it_exist(one):
    assert one.tests
    for test in one.tests:
        file, _, name = test.partition("::")
        name = name.partition("[")[0]
        assert re.search(rf"^def {name}\(", (ROOT / file).read_text(), re.MULTILINE), test


@pytest.mark.parametrize("one", BREAKS, ids=lambda one: one.guard)
def test_the_page_of_the_job_engine_lists_it(one):
    rows = (ROOT / "docs" / "jobs.md").read_text().splitlines()
    (row,) = [row for row in rows if row.startswith(f"| {one.guard} |")]
    for test in one.tests:
        file, _, name = test.partition("::")
        short = Path(file).stem.removeprefix("test_")
        assert f"`{short}::{name.removeprefix('test_')}`" in row
