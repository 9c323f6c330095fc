"""The storage or the database is away while a worker needs it."""

import threading

import pytest
import structlog
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError, ReadTimeoutError
from django.db import InternalError, OperationalError

from jobs import lifecycle, pieces, settling, storage
from jobs.models import Attempt
from tenants.context import as_operator
from tests.jobs.worker.attempts import made_only_when, seen, work

pytestmark = pytest.mark.django_db(transaction=True)

OUT_OF_REACH = [
    OSError("no space left on device"),
    ClientError({"Error": {"Code": "404", "Message": "no such device"}}, "HeadObject"),
    S3UploadFailedError("Failed to upload to device: AccessDenied (403)"),
    ReadTimeoutError(endpoint_url="https://device.s3.amazonaws.com"),
]


def test_what_the_threads_of_an_attempt_log_names_it(supervisor, job, plan, monkeypatch):
    refused = threading.Event()

    def refuses(*_, **__):
        refused.set()
        raise OSError("the storage is away")

    monkeypatch.setattr(pieces, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(storage, "segment_keys", refuses)
    made_only_when(monkeypatch, refused.is_set)
    plan(steps=20, piece_steps=2)
    names = [structlog.contextvars.merge_contextvars]
    with structlog.testing.capture_logs(processors=names) as logs:
        work(supervisor, job)
    told = [line for line in logs if line["event"] == "piece_not_put_yet"]
    assert told and all(line["job_id"] == str(job.id) and line["attempt_id"] for line in told)


@pytest.mark.parametrize("step", ["put_result", "fetch_upload"])
@pytest.mark.parametrize("problem", OUT_OF_REACH, ids=lambda problem: type(problem).__name__)
def test_a_storage_out_of_reach_is_a_fault_of_ours(supervisor, job, monkeypatch, step, problem):
    def refuses(*_):
        raise problem

    monkeypatch.setattr(storage, step, refuses)
    work(supervisor, job)
    with as_operator("look"):
        attempt = Attempt.objects.get(job=job.id)
    assert (seen(job).state, attempt.error_code) == ("queued", "worker_fault")
    assert "device" not in attempt.error_message


@pytest.mark.parametrize("kind", [OperationalError, InternalError])
def test_a_database_that_is_away_for_a_moment_costs_no_result(supervisor, job, monkeypatch, kind):
    monkeypatch.setattr(settling, "PAUSE_SECONDS", 0.01)
    away = kind("server closed the connection")
    once, answers = settling._once, iter([away])

    def away_once(*arguments):
        for problem in answers:
            raise problem
        return once(*arguments)

    monkeypatch.setattr(settling, "_once", away_once)
    work(supervisor, job)
    assert seen(job).state == "succeeded"


@pytest.mark.parametrize("then", ["done", "die"])
def test_the_end_is_tried_to_be_recorded_for_as_long_as_the_lease_is_ours(
    supervisor, job, plan, monkeypatch, then
):
    plan(then=then)
    tried = away_for(monkeypatch, tries=12)
    work(supervisor, job)
    assert seen(job).state == {"done": "succeeded", "die": "queued"}[then]
    assert len(tried) == 13


def test_a_database_that_is_away_for_longer_than_the_lease_ends_the_tries(
    supervisor, job, settings, monkeypatch
):
    settings.JOB_LEASE_SECONDS = 6
    tried = away_for(monkeypatch, tries=10_000)
    beat = lifecycle.beat

    def away_since_the_end(*arguments, **named):
        if tried:
            raise OperationalError("the server is away")
        return beat(*arguments, **named)

    monkeypatch.setattr(lifecycle, "beat", away_since_the_end)
    with pytest.raises(OperationalError):
        work(supervisor, job)
    assert len(tried) >= settling.LEAST_TRIES
    assert seen(job).state == "processing"  # till the reconciler sees the lease


def away_for(monkeypatch, tries):
    """A database that is away each time an end is to be recorded, so often. The tries so far."""
    monkeypatch.setattr(settling, "PAUSE_SECONDS", 0.01)
    once, tried = settling._once, []

    def away_or_once(*arguments):
        tried.append(arguments)
        if len(tried) <= tries:
            raise OperationalError("the server is away")
        return once(*arguments)

    monkeypatch.setattr(settling, "_once", away_or_once)
    return tried
