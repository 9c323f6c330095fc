"""The first look at a job's files: real files, a real throw-away process, a real storage."""

from pathlib import Path

import pytest

from jobs import probing, storage
from jobs.models import Job, State, Upload
from messaging.models import OutboxMessage
from tenants.context import acting_for
from tests.inference.clips import film, numbered, sound
from tests.making import a_job, an_upload


@pytest.fixture
def clip(tmp_path) -> Path:
    return film(tmp_path / "clip.mp4", numbered(12))


@pytest.fixture
def voice(tmp_path) -> Path:
    return sound(tmp_path / "voice.wav", 0.5)


@pytest.fixture
def job_of(acme, shelves):
    def make(video: Path, audio: Path) -> Job:
        with acting_for(acme.id):
            uploads = [
                an_upload(kind, name=file.name, size_bytes=max(file.stat().st_size, 1))
                for kind, file in (("video", video), ("audio", audio))
            ]
            job = a_job(video=uploads[0], audio=uploads[1])
        for upload, file in zip(uploads, (video, audio), strict=True):
            storage.put(storage.inputs(), upload.key, file)
        return job

    return make


def looked_at(job: Job) -> Job:
    probing.probe_job(job.id, job.tenant_id)
    with acting_for(job.tenant_id):
        return Job.objects.select_related("video").get(id=job.id)


def test_good_files_queue_the_job_and_are_described(job_of, clip, voice, shelves):
    job = looked_at(job_of(clip, voice))
    assert job.state == State.QUEUED
    assert (
        job.video.media_info["video"] | {"width": 64, "height": 48, "frame_rate": "25/1"}
        == (job.video.media_info["video"])
    )
    assert not list((shelves / "work").iterdir())


def test_a_text_file_named_mp4_is_refused_with_a_sentence(job_of, voice, tmp_path):
    text = tmp_path / "holiday.mp4"
    text.write_text("This is not a film.\n" * 50)
    job = looked_at(job_of(text, voice))
    assert (job.state, job.error_code) == (State.FAILED, "unsupported_media")
    assert "holiday.mp4" in job.error_message
    assert job.error_hint


def test_a_video_without_a_picture_is_refused(job_of, voice):
    job = looked_at(job_of(voice, voice))
    assert (job.state, job.error_code) == (State.FAILED, "no_video_stream")


def test_a_voice_without_sound_is_refused(job_of, clip):
    job = looked_at(job_of(clip, clip))
    assert (job.state, job.error_code) == (State.FAILED, "no_audio_stream")


def test_a_voice_longer_than_the_tenants_limit_is_refused(acme, job_of, clip, tmp_path):
    with acting_for(acme.id):
        acme.limits.video_seconds = 1
        acme.limits.save()
    job = looked_at(job_of(clip, sound(tmp_path / "long.wav", 2.0)))
    assert (job.state, job.error_code) == (State.FAILED, "media_too_large")


@pytest.mark.parametrize("which", ["video", "audio"])
def test_half_of_a_file_from_the_storage_is_no_fault_of_the_file(job_of, clip, voice, which):
    """The engine would call it damaged, and the job would end: the look comes again instead."""
    job = job_of(clip, voice)
    path = Path(storage.inputs().path(getattr(job, which).key))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(OSError, match="bytes came of"):
        looked_at(job)
    with acting_for(job.tenant_id):
        assert Job.objects.get(id=job.id).state == State.VALIDATING


def test_a_good_pair_asks_for_a_preview_of_its_video(job_of, clip, voice):
    job = looked_at(job_of(clip, voice))
    with acting_for(job.tenant_id):
        asked = OutboxMessage.objects.get(actor="make_preview")
    ids = {"upload_id": str(job.video_id), "tenant_id": str(job.tenant_id)}
    assert (asked.queue, asked.payload) == ("previews", ids)


def test_a_message_that_comes_twice_changes_nothing(job_of, clip, voice):
    job = job_of(clip, voice)
    looked_at(job)
    with acting_for(job.tenant_id):
        Upload.objects.filter(id=job.video_id).update(media_info={"left": "alone"})
    assert looked_at(job).video.media_info == {"left": "alone"}
