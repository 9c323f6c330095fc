"""bin/test: what it adds to the words it was given."""

import pytest

from tests import run


def test_the_whole_suite_is_shared_out_by_file():
    count, workers, *how = run.parallel(["-m", "not long", "--durations=9"])
    assert (count, how) == ("-n", ["--dist", "loadfile", "--no-loadscope-reorder"])
    assert 3 <= int(workers) <= 4


@pytest.mark.parametrize(
    "words", [["tests/foundation"], ["tests/run.py::test_it"], ["-n0"], ["--numprocesses=3"]]
)
def test_named_tests_and_a_chosen_number_of_processes_are_left_alone(words):
    assert run.parallel(words) == []
