"""A request becomes a job in one transaction, once for each idempotency key."""

import pytest

from jobs.errors import (
    BadJobOption,
    IdempotencyKeyReused,
    TooManyWaiting,
    UnknownUpload,
    UploadNotReady,
)
from jobs.models import Job, State
from jobs.submission import submit
from messaging.models import OutboxMessage
from tenants.context import acting_for
from tenants.models import Limits
from tests.making import an_upload


def submitted(video=None, audio=None, **told):
    return submit(
        video_id=(video or an_upload("video")).id,
        audio_id=(audio or an_upload("audio")).id,
        options=told.pop("options", {}),
        submitted_by="a test",
        **told,
    )


def test_a_job_and_its_first_message_come_together(acting):
    job, replayed = submitted()
    assert (job.state, replayed) == (State.VALIDATING, False)
    message = OutboxMessage.objects.get()
    assert (message.actor, message.payload["job_id"]) == ("probe_job", str(job.id))


def test_what_was_not_chosen_is_the_environments_default(acting, settings):
    settings.INFERENCE_STEPS, settings.GUIDANCE_SCALE = 30, 2.0
    assert submitted()[0].options == {"steps": 30, "guidance": 2.0, "seed": 1247}
    chosen = {"steps": 50, "guidance": 3, "seed": 7}
    assert submitted(options=chosen)[0].options == {"steps": 50, "guidance": 3.0, "seed": 7}


@pytest.mark.parametrize(
    "options",
    [
        {"steps": 19},
        {"steps": 51},
        {"steps": 20.5},
        {"steps": True},
        {"guidance": 0.99},
        {"guidance": 3.01},
        {"guidance": float("nan")},
        {"seed": -1},
        {"device": "cuda"},
        {"speed": "fast"},
    ],
)
def test_an_option_outside_its_range_is_refused_and_leaves_no_job(acting, options):
    with pytest.raises(BadJobOption):
        submitted(options=options)
    assert not Job.objects.exists()


def test_the_same_key_and_request_give_the_first_job(acting):
    video, audio = an_upload("video"), an_upload("audio")
    first, _ = submitted(video, audio, idempotency_key="k")
    again, replayed = submitted(video, audio, idempotency_key="k")
    assert (again.id, replayed) == (first.id, True)
    assert OutboxMessage.objects.count() == 1


def test_the_same_bytes_sent_twice_are_the_same_request(acting):
    first, _ = submitted(
        an_upload(sha256="a" * 64), an_upload("audio", sha256="b" * 64), idempotency_key="k"
    )
    again, replayed = submitted(
        an_upload(sha256="a" * 64), an_upload("audio", sha256="b" * 64), idempotency_key="k"
    )
    assert (again.id, replayed) == (first.id, True)


def test_the_same_key_with_another_request_is_refused_and_names_the_first(acting):
    first, _ = submitted(idempotency_key="k")
    with pytest.raises(IdempotencyKeyReused) as refusal:
        submitted(idempotency_key="k")
    assert refusal.value.job_id == first.id


def test_another_tenant_may_use_the_same_key(acme, globex):
    made = []
    for tenant in (acme, globex):
        with acting_for(tenant.id):
            made.append(submitted(idempotency_key="k"))
    assert made[0][0].id != made[1][0].id
    assert not made[1][1]


def test_another_tenants_upload_is_as_unknown_as_a_made_up_one(acme, globex):
    with acting_for(globex.id):
        foreign = an_upload("video")
    with acting_for(acme.id), pytest.raises(UnknownUpload):
        submitted(foreign)


def test_a_voice_is_no_video(acting):
    with pytest.raises(UnknownUpload):
        submitted(video=an_upload("audio"))


def test_an_upload_that_is_not_complete_is_refused(acting):
    with pytest.raises(UploadNotReady):
        submitted(an_upload(state="open", completed_at=None))


def test_a_tenants_line_has_an_end(acting):
    Limits.objects.update(jobs_waiting=1)
    submitted()
    with pytest.raises(TooManyWaiting, match="as it may have: 1"):
        submitted()
