import threading
import time

import pytest

from inference.pipeline.flow import Allowance, Belt, Broken, Flow
from tests.inference.runs import wait_until


def test_what_goes_on_a_belt_comes_off_in_order():
    got = []
    with Flow() as flow:
        belt = Belt(flow, 2)

        def fill():
            for number in range(50):
                belt.put(number)
            belt.close()

        flow.start("fill", fill)
        got += belt.taken()
    assert got == list(range(50))


def test_a_full_belt_stops_who_fills_it():
    filled = []
    with Flow() as flow:
        belt = Belt(flow, 3)
        full = threading.Event()

        def fill():
            for number in range(5):
                if number == 3:
                    full.set()
                belt.put(number)
                filled.append(number)
            belt.close()

        flow.start("fill", fill)
        assert full.wait(60)
        assert filled == [0, 1, 2]
        assert list(belt.taken()) == [0, 1, 2, 3, 4]


def test_the_first_stage_that_fails_ends_them_all_and_is_what_is_raised():
    ended = []

    def waits(belt):
        try:
            list(belt.taken())
        finally:
            ended.append(1)

    def fails():
        raise ValueError("the cause")

    with pytest.raises(ValueError, match="the cause"), Flow() as flow:
        empty, full = Belt(flow, 1), Belt(flow, 1)
        full.put(0)
        flow.start("takes", lambda: waits(empty))
        flow.start("puts", lambda: full.put(1))
        flow.start("fails", fails)
        list(empty.taken())
    assert ended == [1]
    assert not [thread for thread in threading.enumerate() if thread.name in ("takes", "puts")]


def test_an_error_in_the_callers_thread_stops_the_stages_and_what_they_wait_for():
    stopped = threading.Event()
    with pytest.raises(KeyboardInterrupt), Flow() as flow:
        flow.on_failure(stopped.set)
        flow.start("outside", lambda: stopped.wait(60) or None)
        flow.start("takes", lambda: list(Belt(flow, 1).taken()))
        raise KeyboardInterrupt
    assert stopped.is_set()


def test_who_waits_patiently_hears_a_cancel():
    def canceled():
        raise TimeoutError

    with pytest.raises(TimeoutError), Flow(canceled) as flow:
        list(Belt(flow, 1).taken(patient=True))


def test_no_more_frames_are_under_way_than_allowed():
    taken, given = [], []
    with Flow() as flow:
        allowance, belt = Allowance(flow, 4), Belt(flow, 100)

        def fill():
            for number in range(30):
                allowance.take()
                taken.append(number)
                belt.put(number)
            belt.close()

        flow.start("fill", fill)
        for number in belt.taken():
            wait_until(lambda: len(taken) >= min(30, len(given) + 4))  # as far ahead as it may be
            time.sleep(0.001)  # and if it may be further, there is time for that
            assert len(taken) <= len(given) + 4
            given.append(number)
            allowance.give()
    assert taken == given == list(range(30))


def test_nothing_is_put_on_a_belt_of_a_flow_that_failed():
    flow = Flow()
    belt = Belt(flow, 5)
    flow.fail(ValueError())
    with pytest.raises(Broken):
        belt.put(1)
