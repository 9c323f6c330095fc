"""Messages of another release, and of nobody: put back, never deleted, and in nobody's way."""

import json
import time
from base64 import b64decode, b64encode

import pytest

from messaging.received import encode
from tests.faults import promise
from tests.faults.endings import ends_well
from tests.faults.processes import until

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

LIPSYNC, DEAD = "lipsync.fifo", "lipsync-dead.fifo"
NOBODY_MISSES_IT = {"DISPATCH_LOST_SECONDS": "600"}


@pytest.fixture
def strict(house):
    house.start_queues()
    return house.queues.strict


@pytest.fixture
def send(house, strict):
    """Puts a body into the lipsync queue; the id that SQS gave it."""

    def send(body, group="of nobody"):
        house.queues.send("lipsync", body, group)
        return strict.history("SendMessage", LIPSYNC)[-1]["id"]

    return send


def message(actor="lipsync", **ids):
    return encode("lipsync", actor, ids, "by a test")


def with_field(body, **more):
    return b64encode(json.dumps({**json.loads(b64decode(body)), **more}).encode()).decode()


STRANGE = {
    "an unknown actor": message("of_the_next_release", job_id="one"),
    "a field that we do not know": with_field(message(), signature="of the next release"),
    "no message at all": "Dear Sirs, this is no base64.",
    "no job": message(),
    "an id that is none": message(job_id="one", tenant_id="two", dispatch=3),
}


@pytest.mark.parametrize("body", STRANGE.values(), ids=STRANGE)
def test_what_nobody_understands_becomes_a_dead_letter_and_stays_one(
    house, strict, submit, send, body
):
    """It is put back each time, by the reader of the dead letters too: people have to look."""
    strange = send(body)
    for name in ("dispatcher", "gpu-worker", "task-worker"):
        house.start(name)
    job = submit()
    until(job.has_ended, "the job ends meanwhile")
    assert promise.settled(job.id, house.queues) == []
    assert (job.state, job.attempts) == ("succeeded", 1)
    until(
        lambda: put_back(strict, strange, DEAD) and strict.messages(DEAD),
        "the reader of the dead letters has put it back",
    )
    assert strict.messages(LIPSYNC) == []
    assert strange not in [line["id"] for line in strict.history("DeleteMessage")]


def put_back(strict, message_id, queue):
    done = strict.history("ChangeMessageVisibility", queue)
    return [line for line in done if line["id"] == message_id and not line["error"]]


def test_in_the_lane_of_a_job_it_holds_it_up_until_it_is_a_dead_letter(
    house, strict, submit, send, tenant
):
    """Both are of one group. It costs seconds here, and at most a minute and a half in production:
    three receives and the pauses between them."""
    strange = send(message("of_the_next_release"), group=f"{tenant.id}/0")
    house.start("dispatcher")
    job = submit()
    until(lambda: strict.naming(str(job.id)), "the job's message is sent")
    assert {one.group for one in strict.messages(LIPSYNC)} == {f"{tenant.id}/0"}
    ends_well(house, job, "gpu-worker")
    assert [one.id for one in strict.messages()] == [strange]


def test_of_the_release_before_this_one_which_sent_no_dispatch_number(house, strict, submit, send):
    job = waiting(house, strict, submit)
    send(message(job_id=str(job.id), tenant_id=str(job.tenant_id)))
    ends_well(house, job, "gpu-worker")


def test_of_the_release_after_this_one_which_sends_one_id_more(house, strict, submit, send):
    """This release cannot know what it would leave undone. Its dead letter asks for another."""
    job = waiting(house, strict, submit)
    send(message(job_id=str(job.id), tenant_id=str(job.tenant_id), dispatch=1, region="moon"))
    for name in ("dispatcher", "gpu-worker", "task-worker"):
        house.start(name, **NOBODY_MISSES_IT)
    ends_well(house, job)


def test_with_an_option_of_dramatiqs_that_we_never_send(house, strict, submit, send):
    """Dramatiq would set one with an `eta` aside, and its worker fetch no more."""
    job = waiting(house, strict, submit)
    ids = {"job_id": str(job.id), "tenant_id": str(job.tenant_id), "dispatch": 1}
    send(with_field(message(**ids), options={"eta": int(time.time() * 1000) + 1}))
    house.start("gpu-worker")
    until(job.has_ended, "the job ends")
    assert (job.state, job.attempts) == ("succeeded", 1)


def waiting(house, strict, submit):
    """A job whose own message is gone and that nobody misses yet."""
    dispatcher = house.start("dispatcher", **NOBODY_MISSES_IT)
    job = submit()
    until(lambda: strict.naming(str(job.id)) and not job.unsent, "the message is sent and marked")
    dispatcher.kill()
    strict.purge()
    return job
