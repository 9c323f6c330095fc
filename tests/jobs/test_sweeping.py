"""Files that no row owns are swept after a grace; what somebody owns or may be at is kept."""

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from jobs import lifecycle, storage, sweeping, uploads
from jobs.models import Job, Upload
from messaging.ids import new_id
from messaging.models import OutboxMessage
from tenants.context import acting_for, as_operator
from tests.jobs.results import RESULT
from tests.making import a_queued_job, an_upload

NOTHING = {"uploads": 0, "inputs": 0, "results": 0, "segments": 0}
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shelves")]


def put(shelf, key: str, *, days: float = 3) -> str:
    shelf.save(key, ContentFile(b"bytes"))
    aged(Path(shelf.path(key)), days)
    return key


def aged(path: Path, days: float) -> None:
    then = time.time() - days * 86400
    os.utime(path, (then, then))


def keys(shelf) -> set[str]:
    return {key for key, _ in storage.listed(shelf)}


@pytest.fixture
def claimed(acme):
    """A job in a worker's hands, and its attempt."""
    with acting_for(acme.id):
        job = a_queued_job(lane=0)
        lifecycle.dispatch(job)
        return lifecycle.claim(job.id, worker="gpu-1", lease=60)


def result_of(attempt, *, days: float = 3) -> str:
    key = storage.result_key(attempt.tenant_id, attempt.job_id, attempt.id)
    return put(storage.outputs(), key, days=days)


def test_a_result_that_was_put_before_a_stale_end_goes(acme, claimed):
    key = result_of(claimed)
    with acting_for(acme.id):
        lifecycle.fail(claimed.id, fence=1, code="x", message="", retry=True)
    assert sweeping.sweep()["results"] == 1
    assert key not in keys(storage.outputs())


def test_a_delivered_result_stays(acme, claimed):
    key = result_of(claimed, days=900)
    with acting_for(acme.id):
        lifecycle.succeed(claimed.id, fence=1, result=RESULT, output_key=key)
    assert sweeping.sweep()["results"] == 0
    assert keys(storage.outputs()) == {key}


def test_a_result_that_is_about_to_be_delivered_stays(claimed):
    key = result_of(claimed)
    assert sweeping.sweep()["results"] == 0
    assert keys(storage.outputs()) == {key}


def pieces_of(attempt, number: int, *, days: float = 3) -> set[str]:
    """A finished piece in the storage: its film and its record."""
    keys = storage.segment_keys(attempt.tenant_id, attempt.job_id, attempt.id, number)
    return {put(storage.outputs(), key, days=days) for key in keys}


def record(attempt, number: int) -> None:
    key, record_key = storage.segment_keys(attempt.tenant_id, attempt.job_id, attempt.id, number)
    piece = lifecycle.StoredSegment(number, key, record_key, 5, "0" * 64)
    with acting_for(attempt.tenant_id):
        lifecycle.record_segments(attempt.id, fence=attempt.fence, segments=[piece])


def test_the_pieces_of_a_job_that_waits_for_its_next_attempt_stay(acme, claimed):
    kept = pieces_of(claimed, 0, days=30)
    record(claimed, 0)
    with acting_for(acme.id):
        lifecycle.release(claimed.id, fence=1)
    assert sweeping.sweep() == NOTHING
    assert keys(storage.outputs()) == kept


def test_the_pieces_of_a_job_that_has_ended_go(acme, claimed):
    pieces_of(claimed, 0)
    record(claimed, 0)
    with acting_for(acme.id):
        lifecycle.fail(claimed.id, fence=1, code="no_face", message="", retry=False)
    assert sweeping.sweep() == {**NOTHING, "segments": 2}
    assert keys(storage.outputs()) == set()


def test_a_piece_that_was_made_anew_goes_and_its_successor_stays(acme, claimed):
    pieces_of(claimed, 0)
    record(claimed, 0)
    with acting_for(acme.id):
        lifecycle.release(claimed.id, fence=1)
        later = lifecycle.claim(claimed.job_id, worker="gpu-2", lease=60)
    kept = pieces_of(later, 0)
    record(later, 0)
    assert sweeping.sweep() == {**NOTHING, "segments": 2}
    assert keys(storage.outputs()) == kept


def test_a_piece_that_is_not_recorded_yet_has_two_days(claimed):
    young, old = pieces_of(claimed, 0, days=1), pieces_of(claimed, 1)
    assert sweeping.sweep() == {**NOTHING, "segments": len(old)}
    assert keys(storage.outputs()) == young


