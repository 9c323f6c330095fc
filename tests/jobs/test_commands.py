from datetime import UTC, datetime
from fractions import Fraction
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from billing import ledger
from jobs.models import Job, State
from messaging.ids import new_id
from tenants.context import acting_for
from tests.making import a_job


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


def test_a_job_is_canceled_by_the_end_of_its_id(job, acme):
    assert "canceled" in said("jobs", "cancel", job.short_id)
    with acting_for(acme.id):
        assert Job.objects.get().state == State.CANCELED


@pytest.mark.parametrize("named", ["x", "ffffffffffff", "%%%%%%%%"])
def test_an_unknown_job_is_one_sentence(acme, named):
    with pytest.raises(CommandError):
        said("jobs", "show", named)


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
