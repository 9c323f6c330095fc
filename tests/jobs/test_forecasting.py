"""When a result may be there: what is learned from successes, and the arithmetic of the lines."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from jobs import forecasting, lifecycle
from jobs.forecasting import Finish, Lanes, Line, Span
from jobs.models import Job
from tenants.context import acting_for, as_operator
from tests import database
from tests.jobs.histories import OPTIONS, a_success, successes
from tests.jobs.plans import rows_of
from tests.making import a_queued_job, a_tenant

KIND = ("20", "exact")
JOB = Span(100, 200)
NOW = datetime(2026, 11, 28, 14, tzinfo=UTC)


def pace() -> Span | None:
    return forecasting.paces([KIND]).get(KIND)


def test_four_successes_say_nothing_and_five_do(acting):
    successes(1, 2, 3, 4)
    assert pace() is None
    assert forecasting.line().job is None
    successes(5)
    assert pace() == Span(pytest.approx(1.8), pytest.approx(4.2))
    assert forecasting.line().job == Span(pytest.approx(18), pytest.approx(42))


def test_a_pace_is_by_the_second_of_output(acting):
    for seconds in (1, 10, 100, 1000, 10_000):
        a_success(2, output_seconds=seconds)
    assert pace() == Span(2, 2)


def test_the_last_fifty_count(acting):
    successes(*[9] * 50, ago=1000)
    successes(*[2] * 50)
    assert pace() == Span(2, 2)
    a_success(3)
    assert pace() == Span(2, 2)


def test_other_steps_and_another_speed_are_other_kinds(acting):
    successes(*[2] * 5)
    successes(*[5] * 5, options={**OPTIONS, "steps": 50})
    successes(*[1] * 5, options={**OPTIONS, "speed": "fast"})
    successes(*[3] * 4, options={**OPTIONS, "steps": 30})
    asked = [KIND, ("50", "exact"), ("20", "fast"), ("30", "exact"), ("40", "exact")]
    assert forecasting.paces(asked) == {
        KIND: Span(2, 2),
        ("50", "exact"): Span(5, 5),
        ("20", "fast"): Span(1, 1),
    }


def test_a_new_model_begins_to_be_known_anew(acting):
    successes(*[9] * 10, label="LatentSync 1.5", ago=60)
    successes(*[2] * 4)
    assert pace() is None
    successes(2)
    assert pace() == Span(2, 2)


def test_a_job_that_took_more_than_one_attempt_teaches_nothing(acting):
    """It was resumed, so its last attempt was short; or it failed, so all together were long."""
    successes(*[2] * 4)
    successes(*[99] * 10, fence=2)
    assert pace() is None


def test_what_ended_otherwise_teaches_nothing(acting):
    successes(*[2] * 4)
    for state in ("failed", "canceled"):
        Job.objects.create(
            tenant=acting,
            state=state,
            fence=1,
            error_code="no_face" if state == "failed" else "",
            finished_at=NOW,
            options=OPTIONS,
            result_facts={"processing_seconds": 1},
            video=Job.objects.first().video,
            audio=Job.objects.first().audio,
            submitted_by="a test",
        )
    assert pace() is None


def test_all_tenants_are_learned_from_and_none_is_told_of(acme, globex):
    with acting_for(globex.id):
        successes(*[2] * 5)
        for lane in range(2):
            a_queued_job(lane=lane)
        lifecycle.claim(Job.objects.get(lane=0).id, worker="gpu-1", lease=60)
    with acting_for(acme.id):
        assert pace() == Span(2, 2)
        assert forecasting.line() == Line(1, 1, Span(20, 20))
        assert Job.objects.count() == 0


def test_one_worker_with_two_jobs_in_its_history_is_one_worker(acting):
    first, second = a_queued_job(lane=0), a_queued_job(lane=1)
    attempt = lifecycle.claim(first.id, worker="gpu-1", lease=60)
    lifecycle.release(attempt.id, fence=attempt.fence)
    lifecycle.claim(second.id, worker="gpu-1", lease=60)
    assert forecasting.line() == Line(1, 1, None)


def test_ahead_are_those_that_were_sent_before(acme, globex):
    moments = [NOW + timedelta(minutes=number) for number in range(4)]
    for tenant, dispatched in zip((acme, acme, globex), moments, strict=False):
        with acting_for(tenant.id):
            a_queued_job(lane=Job.objects.count(), dispatched_at=dispatched)
    with acting_for(acme.id):
        assert forecasting.ahead(moments) == dict(zip(moments, (0, 1, 2, 3), strict=True))


@pytest.mark.parametrize(
    ("length", "seconds"),
    [(None, 8), ("audio", 8), ("loop", 8), ("hold", 8), ("cut", 5), ("video", 5)],
)
def test_the_result_is_as_long_as_the_option_says(length, seconds):
    job = Job(options={"length": length} if length else {})
    assert forecasting.output_seconds(job, 5, 8) == seconds


def test_what_was_not_looked_at_has_no_length():
    assert forecasting.output_seconds(Job(options={}), 5, None) is None
    assert forecasting.output_seconds(Job(options={"length": "cut"}), None, 8) is None


def test_what_a_worker_has_done_is_not_to_be_done_again():
    assert forecasting.work(Span(2, 3), 60, 0) == Span(120, 180)
    assert forecasting.work(Span(2, 3), 60, 75) == Span(30, 45)
    assert forecasting.work(Span(2, 3), 60, 100) == Span(0, 0)
    assert forecasting.work(None, 60, 0) is None
    assert forecasting.work(Span(2, 3), None, 0) is None


@pytest.mark.parametrize(
    ("ahead", "runnable", "workers", "low", "high"),
    [
        (0, 1, 0, 0, 0),  # an idle worker takes it
        (3, 4, 0, 300, 600),
        (0, 1, 2, 0, 200),  # each of the two may have just begun a slow one
        (1, 2, 2, 0, 200),
        (2, 3, 2, 100, 400),
        (3, 4, 2, 100, 400),
        (4, 5, 2, 200, 600),
        # The policy will have four for them, but they are not there yet.
        (17, 18, 2, 800, 1800),
        (100, 200, 10, 1000, 2200),
    ],
)
def test_the_wait_for_a_gpu_is_in_whole_rounds(ahead, runnable, workers, low, high):
    assert forecasting.wait_for_gpu(ahead, Line(runnable, workers, JOB)) == Span(low, high)


@pytest.mark.parametrize(
    ("place", "lanes", "line", "high"),
    [
        (1, Lanes(2, 2), Line(0, 2, JOB), 200),
        (2, Lanes(2, 2), Line(0, 2, JOB), 200),
        (3, Lanes(2, 2), Line(0, 2, JOB), 400),
        (4, Lanes(2, 2), Line(0, 2, JOB), 400),
        (1, Lanes(1, 1), Line(0, 1, JOB), 200),
        (5, Lanes(1, 1), Line(0, 1, JOB), 1000),
        (1, Lanes(2, 0), Line(0, 0, JOB), 0),  # admission comes within the second
        (2, Lanes(2, 1), Line(0, 1, JOB), 200),
        (1, Lanes(1, 3), Line(0, 3, JOB), 200),  # a limit that was lowered
        # Three wait for two GPUs: each round, and the last, may wait two slow jobs for one.
        (1, Lanes(2, 2), Line(3, 2, JOB), 1000),
    ],
)
def test_the_wait_for_a_lane_is_at_worst_in_whole_rounds(place, lanes, line, high):
    assert forecasting.wait_for_lane(place, lanes, line) == Span(0, high)


@pytest.mark.parametrize(
    ("lanes", "workers", "ends"),
    [
        (1, 1, [5, 85, 225, 305, 306]),
        (2, 1, [5, 85, 225, 305, 306]),  # one worker, however many lanes
        (1, 2, [5, 85, 225, 305, 306]),
        (4, 0, [5, 85, 225, 305, 306]),  # an idle one will come
        (2, 2, [5, 80, 182.5, 192.5, 192.5]),  # the short last one is told no sooner
    ],
)
def test_at_best_a_job_ends_when_all_before_it_are_done_and_itself(lanes, workers, ends):
    line = Line(0, workers, JOB)
    assert forecasting.ends([5, 80, 140, 80, 1], Lanes(lanes, lanes), line) == ends
    assert forecasting.ends([], Lanes(lanes, 0), line) == []


def test_nothing_known_of_jobs_says_nothing_of_waits():
    assert forecasting.wait_for_gpu(0, Line(0, 1, None)) is None
    assert forecasting.wait_for_lane(1, Lanes(1, 1), Line(0, 1, None)) is None


def test_a_forecast_adds_its_parts_and_needs_them_all():
    expected = Finish(NOW + timedelta(seconds=4), NOW + timedelta(seconds=6))
    assert forecasting.finish(NOW, Span(1, 2), Span(3, 4)) == expected
    assert forecasting.finish(NOW, Span(1, 2), None) is None


@pytest.mark.django_db(transaction=True)
def test_however_many_have_succeeded_fifty_are_looked_at():
    acme = a_tenant("Acme")
    with acting_for(acme.id):
        successes(*[2] * 150)
    with database.owner() as owner:
        owner.execute("VACUUM ANALYZE jobs_job")
        source = owner.execute("SELECT prosrc FROM pg_proc WHERE proname = 'viseme_pace'")
        body = source.fetchone()[0].replace("= steps", "= '20'").replace("= speed", "= 'exact'")
    with as_operator("explain a forecast"), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {body}")
        plan = cursor.fetchone()[0][0]["Plan"]
    assert 0 < rows_of("jobs_job", plan) <= 50
