"""The simulated cluster keeps its books, and the policy its promise: no video is stopped."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import cluster, scaling_simulation
from benchmarks.cluster import Cluster, Figure, Outcome, Times, demand, queue_depth
from benchmarks.days import DAY, DAYS, Arrival, Day

LIVE, CACHED = Times(), Times(figure_age=30)
arrivals = st.builds(
    Arrival, at=st.floats(0, 3000), tenant=st.integers(0, 2), seconds=st.floats(1, 900)
)


def a_day(*sent: tuple[float, int, float], lanes: int = 50) -> Day:
    """(moment, jobs, seconds of each) of one tenant."""
    each = [Arrival(at, 0, seconds) for at, jobs, seconds in sent for _ in range(jobs)]
    return Day("made up", (lanes,), tuple(each))


def run(day: Day, figure: Figure = demand, times: Times = LIVE) -> Outcome:
    return Cluster(day, figure, times).run()


@settings(max_examples=60, deadline=None)
@given(
    jobs=st.lists(arrivals, max_size=60),
    lanes=st.tuples(*[st.integers(1, 12)] * 3),
    figure=st.sampled_from([demand, queue_depth]),
    times=st.sampled_from([LIVE, CACHED]),
)
def test_every_job_that_comes_is_done_and_no_pod_is_conjured(jobs, lanes, figure, times):
    ordered = tuple(sorted(jobs, key=lambda job: job.at))
    outcome = run(Day("any", lanes, ordered), figure, times)
    assert sorted(job.arrival.at for job in outcome.jobs) == [job.at for job in ordered]
    assert all(job.finished >= job.begun >= job.admitted >= 0 for job in outcome.jobs)
    assert all(wait >= -1e-6 for wait in outcome.waits)
    assert all(1 <= pods <= 10 for _, pods in outcome.pods)
    assert outcome.gpu_seconds >= sum(job.seconds for job in ordered) - 1e-6
    for tenant, number in enumerate(lanes):
        assert most_at_once([job for job in outcome.jobs if job.arrival.tenant == tenant]) <= number


@settings(max_examples=60, deadline=None)
@given(jobs=st.lists(arrivals, max_size=60), lanes=st.tuples(*[st.integers(1, 12)] * 3))
def test_the_policy_never_stops_a_video(jobs, lanes):
    day = Day("any", lanes, tuple(sorted(jobs, key=lambda job: job.at)))
    assert run(day).stopped == 0


def most_at_once(jobs: list) -> int:
    """Jobs of a tenant that hold a lane at one moment."""
    changes = [(job.finished, -1) for job in jobs] + [(job.admitted, 1) for job in jobs]
    most = held = 0
    for _, change in sorted(changes):
        held += change
        most = max(most, held)
    return most


def test_the_sixth_job_brings_the_second_pod_and_the_fifth_does_not():
    assert run(a_day((0, 5, 100))).pods == [(0.0, 1)]
    assert run(a_day((0, 6, 100))).pods[:2] == [(0.0, 1), (0.0, 2)]


def test_a_second_pod_works_once_its_node_and_itself_have_started():
    outcome = run(a_day((0, 6, 1000)))
    begun = sorted(job.begun for job in outcome.jobs)
    assert begun[:2] == [0, cluster.NODE_START_SECONDS + cluster.POD_START_SECONDS]


def test_an_idle_pod_goes_after_five_minutes_and_its_node_a_minute_later():
    outcome = run(a_day((0, 6, 1), (900, 1, 1)))
    [(up, two), (down, one)] = outcome.pods[1:]
    assert (up, two, one) == (0, 2, 1)
    assert 300 <= down <= 315
    assert outcome.gpu_seconds == pytest.approx(901 + down + cluster.NODE_LINGERS_SECONDS)


def test_what_waits_for_a_lane_asks_for_no_pod_of_the_policy_but_of_plain_depth():
    blocked = a_day((0, 50, 100), lanes=1)
    assert max(pods for _, pods in run(blocked).pods) == 1
    assert max(pods for _, pods in run(blocked, queue_depth).pods) == 10


def test_plain_depth_stops_running_videos_and_the_policy_none():
    """Six pods come for thirty long videos; when the last six run, the queue is empty."""
    day = a_day((0, 30, 900))
    assert run(day, queue_depth).stopped > 0
    assert run(day).stopped == 0
    assert all(job.finished > 0 for job in run(day, queue_depth).jobs)


def test_a_stopped_video_goes_on_where_it_was_but_for_the_last_seconds():
    ends = []
    for lost in (0, 10, 900):
        outcome = run(a_day((0, 30, 900)), queue_depth, Times(handed_over=lost))
        assert outcome.stopped > 0
        ends.append(max(job.finished for job in outcome.jobs))
    assert ends == sorted(set(ends))


def test_a_figure_from_a_cache_can_stop_a_video():
    """Why KEDA's cache stays off: all pods are taken between the figure and the scale-in."""
    days = [a_day((0, 6, 1), (at, 2, 600)) for at in range(290, 350, 2)]
    assert sum(run(day, demand, CACHED).stopped for day in days) > 0
    assert sum(run(day).stopped for day in days) == 0


@pytest.mark.parametrize("make", DAYS, ids=lambda make: make.__name__)
def test_a_day_is_its_seed(make):
    assert make(1) == make(1) != make(2)
    day = make(1)
    assert len(day.arrivals) > 100
    assert all(0 <= arrival.at < DAY for arrival in day.arrivals)
    assert {arrival.tenant for arrival in day.arrivals} <= set(range(len(day.lanes)))


def test_the_same_seed_gives_the_same_figures(tmp_path, capsys):
    found = []
    for number in range(2):
        file = tmp_path / f"{number}.json"
        assert scaling_simulation.main(["--seed", "3", "--json", str(file)]) == 0
        found.append(json.loads(file.read_text()))
    assert found[0]["days"] == found[1]["days"]
    assert set(found[0]["days"]) == {make(3).name for make in DAYS}
    for ways in found[0]["days"].values():
        assert ways["demand"]["stopped"] == 0
        assert set(ways["demand"]) == set(scaling_simulation.COLUMNS)
    assert "by queue depth" in capsys.readouterr().out
