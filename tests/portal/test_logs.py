"""What the log keeps to itself."""

import json
import logging

import pytest
import structlog
from django.core import signing

from portal import logs

TOKEN = signing.dumps({"key": "tenant/job/attempt.mp4"}, salt="viseme.files")


@pytest.mark.parametrize("kind", ["files", "parts"])
def test_a_signed_link_is_cut_short_in_every_line(kind):
    line = logs.without_secrets(f'Internal Server Error: /{kind}/{TOKEN} "GET"')
    assert line == f'Internal Server Error: /{kind}/… "GET"'


def test_a_link_to_a_bucket_loses_what_makes_it_a_key():
    link = "https://b.s3.example/k?X-Amz-Credential=AKIA%2Fx&X-Amz-Expires=900&X-Amz-Signature=ab1"
    kept = "https://b.s3.example/k?X-Amz-Credential=…&X-Amz-Expires=900&X-Amz-Signature=…"
    assert logs.without_secrets(link) == kept


def test_a_path_of_the_code_stays_readable():
    line = 'File "/lib/django/core/files/storage.py", line 12: in parts/of:it'
    assert logs.without_secrets(line) == line


@pytest.fixture
def own_configuration():
    """Loggers that other tests have used keep their own: capture_logs must find the same again."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.mark.parametrize("as_json", [True, False])
def test_the_line_that_is_written_carries_no_link_not_even_in_its_traceback(
    own_configuration, as_json
):
    how = logs.configure(json=as_json, level="INFO")["formatters"]["lines"]
    formatter = how.pop("()")(**how)
    try:
        raise OSError(f"no such file: /files/{TOKEN}")
    except OSError as problem:
        trace = (type(problem), problem, problem.__traceback__)
    told = ("Internal Server Error: %s", (f"/parts/{TOKEN}",))
    line = formatter.format(logging.LogRecord("django.request", 40, "", 1, *told, trace))
    assert TOKEN not in line and "/parts/…" in line and "OSError" in line
    assert not as_json or json.loads(line)["event"] == "Internal Server Error: /parts/…"


def test_gunicorns_own_complaints_carry_none_either():
    record = logging.LogRecord(
        "gunicorn.error", 40, "", 1, "Error at %s", (f"/files/{TOKEN}",), None
    )
    assert logs.NoSecrets().filter(record)
    assert record.getMessage() == "Error at /files/…"
