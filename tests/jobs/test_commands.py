import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from billing import ledger
from jobs import lifecycle
from jobs.clock import database_now
from jobs.forecasting import Finish
from jobs.models import Job, State
from jobs.waiting import Reason, Wait
from messaging.ids import new_id
from tenants.context import acting_for, as_operator
from tests.making import a_job, a_queued_job


def said(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


@pytest.fixture
def job(acme) -> Job:
    with acting_for(acme.id):
        return a_job()


def test_the_list_shows_all_tenants_jobs_or_one_tenants(job, globex):
    assert job.short_id in said("jobs", "list")
    assert job.short_id in said("jobs", "list", "--state", "validating")
    assert job.short_id not in said("jobs", "list", "--tenant", "globex")


def test_a_job_is_shown_by_the_end_of_its_id(job):
    shown = said("jobs", "show", job.short_id)
    assert str(job.id) in shown
    assert "validating" in shown


def test_a_job_that_waits_is_shown_with_its_place_and_when_it_may_be_ready(acme, monkeypatch):
    with acting_for(acme.id):
        job = a_queued_job()
    at = datetime(2026, 11, 28, 17, tzinfo=UTC)
    wait = Wait(Reason.FREE_LANE, 2, Finish(at, at + timedelta(minutes=5)))
    monkeypatch.setattr("jobs.management.showing.waits_of", lambda jobs: {job.id: wait})
    shown = said("jobs", "show", job.short_id)
    assert "waiting for  free_lane\nplace        2\n" in shown
    assert "expected     2026-11-28 17:00:00Z to 2026-11-28 17:05:00Z\n" in shown


def test_a_job_in_hand_is_shown_with_its_lease_its_last_beat_and_its_attempts(acme, settings):
    settings.JOB_LEASE_SECONDS = 60
    with acting_for(acme.id):
        job = a_queued_job(lane=0)
        lifecycle.dispatch(job)
        lifecycle.release(lifecycle.claim(job.id, worker="gpu-1", lease=60).id, fence=1)
        live = lifecycle.claim(job.id, worker="gpu-2", lease=10)
        lifecycle.beat(live.id, fence=2, stage="render", percent=40, lease=10)
        live.refresh_from_db()
        ended = job.attempts.get(number=1).ended_at
    shown = said("jobs", "show", job.short_id)
    assert f"lease until  {live.lease_expires_at:%Y-%m-%d %H:%M:%S}Z\n" in shown
    assert re.search(r"last beat    5\d s ago\n", shown)
    assert "segments     0\n" in shown and "dispatches   2, the last 20" in shown
    first, second = shown.splitlines()[-2:]
    assert f"{ended:%Y-%m-%d %H:%M:%S}Z  released" in first
    assert second.split()[1:4] == ["gpu-2", "render", "40"]


def test_a_job_that_has_been_retried_says_as_which(failed):
    said("jobs", "redrive", failed.short_id)
    with as_operator("look"):
        again = Job.objects.get(retry_of=failed.id)
    assert f"retried by   {again.id}\n" in said("jobs", "show", failed.short_id)
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("jobs", "redrive", failed.short_id, "--dry-run", stdout=out)
    assert f"has been retried already, as job …{again.short_id}" in out.getvalue()


def test_the_list_names_the_error_of_what_failed(failed):
    assert "worker_lost" in said("jobs", "list")


def test_a_job_is_canceled_by_the_end_of_its_id(job, acme):
    assert "canceled" in said("jobs", "cancel", job.short_id)
    with acting_for(acme.id):
        assert Job.objects.get().state == State.CANCELED


def test_a_job_that_has_ended_is_not_canceled_and_the_command_says_why(failed):
    with pytest.raises(CommandError, match="failed"):
        said("jobs", "cancel", failed.short_id)


@pytest.mark.parametrize("named", ["x", "ffffffffffff", "%%%%%%%%"])
def test_an_unknown_job_is_one_sentence(acme, named):
    with pytest.raises(CommandError):
        said("jobs", "show", named)


@pytest.fixture
def failed(acme) -> Job:
    """Through us, an hour ago."""
    with acting_for(acme.id):
        then = database_now() - timedelta(hours=1)
        return a_job(state="failed", error_code="worker_lost", finished_at=then)


def retries() -> int:
    with as_operator("look"):
        return Job.objects.exclude(retry_of=None).count()


@pytest.mark.parametrize("name", [lambda job: str(job.id), lambda job: job.short_id])
def test_a_named_job_is_redriven_and_what_was_done_is_a_table(failed, name):
    head, row = said("jobs", "redrive", name(failed)).splitlines()
    assert head.split()[:4] == ["job", "tenant", "was", "error"]
    assert "what was done" in head
    assert row.split()[:4] == [failed.short_id, "acme", "failed", "worker_lost"]
    assert "tried again as job …" in row
    assert retries() == 1


@pytest.mark.parametrize(
    "choice",
    [
        ["--all-dead"],
        ["--code", "too_many_attempts"],
        ["--tenant", "globex"],
        ["--code", "too_many_attempts", "--since", "30m"],
        ["--since", "2026-01-01T00:00Z", "--tenant", "globex"],
    ],
)
def test_jobs_are_chosen_by_what_befell_them(failed, globex, choice):
    with acting_for(globex.id):
        now = database_now()
        buried = a_job(state="failed", error_code="too_many_attempts", finished_at=now)
    rows = said("jobs", "redrive", *choice, "--dry-run").splitlines()[1:]
    assert [row.split()[0] for row in rows] == [buried.short_id]


def test_a_dry_run_says_what_would_be_done_and_does_nothing(failed):
    told = said("jobs", "redrive", "--since", "2h", "--dry-run")
    assert "what would be done" in told
    assert "tried again as a new job" in told
    assert retries() == 0


def test_jobs_chosen_in_bulk_need_a_yes(failed, monkeypatch):
    monkeypatch.setattr("sys.stdin", StringIO("y"))
    with pytest.raises(CommandError, match="look with --dry-run, then add --yes"):
        said("jobs", "redrive", "--code", "worker_lost")
    assert retries() == 0
    said("jobs", "redrive", "--code", "worker_lost", "--yes")
    assert retries() == 1
    assert "nothing to redrive" in said("jobs", "redrive", "--code", "worker_lost", "--yes")


@pytest.mark.parametrize(("answer", "done"), [("y", 1), ("n", 0), ("", 0)])
def test_somebody_at_a_terminal_is_asked(failed, monkeypatch, answer, done):
    terminal = StringIO(answer)
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stdin", terminal)
    monkeypatch.setattr("builtins.input", lambda question: answer)
    if done:
        said("jobs", "redrive", "--code", "worker_lost")
    else:
        with pytest.raises(CommandError, match="Nothing was done"):
            said("jobs", "redrive", "--code", "worker_lost")
    assert retries() == done


def test_a_job_that_is_left_alone_says_why_and_ends_with_status_1(job, failed):
    said("jobs", "cancel", job.short_id)
    out = StringIO()
    with pytest.raises(CommandError, match="1 of 2 jobs were left alone"):
        call_command("jobs", "redrive", job.short_id, failed.short_id, stdout=out)
    assert "was canceled" in out.getvalue()
    assert retries() == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "Name jobs, or choose them"),
        (["0123456789", "--all-dead"], "Name jobs, or choose them"),
        (["ffffffffffff"], "No job ends with ffffffffffff"),
        (["--since", "yesterday"], "'yesterday' is no time"),
        (["--since", "2026-13-45T00:00Z"], "is no time"),
        (["--tenant", "nobody"], "nobody"),
        (["--code", "no_face"], "no_face is none of our faults: the job's owner can retry it"),
    ],
)
def test_what_can_t_be_chosen_is_one_sentence(acme, words, told):
    with pytest.raises(CommandError, match=told):
        said("jobs", "redrive", *words)


