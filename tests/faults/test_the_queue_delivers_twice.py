"""At least once is what a queue promises: whoever comes second finds the job taken, or done."""

import pytest

from tests.faults import promise
from tests.faults.conftest import submit_files
from tests.faults.endings import ends_well
from tests.faults.processes import until

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

LONG = {"steps": 100, "step_seconds": 0.1}
LIPSYNC, DEAD = "lipsync.fifo", "lipsync-dead.fifo"
DEAD_ARN = f"arn:aws:sqs:us-east-1:000000000000:{DEAD}"


@pytest.fixture
def strict(house):
    house.start_queues()
    return house.queues.strict


def test_a_message_to_two_live_workers_at_once(house, strict, submit):
    """The later receipt is the good one: whichever of the two claimed, the other deletes."""
    twice = strict.fault("ReceiveMessage", queue=LIPSYNC, when="repeat")
    house.plan(**LONG)
    house.start("dispatcher")
    for _ in range(2):
        house.start("gpu-worker")
    until(lambda: house.tells("model_ready", times=2), "both wait for messages")
    job = submit()
    until(lambda: house.tells("job_not_claimed"), "one of them is too late")
    assert twice.struck() == 1 and job.state == "processing"
    ends_well(house, job)


def test_a_message_that_was_sent_twice(house, strict, submit):
    """The second slipped past the deduplication, as after more than five minutes."""
    twice = strict.fault("SendMessage", queue=LIPSYNC, when="repeat")
    house.start("dispatcher")
    house.start("gpu-worker")
    job = submit()
    until(lambda: house.tells("job_not_claimed"), "the second finds it done")
    ends_well(house, job)
    assert twice.struck() == 1


def test_the_order_to_look_at_a_new_jobs_files(house, strict, tenant, settings):
    """A standard queue: nothing but the job's state keeps two looks from doing harm."""
    strict.fault("SendMessage", queue="tasks", when="repeat")
    strict.fault("ReceiveMessage", queue="tasks", when="repeat")
    for name in ("dispatcher", "task-worker", "task-worker", "gpu-worker"):
        house.start(name)
    video, audio = (settings.SAMPLE_DIR / name for name in ("face.mp4", "voice.wav"))
    ends_well(house, submit_files(tenant, video.read_bytes(), audio.read_bytes()))


@pytest.fixture
def dead_letter(house, strict, submit):
    """A job whose message is a dead letter that nobody reads."""
    dispatcher = house.start("dispatcher", DISPATCH_LOST_SECONDS="600")
    job = submit()
    until(lambda: strict.messages(LIPSYNC) and not job.unsent, "the message is sent and marked")
    dispatcher.kill()
    house.queues.receive_in_vain(LIPSYNC, times=3)
    assert [message.queue for message in strict.naming(str(job.id))] == [DEAD]
    return job


def redrive(house):
    house.queues.client.start_message_move_task(SourceArn=DEAD_ARN)


def test_a_dead_letter_moved_back_of_a_job_that_has_succeeded(house, strict, dead_letter):
    house.start("gpu-worker")
    until(lambda: house.tells("model_ready"), "a worker waits for messages")
    # It misses the message and sends another, which is not missed as well.
    house.start("dispatcher", DISPATCH_LOST_SECONDS="8")
    until(dead_letter.has_ended, "the job ends")
    before = dead_letter.result
    redrive(house)
    ends_well(house, dead_letter)
    assert dead_letter.result == before
    assert house.queues.receives(LIPSYNC) == 5  # in vain, for the job, and the one moved back


def test_a_dead_letter_moved_back_of_a_job_that_was_canceled(house, strict, dead_letter):
    dead_letter.cancel()
    redrive(house)
    house.start("dispatcher")
    house.start("gpu-worker")
    assert promise.settled(dead_letter.id, house.queues) == []
    assert (dead_letter.state, dead_letter.attempts) == ("canceled", 0)


def test_a_dead_letter_moved_back_of_a_job_that_still_waits_starts_it(house, dead_letter):
    redrive(house)
    ends_well(house, dead_letter, "gpu-worker")
