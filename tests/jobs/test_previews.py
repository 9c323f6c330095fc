"""Posters and previews: real files, a real throw-away process, a real storage."""

from pathlib import Path

import pytest

from inference.errors import EngineFault
from jobs import previews, storage
from jobs.models import Upload
from messaging.models import OutboxMessage
from tenants.context import acting_for
from tests.inference.clips import film, numbered
from tests.making import an_upload


@pytest.fixture
def stored(acme, shelves):
    """An upload with this file behind it."""

    def store(file: Path) -> Upload:
        with acting_for(acme.id):
            upload = an_upload(name=file.name, size_bytes=file.stat().st_size)
        storage.put(storage.inputs(), upload.key, file)
        return upload

    return store


@pytest.fixture
def clip(tmp_path) -> Path:
    return film(tmp_path / "clip.mp4", numbered(3))


def made(upload: Upload) -> Upload:
    previews.make(upload.id, upload.tenant_id)
    with acting_for(upload.tenant_id):
        upload.refresh_from_db()
    return upload


def test_a_film_that_browsers_play_gets_a_poster_alone(stored, clip, shelves):
    upload = made(stored(clip))
    assert storage.inputs().exists(upload.poster_key)
    assert upload.preview_key == ""
    assert not list((shelves / "work").iterdir())


def test_a_film_that_no_browser_plays_gets_a_preview(stored, tmp_path):
    upload = made(stored(film(tmp_path / "hevc.mp4", numbered(3), codec="libx265")))
    assert storage.inputs().exists(upload.preview_key)


def test_what_is_there_is_not_made_again(stored, clip, monkeypatch):
    upload = made(stored(clip))
    monkeypatch.setattr(previews, "make_preview", lambda *paths: pytest.fail("made again"))
    made(upload)
    with acting_for(upload.tenant_id):
        previews.ask_for(upload)
        assert not OutboxMessage.objects.exists()


def test_a_file_that_gives_no_preview_is_left_without(stored, tmp_path):
    text = tmp_path / "text.mp4"
    text.write_text("This is not a film. " * 50)
    assert made(stored(text)).poster_key == ""


def test_an_error_of_ours_is_raised_so_that_the_message_comes_again(stored, clip, monkeypatch):
    def broken(*paths):
        raise EngineFault("The disk went away.")

    monkeypatch.setattr(previews, "make_preview", broken)
    with pytest.raises(EngineFault):
        made(stored(clip))
