"""The call had its effect and its caller never heard: nothing is done twice for that."""

import pytest

from tests.faults.endings import ends_well
from tests.faults.house import BRIEF
from tests.faults.processes import until

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

LONG = {"steps": 120, "step_seconds": 0.1}
SHORT_HOLD = {"FAULTS_LEASE_SECONDS": "6"}
NOBODY_MISSES_IT = {"DISPATCH_LOST_SECONDS": "600"}  # else a late start is one message more
ALL_TRIES = 3
LIPSYNC = "lipsync.fifo"


@pytest.fixture
def strict(house):
    house.start_queues()
    return house.queues.strict


@pytest.fixture
def lost(strict):
    """Order that answers to a call are lost."""
    return lambda action, times=1: strict.fault(
        action, queue=LIPSYNC, when="after", error="cut", times=times
    )


def test_of_a_receive_and_the_client_gets_the_same_message_at_once(house, strict, lost, submit):
    fault = lost("ReceiveMessage")
    house.start("dispatcher", **NOBODY_MISSES_IT)
    house.start("gpu-worker")
    ends_well(house, submit())
    received = strict.history("ReceiveMessage", LIPSYNC)
    assert fault.struck() == 1
    assert [line["receives"] for line in received] == [1, 1]  # twice the first receive


def test_of_a_receive_for_good_and_the_hold_that_nobody_knows_of_runs_out(
    house, strict, lost, submit
):
    fault = lost("ReceiveMessage", ALL_TRIES)
    house.start("dispatcher", **NOBODY_MISSES_IT)
    house.start("gpu-worker", **BRIEF)
    ends_well(house, submit())
    assert fault.struck() == ALL_TRIES
    assert strict.history("ReceiveMessage", LIPSYNC)[-1]["receives"] == 2


@pytest.mark.parametrize("times", [1, ALL_TRIES])
def test_of_a_send_and_the_second_one_is_swallowed(house, strict, lost, submit, times):
    fault = lost("SendMessage", times)
    house.start("dispatcher", **NOBODY_MISSES_IT)
    house.start("gpu-worker")
    job = submit()
    until(lambda: len(strict.history("SendMessage", LIPSYNC)) > times, "it is sent once more")
    ends_well(house, job)
    sent = strict.history("SendMessage", LIPSYNC)
    assert fault.struck() == times
    assert len({line["id"] for line in sent}) == len({line["dedup"] for line in sent}) == 1


def test_of_a_delete_and_its_repetition_is_no_mistake(house, strict, lost, submit):
    fault = lost("DeleteMessage")
    house.start("dispatcher")
    house.start("gpu-worker")
    ends_well(house, submit())
    assert fault.struck() == 1
    assert {line["error"] for line in strict.history("DeleteMessage", LIPSYNC)} == {None}


def test_of_an_extension_and_the_message_stays_held(house, strict, lost, submit):
    fault = lost("ChangeMessageVisibility", ALL_TRIES)
    house.plan(**LONG)
    house.start("dispatcher", **NOBODY_MISSES_IT)
    house.start("gpu-worker", **SHORT_HOLD)
    ends_well(house, submit())
    assert fault.struck() == ALL_TRIES
    assert house.queues.receives(LIPSYNC) == 1


def test_a_delete_that_failed_costs_a_second_look_and_no_second_video(house, strict, submit):
    fault = strict.fault("DeleteMessage", queue=LIPSYNC, times=ALL_TRIES)
    house.start("dispatcher", **NOBODY_MISSES_IT)
    house.start("gpu-worker", **BRIEF)
    ends_well(house, submit())
    assert fault.struck() == ALL_TRIES
    assert house.queues.receives(LIPSYNC) == 2


def test_a_message_that_can_never_be_deleted_comes_again_and_does_nothing(house, strict, submit):
    """Until it is a dead letter; the next job of its lane waits as long, and no longer."""
    strict.fault("DeleteMessage", queue=LIPSYNC)
    house.start("dispatcher", **NOBODY_MISSES_IT)
    house.start("gpu-worker", **BRIEF)
    first = submit()
    until(first.has_ended, "the first job ends")
    second = submit()
    until(second.has_ended, "the second job ends")
    for job in (first, second):
        ends_well(house, job, "task-worker")
