"""The policy at its boundaries: up above 5 a pod, down below 2, five minutes, 1 to 10 pods."""

import pytest

from jobs.scaling import POLICY, Decision, Past, decide, demand, explain, recommend


def steps(*asked: tuple[float, int], pods: int, past: Past | None = None) -> list[Decision]:
    """The decisions for (moment, demand) pairs, each with the pods that the one before left."""
    decisions: list[Decision] = []
    past = past or Past()
    for now, wanted in asked:
        decisions.append(decide(wanted, pods, now=now, past=past))
        pods, past = decisions[-1].pods, decisions[-1].past
    return decisions


@pytest.mark.parametrize(
    ("pods", "wanted", "to"),
    [
        (1, 5, 1),
        (1, 6, 2),
        (4, 8, 4),
        (4, 7, 2),
        (4, 20, 4),
        (4, 21, 5),
        (10, 20, 10),
        (10, 19, 4),
        (1, 0, 1),
        (3, 0, 1),
        (10, 51, 10),
        (1, 1000, 10),
        (0, 0, 1),
        (0, 6, 2),
    ],
)
def test_a_pod_stands_for_a_demand_of_two_to_five(pods, wanted, to):
    assert recommend(wanted, pods) == to


def test_a_pod_with_a_video_justifies_itself():
    wanted = demand(runnable=3, running=4)
    assert wanted == 20
    assert recommend(wanted, pods=4) == 4
    assert recommend(3 + 4, pods=4) == 2, "the plain sum would stop two videos"


@pytest.mark.parametrize("pods", range(1, 11))
def test_no_demand_asks_for_fewer_pods_than_there_are_videos(pods):
    for running in range(pods + 1):
        for runnable in range(60):
            wanted = demand(runnable=runnable, running=running)
            assert recommend(wanted, pods) >= running


def test_more_pods_come_at_once_by_doubling_or_four():
    assert [d.pods for d in steps((0, 50), (15, 50), (30, 50), pods=1)] == [5, 10, 10]
    assert [d.pods for d in steps((0, 15), pods=1)] == [3]


def test_fewer_pods_come_when_no_recommendation_of_five_minutes_asks_for_more():
    busy_then_quiet = steps((0, 20), (15, 0), (299.9, 0), (300, 0), pods=4)
    assert [d.pods for d in busy_then_quiet] == [4, 4, 4, 3]
    assert [d.reason for d in busy_then_quiet] == ["enough", "window", "window", "fewer"]


def test_the_highest_recommendation_of_the_window_wins():
    decisions = steps((0, 50), (60, 12), (300, 0), (359, 0), (360, 0), pods=10)
    assert [d.recommended for d in decisions] == [10, 3, 1, 1, 1]
    # 10 has left the window at 300: 3 holds until 360, and the pace is one a minute anyway.
    assert [d.pods for d in decisions] == [10, 10, 9, 9, 8]


def test_one_pod_a_minute_goes():
    quiet = steps(*[(300 + 15 * turn, 0) for turn in range(14)], pods=4)
    assert [d.pods for d in quiet] == [3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1]
    assert {d.reason for d in quiet} == {"fewer", "pace", "enough"}


def test_a_new_demand_within_the_window_starts_it_again():
    decisions = steps((0, 20), (200, 8), (310, 0), (499, 0), (500, 0), pods=4)
    # At 200 a demand of 8 is within the band of four pods: that recommends four until 500.
    assert [d.pods for d in decisions] == [4, 4, 4, 4, 3]


def test_a_decision_remembers_no_longer_than_the_window():
    past = Past()
    for turn in range(1000):
        past = decide(0, 1, now=15.0 * turn, past=past).past
    assert len(past.recommended) == POLICY.window_seconds / 15


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (
            {"queued": 1, "runnable": 1, "running": 0, "demand": 1, "pods": 1},
            [
                "1 job queued, 1 of them with a lane: only those could run now.",
                "0 jobs running. The demand is 1: runnable and running jobs together.",
                "With 1 pod there are more above a demand of 5 and fewer below 2, but never fewer"
                " than 1 or more than 10: it stays.",
            ],
        ),
        (
            {"queued": 90, "runnable": 3, "running": 4, "demand": 20, "pods": 4},
            [
                "90 jobs queued, 3 of them with a lane: only those could run now.",
                "4 jobs running. The demand is 20: each running job counts 5,"
                " so that its pod stays.",
                "With 4 pods there are more above a demand of 20 and fewer below 8: it stays.",
            ],
        ),
        (
            {"queued": 6, "runnable": 6, "running": 0, "demand": 6, "pods": 1},
            [
                "6 jobs queued, 6 of them with a lane: only those could run now.",
                "0 jobs running. The demand is 6: runnable and running jobs together.",
                "With 1 pod there are more above a demand of 5 and fewer below 2:"
                " the policy asks for 2 pods.",
            ],
        ),
        (
            {"queued": 0, "runnable": 0, "running": 1, "demand": 5, "pods": 4},
            [
                "0 jobs queued, 0 of them with a lane: only those could run now.",
                "1 job running. The demand is 5: each running job counts 5, so that its pod stays.",
                "With 4 pods there are more above a demand of 20 and fewer below 8:"
                " 1 pod would do, when that has held for 5 minutes.",
            ],
        ),
    ],
)
def test_a_moment_is_explained_in_sentences(told, said):
    assert explain(**told) == said
