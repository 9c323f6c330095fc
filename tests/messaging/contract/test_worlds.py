"""The table of differences fits the tests, and the real SQS is asked where it can be."""

import ast
from pathlib import Path

import pytest

from tests.messaging.contract.differences import MOTO_DIFFERS
from tests.messaging.worlds import REGION_VARIABLE, real_queues, real_region


def names_of_tests() -> set[str]:
    trees = (ast.parse(file.read_text()) for file in Path(__file__).parent.glob("test_*.py"))
    return {one.name for tree in trees for one in tree.body if isinstance(one, ast.FunctionDef)}


def test_every_difference_is_that_of_a_test():
    assert set(MOTO_DIFFERS) <= names_of_tests()


def test_the_real_sqs_is_asked_too():
    if not real_region():
        pytest.skip(f"only with {REGION_VARIABLE} and AWS credentials")
    assert real_queues().client.list_queues()
