"""What people forget: a code that is not in the docs."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inference import errors as engine
from jobs import errors
from jobs.api import jobs as endpoints
from jobs.api.serializers import JobShape
from portal.environment import ROOT

PAGE = (ROOT / "docs" / "api.md").read_text()
# Never seen over HTTP: bases, and what only workers and operators meet.
INSIDE = {
    "job_error",
    "job_not_claimable",
    "job_not_redrivable",
    "stale_attempt",
    "engine_error",
    "refused",
    "canceled",
    "fetch_failed",
    "license_not_accepted",
}


def codes_of(base: Any) -> Iterator[str]:
    yield base.code
    for below in base.__subclasses__():
        yield from codes_of(below)


def codes_in_the_api() -> Iterator[str]:
    """The second of what is passed, as in Problem(400, "code", ...)."""
    for file in Path(endpoints.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and len(node.args) >= 3:
                first, second = node.args[:2]
                status = isinstance(first, ast.Constant) and isinstance(first.value, int)
                if status or ast.unparse(node.func) == "bad_parameter":
                    assert isinstance(second, ast.Constant | ast.Name | ast.Attribute)
                    if isinstance(second, ast.Constant):
                        yield str(second.value)


def test_every_code_is_in_the_docs():
    ours = {code for code in codes_of(errors.JobError) if code}
    engines = set(codes_of(engine.EngineError))
    said = set(codes_in_the_api())
    assert {"form_too_large", "bad_cursor", "internal_error"} <= said
    missing = {c for c in (ours | engines | said) - INSIDE if f"`{c}`" not in PAGE}
    assert missing == set()


def test_the_docs_name_every_field_of_a_job():
    table = PAGE.split("\n## A job\n")[1].split("\n## ")[0]
    missing = {name for name in JobShape().get_fields() if f"`{name}`" not in table}
    assert missing == set()


def test_the_docs_name_every_address():
    from tests.jobs.api.test_schema import document

    for path in document()["paths"]:
        short = path.replace("{job_id}", "{id}").replace("{upload_id}", "{id}")
        assert short in PAGE or short.replace("/v1/uploads/{id}", "...") in PAGE, path
