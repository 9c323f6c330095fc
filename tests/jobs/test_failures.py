"""One list of why a job fails: no code without a title and a line in docs and schema."""

import ast
from collections.abc import Iterator

import pytest

from inference import errors as engine
from jobs.failures import FAILURES, OURS, title_of
from portal.environment import ROOT
from tests.jobs.api.test_documentation import INSIDE, codes_of
from tests.jobs.api.test_schema import document

PAGE = (ROOT / "docs" / "api.md").read_text().partition("## Why a job fails")[2]


def codes_in_the_engine_of_jobs() -> Iterator[str]:
    """As in EngineFailed("code", ...), {"code": "code"} and code="code"."""
    for file in [*(ROOT / "jobs").glob("*.py"), *(ROOT / "jobs" / "lifecycle").glob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            yield from map(str, _codes(node))


def _codes(node: ast.AST) -> Iterator[object]:
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "EngineFailed":
        yield from (arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant))
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == "code":
                yield from [value.value] if isinstance(value, ast.Constant) else []
    if isinstance(node, ast.keyword) and node.arg == "code":
        yield from [node.value.value] if isinstance(node.value, ast.Constant) else []


def test_every_code_that_ends_a_job_is_in_the_list():
    ours = set(codes_in_the_engine_of_jobs())
    assert {"worker_fault", "worker_lost", "deadline_passed", "too_many_attempts"} <= ours
    engines = set(codes_of(engine.EngineError)) - (INSIDE - {"engine_error"})
    assert (ours | engines) - set(FAILURES) == set()


@pytest.mark.parametrize("code", FAILURES)
def test_every_code_has_its_line_in_the_docs(code):
    assert f"| `{code}` | {FAILURES[code].means} |" in PAGE


def test_the_docs_list_no_other_code():
    listed = {line.split("`")[1] for line in PAGE.splitlines() if line.startswith("| `")}
    assert listed == set(FAILURES)


def test_the_openapi_document_lists_them():
    error = document()["components"]["schemas"]["JobError"]["properties"]["code"]
    for code, failure in FAILURES.items():
        assert f"{code}: {failure.means}" in error["description"]


def test_a_code_of_another_release_has_a_title_too():
    assert title_of("no_face") == "No face was found in the video"
    assert title_of("unknown_yet") == "The job failed"


def test_what_the_owner_can_mend_is_not_ours():
    assert {"worker_lost", "too_many_attempts", "engine_crashed", "worker_fault"} <= OURS
    assert not OURS & {"no_face", "damaged_media", "deadline_passed"}
