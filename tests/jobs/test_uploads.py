"""Files on their way in: in parts, resumable, counted by what the storage has and nothing else."""

import io
import tracemalloc
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.core import signing
from django.core.files.uploadedfile import SimpleUploadedFile

from jobs import storage, uploads
from jobs.errors import (
    BadPart,
    BadSignature,
    EmptyUpload,
    UploadClosed,
    UploadIncomplete,
    UploadTooLarge,
)
from jobs.models import Upload
from jobs.parts import FolderParts, parts
from jobs.parts.folder import SALT
from tenants.context import acting_for
from tenants.models import Limits

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shelves")]
SIZE = uploads.PART_BYTES + 1000  # two parts


def token(link: str) -> str:
    return urlsplit(link).path.rstrip("/").split("/")[-1]


def send(upload: Upload, number: int) -> None:
    link = parts().link(upload, number)
    FolderParts.write(token(link), io.BytesIO(bytes([number]) * upload.size_of_part(number)))


@pytest.fixture
def opened(acme) -> Upload:
    return uploads.start(acme.id, "video", "face.mp4", SIZE)


def test_parts_in_any_order_become_the_file(acme, opened):
    for number in (2, 1):
        send(opened, number)
    done = uploads.complete(acme.id, opened.id)
    whole = Path(storage.inputs().path(done.key)).read_bytes()
    assert whole == b"\1" * uploads.PART_BYTES + b"\2" * 1000
    assert done.state == "ready" and done.completed_at is not None


def test_what_is_missing_is_what_the_storage_lacks(opened):
    send(opened, 2)
    [missing] = uploads.missing_parts(opened)
    assert (missing["number"], missing["size_bytes"], missing["method"]) == (
        1,
        uploads.PART_BYTES,
        "PUT",
    )


def test_completing_too_early_names_the_parts_and_can_be_mended(acme, opened):
    send(opened, 1)
    with pytest.raises(UploadIncomplete, match=r"\[2\]"):
        uploads.complete(acme.id, opened.id)
    send(opened, 2)
    assert uploads.complete(acme.id, opened.id).state == "ready"


def test_completing_twice_changes_nothing(acme, opened):
    for number in (1, 2):
        send(opened, number)
    first = uploads.complete(acme.id, opened.id)
    assert uploads.complete(acme.id, opened.id).completed_at == first.completed_at


def test_a_crash_between_joining_and_noting_it_is_mended_by_completing_again(acme, opened):
    for number in (1, 2):
        send(opened, number)
    parts().join(opened)
    assert uploads.complete(acme.id, opened.id).state == "ready"


def test_two_completions_at_once_both_end_well(acme, opened, monkeypatch):
    for number in (1, 2):
        send(opened, number)
    join = FolderParts.join

    def join_after_another(self: FolderParts, upload: Upload) -> None:
        join(self, upload)  # the other call's
        join(self, upload)

    monkeypatch.setattr(FolderParts, "join", join_after_another)
    assert uploads.complete(acme.id, opened.id).state == "ready"
    assert storage.inputs().size(opened.key) == SIZE


@pytest.mark.parametrize("size", [0, 999, 1001])
def test_a_part_of_another_size_is_refused_and_leaves_nothing(opened, size):
    link = parts().link(opened, 2)
    with pytest.raises(BadPart):
        FolderParts.write(token(link), io.BytesIO(b"x" * size))
    assert 2 not in parts().there(opened)
    assert not list(Path(storage.inputs().path("")).rglob("*.incoming"))


def test_a_link_is_for_one_part_of_one_upload_and_for_an_hour(opened, monkeypatch):
    good = token(parts().link(opened, 1))
    claims = signing.loads(good, salt=SALT)
    for bad in (good[:-2], good + "x", signing.dumps(claims, salt="another"), ""):
        with pytest.raises(BadSignature):
            FolderParts.write(bad, io.BytesIO())
    monkeypatch.setattr("jobs.links.time.time", lambda: claims["until"] + 1)
    with pytest.raises(BadSignature):
        FolderParts.write(good, io.BytesIO())


def test_an_aborted_upload_takes_no_parts_and_leaves_no_bytes(acme, opened):
    send(opened, 1)
    uploads.abort(acme.id, opened.id)
    with pytest.raises(UploadClosed, match="no more parts"):
        send(opened, 2)
    with pytest.raises(UploadClosed):
        uploads.complete(acme.id, opened.id)
    assert not [file for file in Path(storage.inputs().path("")).rglob("*") if file.is_file()]


def test_another_tenants_upload_can_be_neither_seen_nor_completed_nor_aborted(globex, opened):
    for call in (uploads.find, uploads.complete, uploads.abort):
        with pytest.raises(Upload.DoesNotExist):
            call(globex.id, opened.id)


def test_more_than_the_limit_is_refused_before_a_byte_is_sent(acme):
    with acting_for(acme.id):
        Limits.objects.update(upload_bytes=1000)
    with pytest.raises(UploadTooLarge, match="1000"):
        uploads.start(acme.id, "video", "face.mp4", 1001)
    with pytest.raises(UploadTooLarge):
        uploads.receive_file(acme.id, "video", SimpleUploadedFile("a.mp4", b"x" * 1001))


def test_a_file_without_bytes_is_refused_in_words(acme):
    with pytest.raises(EmptyUpload):
        uploads.start(acme.id, "video", "face.mp4", 0)
    with pytest.raises(EmptyUpload):
        uploads.receive_file(acme.id, "video", SimpleUploadedFile("a.mp4", b""))


def test_a_name_never_becomes_a_path(acme):
    upload = uploads.start(acme.id, "video", "../../etc/pass\r\nwd", 10)
    assert upload.key == f"{acme.id}/{upload.id}"
    assert "/" not in upload.name and "\n" not in upload.name


def test_a_huge_file_still_has_at_most_ten_thousand_parts(acme):
    upload = Upload(size_bytes=500 << 30, part_bytes=1)
    upload.part_bytes = max(uploads.PART_BYTES, -(-upload.size_bytes // uploads.MOST_PARTS))
    assert upload.part_count <= 10_000


def test_memory_does_not_grow_with_the_file(acme):
    upload = uploads.start(acme.id, "video", "face.mp4", 64 << 20)
    tracemalloc.start()
    for number in range(1, upload.part_count + 1):
        link = parts().link(upload, number)
        FolderParts.write(token(link), Zeros())
    uploads.complete(acme.id, upload.id)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 << 20


class Zeros:
    """A body as long as its reader wants, up to a part."""

    def __init__(self) -> None:
        self.left = uploads.PART_BYTES

    def read(self, size: int) -> bytes:
        given = min(size, self.left)
        self.left -= given
        return bytes(given)
