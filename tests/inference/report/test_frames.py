"""Every frame of the result is accounted for."""

from fractions import Fraction

import pytest

from inference.model.mask import draw_mask
from inference.report.measures import Measures
from inference.report.ranges import FrameLog


def test_frames_that_fared_alike_make_one_range_with_its_times():
    measures = Measures(draw_mask(64))
    fates = [("synced", "")] * 3 + [("passed_through", "no_face")] * 4 + [("bridged", "gap")] * 2
    fates += [("passed_through", "blurred"), ("synced", "")]
    for index, (state, reason) in enumerate(fates):
        measures.frame(index, state, reason, seconds=Fraction(index, 25))
    found = measures.to_mapping()["frames"]
    assert (found["count"], found["synced"], found["bridged"], found["passed_through"]) == (
        11,
        4,
        2,
        5,
    )
    told = [(r["state"], r["reason"], r["first"], r["last"]) for r in found["ranges"]]
    assert told == [
        ("passed_through", "no_face", 3, 6),
        ("bridged", "gap", 7, 8),
        ("passed_through", "blurred", 9, 9),
    ]
    assert (found["ranges"][0]["from_seconds"], found["ranges"][0]["to_seconds"]) == (0.12, 0.24)


def test_a_range_goes_on_across_segments():
    first, second, whole = FrameLog(), FrameLog(), FrameLog()
    for index in range(6):
        for log in (first if index < 3 else second, whole):
            log.add(index, "passed_through", "silence", index / 25)
    first.absorb(second.state())
    assert list(first) == list(whole)
    assert first.counts == whole.counts


def test_an_unknown_state_is_a_mistake_of_ours():
    with pytest.raises(ValueError, match="lost"):
        Measures(draw_mask(64)).frame(0, "lost")


def test_an_hour_of_blinking_faces_takes_a_few_bytes_a_range():
    log = FrameLog()
    for index in range(0, 20_000, 2):
        log.add(index, "passed_through", "no_face", index / 25)
    columns = (log._first, log._last, log._kind, log._from, log._to)
    assert len(list(log)) == 10_000
    assert sum(column.itemsize * len(column) for column in columns) <= 40 * 10_000
