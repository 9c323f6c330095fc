"""One attempt seen through by the supervisor, to its result or to the model's refusal."""

import pytest

from jobs import storage
from jobs.models import Attempt
from tenants.context import acting_for, as_operator
from tenants.models import Limits
from tests.jobs.worker.attempts import seen, work

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_job_is_delivered_with_size_and_hash_of_the_file_itself(supervisor, job):
    work(supervisor, job)
    done = seen(job)
    assert done.state == "succeeded"
    assert storage.outputs().size(done.result_key) == done.result_size_bytes == 5 * 99
    assert done.model_label == "stub model"
    assert done.result_seconds == 2


def test_a_sound_that_decodes_to_more_than_its_header_said_is_refused(supervisor, job):
    """The probe believed the header; the model is told the tenant's limit."""
    with acting_for(job.tenant_id):
        Limits.objects.update(video_seconds=1)
    work(supervisor, job)
    refused = seen(job)
    assert (refused.state, refused.error_code) == ("failed", "media_too_large")
    with acting_for(job.tenant_id):
        assert Attempt.objects.count() == 1


def test_nothing_stays_in_the_work_folder(supervisor, job, settings):
    work(supervisor, job)
    assert list(settings.WORK_ROOT.glob("*/*")) == []


def test_a_repeated_message_does_nothing(supervisor, job):
    work(supervisor, job)
    work(supervisor, job)
    with as_operator("count"):
        assert Attempt.objects.filter(job=job.id).count() == 1


def test_a_fault_of_the_engine_queues_the_job_again_under_a_new_number(supervisor, job, plan):
    plan(then="fault")
    work(supervisor, job)
    again = seen(job)
    assert (again.state, again.dispatch_number) == ("queued", 2)


def test_a_refusal_ends_the_job_with_its_code(supervisor, job, plan):
    plan(then="refuse")
    work(supervisor, job)
    assert (seen(job).state, seen(job).error_code) == ("failed", "no_face")


def test_a_word_in_the_audio_makes_a_job_a_poisonous_one(supervisor, job, plan):
    plan(words={"bytes": {"then": "refuse"}})
    work(supervisor, job)
    assert seen(job).error_code == "no_face"


def test_the_stage_says_that_the_model_loads(supervisor, job, plan, tmp_path, beside):
    loaded = tmp_path / "loaded"
    plan(load_seconds=60, load_until=str(loaded), steps=1)
    beside(lambda: seen(job).phase == "load", loaded.touch)
    work(supervisor, job)
    assert seen(job).state == "succeeded"