def test_a_time_without_a_zone_is_utc(failed):
    then = failed.finished_at - timedelta(minutes=1)
    assert failed.short_id in said(
        "jobs", "redrive", "--since", f"{then:%Y-%m-%dT%H:%M:%S}", "--dry-run"
    )


def used(tenant, when: str, seconds: str) -> None:
    with acting_for(tenant.id):
        job_id = new_id()
        ledger.record(
            tenant.id,
            event_id=f"job:{job_id}:output_seconds",
            metric="output_seconds",
            quantity=Fraction(seconds),
            unit="second",
            source_id=job_id,
            occurred_at=datetime.fromisoformat(when).replace(tzinfo=UTC),
            measures={"output_bytes": 1000},
            costs={"gpu_seconds": "36"},
        )


def test_usage_is_reported_by_tenant_for_a_month(acme, globex):
    used(acme, "2026-07-01T00:00", "10.5")
    used(acme, "2026-07-31T23:59", "1")
    used(acme, "2026-08-01T00:00", "99")
    used(globex, "2026-07-10T12:00", "2")
    lines = said("usage", "report", "--month", "2026-07", "--csv").splitlines()
    assert lines == [
        "tenant,videos,output seconds,gpu hours,output bytes",
        "acme,2,11.500,0.020000,2000",
        "globex,1,2.000,0.010000,1000",
        "all,3,13.500,0.030000,3000",
    ]


def test_usage_of_one_tenant_is_reported_by_day(acme):
    used(acme, "2026-02-03T10:00", "4")
    lines = said("usage", "report", "--month", "2026-02", "--tenant", "acme", "--csv").splitlines()
    assert lines[3] == "2026-02-03,1,4.000,0.010000,1000"
    assert len(lines) == 1 + 28 + 1


def test_a_month_that_is_none_is_one_sentence(db):
    with pytest.raises(CommandError, match="no month"):
        said("usage", "report", "--month", "2026-13")
