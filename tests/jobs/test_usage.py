"""What a delivered video leaves in the ledger."""

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from billing import ledger
from billing.models import UsageRecord
from jobs import lifecycle, reports
from jobs.models import Upload
from messaging.ids import new_id
from tenants.context import acting_for, as_operator
from tests.jobs.results import KEY, RESULT
from tests.making import a_queued_job

MEDIA_INFO = {
    "duration": "10/1",
    "duration_seconds": 10.0,
    "video": {"width": 1080, "height": 1920, "frames": 250, "frame_rate": "25/1"},
}


def delivered_job(device: str = "cuda:0"):
    job = a_queued_job(lane=0, project="Trailer")
    Upload.objects.filter(id=job.video_id).update(media_info=MEDIA_INFO)
    attempt = lifecycle.claim(job.id, worker="gpu-1", lease=300)
    result = RESULT | {"device": device}
    return lifecycle.succeed(attempt.id, fence=attempt.fence, result=result, output_key=KEY)


def used(tenant_id, when: str, quantity: Fraction) -> UsageRecord:
    job_id = new_id()
    return ledger.record(
        tenant_id,
        event_id=f"job:{job_id}:output_seconds",
        metric="output_seconds",
        quantity=quantity,
        unit="second",
        source_id=job_id,
        occurred_at=datetime.fromisoformat(when).replace(tzinfo=UTC),
        measures={"output_bytes": 1000},
        costs={"gpu_seconds": "1.5"},
    )


def test_one_record_says_exactly_what_was_delivered(acting):
    job = delivered_job()
    record = UsageRecord.objects.get()
    assert record.quantity == Fraction(251, 25)
    assert (record.source_id, record.occurred_at) == (job.id, job.finished_at)
    assert record.dimensions["project"] == "Trailer"


def test_the_guides_figures_of_input_and_output_stand_in_it(acting):
    delivered_job()
    record = UsageRecord.objects.get()
    assert (
        record.measures
        | {
            "input_megabytes": 1.0,
            "input_seconds": 10.0,
            "input_width": 1080,
            "input_height": 1920,
            "input_frames": 250,
            "output_bytes": 1_234_567,
            "steps": 20,
        }
        == record.measures
    )
    assert record.costs["processing_seconds"] == 41.5
    assert Decimal(record.costs["gpu_seconds"]) == Decimal("41.5")
    assert Decimal(record.costs["gpu_hours"]) == Decimal("0.011528")


def test_what_a_cpu_has_made_cost_no_gpu_time(acting):
    delivered_job(device="cpu")
    costs = UsageRecord.objects.get().costs
    assert (costs["gpu_seconds"], costs["gpu_hours"]) == ("0.000", "0.000000")
    assert Decimal(costs["attempt_seconds"]) == Decimal("41.5")


def test_only_delivery_is_recorded(acting):
    attempt = lifecycle.claim(a_queued_job(lane=0).id, worker="gpu-1", lease=300)
    lifecycle.fail(attempt.id, fence=attempt.fence, code="no_face", message="None.", retry=False)
    lifecycle.cancel(a_queued_job().id, by="a test")
    assert not UsageRecord.objects.exists()


def test_a_month_is_the_local_one_and_sums_exactly(acting):
    used(acting.id, "2026-03-31T22:30:00", Fraction(1, 3))  # April in Berlin
    used(acting.id, "2026-04-30T21:59:59", Fraction(2, 3))
    used(acting.id, "2026-04-30T22:00:00", Fraction(5))  # May in Berlin
    month = reports.month_of_usage(date(2026, 4, 1), ZoneInfo("Europe/Berlin"))
    assert (month.total.videos, month.total.output_seconds) == (2, Fraction(1))
    assert month.total.gpu_seconds == Decimal(3)
    assert [day.day.day for day in month.days if day.videos] == [1, 30]
    assert len(month.days) == 30


def test_a_correction_changes_the_sum_and_counts_no_video(acting):
    wrong = used(acting.id, "2026-04-10T12:00:00", Fraction(10))
    ledger.correct(
        wrong,
        by=Fraction(-4),
        reason="billed twice",
        event_id="correction:1",
        occurred_at=wrong.occurred_at,
    )
    month = reports.month_of_usage(date(2026, 4, 1), ZoneInfo("UTC"))
    assert (month.total.videos, month.total.output_seconds) == (1, Fraction(6))


def test_the_operators_report_has_a_row_for_each_tenant(acme, globex):
    for tenant, seconds in ((acme, 3), (globex, 5)):
        with acting_for(tenant.id):
            used(tenant.id, "2026-04-10T12:00:00", Fraction(seconds))
    start, end = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
    with as_operator("report"):
        rows = {row.tenant_id: row.output_seconds for row in reports.usage_by_tenant(start, end)}
    assert rows == {acme.id: 3, globex.id: 5}