def test_what_is_young_stays_even_if_nobody_owns_it(acme):
    key = put(storage.inputs(), storage.upload_key(acme.id, new_id()), days=1)
    assert sweeping.sweep()["inputs"] == 0
    assert keys(storage.inputs()) == {key}


def test_a_worker_whose_clock_is_a_year_ahead_takes_nothing_for_old(acme, claimed, monkeypatch):
    upload = uploads.start(acme.id, "video", "face.mp4", 10)
    young = pieces_of(claimed, 0, days=0)
    in_a_year = timezone.now() + timedelta(days=365)
    monkeypatch.setattr(timezone, "now", lambda: in_a_year)
    assert sweeping.sweep() == NOTHING
    assert keys(storage.outputs()) == young
    with acting_for(acme.id):
        assert Upload.objects.get(id=upload.id).state == "open"


def test_an_input_whose_row_was_never_written_goes_with_its_pictures(acme):
    key = storage.upload_key(acme.id, new_id())
    for name in (key, f"{key}.poster.jpg", f"{key}.preview.mp4", f"{key}.parts/1.part"):
        put(storage.inputs(), name)
    assert sweeping.sweep()["inputs"] == 4
    assert keys(storage.inputs()) == set()


def test_a_complete_upload_keeps_its_file_and_pictures_but_no_parts(acme):
    upload = uploads.start(acme.id, "video", "face.mp4", 10)
    with acting_for(acme.id):
        Upload.objects.update(state="ready", completed_at=timezone.now())
    kept = {put(storage.inputs(), name) for name in (upload.key, f"{upload.key}.poster.jpg")}
    put(storage.inputs(), f"{upload.key}.parts/1.part")
    assert sweeping.sweep()["inputs"] == 1
    assert keys(storage.inputs()) == kept


def test_an_open_upload_keeps_its_parts_for_a_week_and_is_aborted_then(acme):
    upload = uploads.start(acme.id, "video", "face.mp4", 10)
    part = put(storage.inputs(), f"{upload.key}.parts/1.part")
    assert sweeping.sweep() == NOTHING
    assert keys(storage.inputs()) == {part}
    later = timezone.now() + timedelta(days=8)
    assert sweeping.sweep(later)["uploads"] == 1
    assert uploads.find(acme.id, upload.id).state == "aborted"
    assert keys(storage.inputs()) == set()


def test_a_complete_upload_that_no_job_has_used_is_its_tenants_for_ever(acme):
    with acting_for(acme.id):
        upload = an_upload(key=storage.upload_key(acme.id, new_id()))
        Upload.objects.update(created_at=timezone.now() - timedelta(days=900))
    kept = put(storage.inputs(), storage.upload_key(acme.id, upload.id), days=900)
    assert sweeping.sweep() == NOTHING
    assert keys(storage.inputs()) == {kept}


def test_what_is_none_of_ours_is_never_touched():
    strange = {put(storage.inputs(), "logo.png"), put(storage.inputs(), "a/b/notes.txt")}
    put(storage.outputs(), "reports/2026/11.mp4")
    put(storage.outputs(), "a/b/segments/c/00000.mp4")
    assert sweeping.sweep(timezone.now() + timedelta(days=999)) == NOTHING
    assert keys(storage.inputs()) == strange


def test_forms_and_folders_of_killed_processes_go_from_the_work_folder(settings):
    settings.WORK_ROOT.mkdir()
    for name in ("old", "young"):
        (settings.WORK_ROOT / f"{name}.form").write_bytes(b"half a form")
        (settings.WORK_ROOT / f"probe-{name}").mkdir()
    for old in settings.WORK_ROOT.glob("*old*"):
        aged(old, 3)
    sweeping.sweep()
    assert {path.name for path in settings.WORK_ROOT.iterdir()} == {"young.form", "probe-young"}


def test_the_folder_of_an_attempt_that_works_for_days_stays(settings):
    frames = settings.WORK_ROOT / "attempt-of-an-hour-of-film" / "work"
    frames.mkdir(parents=True)
    (frames / "segment.mp4").write_bytes(b"just written")
    for folder in (frames, frames.parent):
        aged(folder, 3)
    sweeping.sweep()
    assert (frames / "segment.mp4").exists()


def test_the_timer_asks_a_worker_and_calls_no_storage_itself():
    with as_operator("timer"):
        sweeping.ask()
        asked = OutboxMessage.objects.get()
    assert (asked.actor, asked.queue, asked.payload) == ("sweep_files", "previews", {})
    with as_operator("look"):
        assert not Job.objects.exists()
