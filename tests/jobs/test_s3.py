"""The same uploads and downloads where the environment names buckets, over S3's own protocol.

The server here checks neither signatures nor times: what is proven is that the calls fit.
"""

import urllib.request
from collections.abc import Iterator
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError
from django.utils import timezone
from structlog.testing import capture_logs

from jobs import downloads, storage, sweeping, uploads
from jobs.errors import UploadIncomplete
from jobs.models import Upload
from jobs.parts import S3Parts, parts
from messaging.ids import new_id
from tenants.context import acting_for

pytestmark = pytest.mark.django_db
BUCKETS = ("inputs", "outputs")
SIZE = uploads.PART_BYTES + 1000


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of a server with the product's two buckets."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    client = boto3.client("s3", endpoint_url=address, region_name="us-east-1", **keys)
    for name in BUCKETS:
        client.create_bucket(Bucket=name)
    yield address
    server.stop()


@pytest.fixture(autouse=True)
def buckets(settings, s3) -> None:
    told = {"endpoint_url": s3, "region_name": "us-east-1", "file_overwrite": True}
    told |= {"access_key": "test", "secret_key": "test"}
    backend = "storages.backends.s3.S3Storage"
    shelves = {n: {"BACKEND": backend, "OPTIONS": {**told, "bucket_name": n}} for n in BUCKETS}
    settings.STORAGES = {**settings.STORAGES, **shelves}


@pytest.fixture
def opened(acme) -> Upload:
    for left in parts().begun():
        parts().forget(left)
    return uploads.start(acme.id, "video", "face.mp4", SIZE)


def put(part: dict) -> None:
    body = bytes([part["number"]]) * part["size_bytes"]
    request = urllib.request.Request(part["url"], data=body, method=part["method"])
    request.add_header("Content-Type", "application/octet-stream")
    assert urllib.request.urlopen(request).status == 200


def test_parts_go_to_the_bucket_and_become_one_object(acme, opened, tmp_path):
    assert isinstance(parts(), S3Parts)
    first, second = uploads.missing_parts(opened)
    put(second)
    with pytest.raises(UploadIncomplete, match=r"\[1\]"):
        uploads.complete(acme.id, opened.id)
    put(first)
    done = uploads.complete(acme.id, opened.id)
    fetched = storage.fetch(done.key, tmp_path / "video")
    assert fetched.read_bytes() == b"\1" * uploads.PART_BYTES + b"\2" * 1000


def test_a_crash_between_joining_and_noting_it_is_mended_by_completing_again(acme, opened):
    for part in uploads.missing_parts(opened):
        put(part)
    parts().join(opened)
    assert uploads.complete(acme.id, opened.id).state == "ready"


def test_an_upload_that_the_bucket_gave_up_lacks_all_its_parts(acme, opened):
    parts().discard(opened)
    assert len(uploads.missing_parts(opened)) == 2


def test_an_aborted_upload_leaves_nothing(acme, opened):
    put(uploads.missing_parts(opened)[0])
    uploads.abort(acme.id, opened.id)
    assert not storage.inputs().exists(opened.key)


def test_a_result_is_put_and_linked_under_a_name_of_its_own(acme, tmp_path):
    file = tmp_path / "result.mp4"
    file.write_bytes(b"a film")
    key = storage.put_result(file, acme.id, acme.id, acme.id)
    request = urllib.request.Request(downloads.link(key, 'so "far".mp4'))
    request.add_header("Range", "bytes=2-5")
    with urllib.request.urlopen(request) as answer:
        assert (answer.status, answer.read()) == (206, b"film")
        assert answer.headers["Content-Disposition"] == 'attachment; filename="so far.mp4"'
        assert answer.headers["Content-Type"] == "video/mp4"


def test_a_piece_is_put_counted_found_again_and_removed(acme, tmp_path):
    content, moved = b"ten seconds of film" * 1000, []
    (tmp_path / "piece").write_bytes(content)
    key, record_key = storage.segment_keys(acme.id, acme.id, acme.id, 7)
    assert record_key == key.replace(".mp4", ".json")
    for name in (key, record_key, f"{acme.id}/{acme.id}/{acme.id}.mp4"):
        storage.put(storage.outputs(), name, tmp_path / "piece", moved.append)
    assert sum(moved) == 3 * len(content)
    storage.fetch(key, tmp_path / "again", moved.append, shelf=storage.outputs())
    assert sum(moved) == 4 * len(content)
    assert (tmp_path / "again").read_bytes() == content
    storage.remove_below(storage.outputs(), storage.segments_prefix(acme.id, acme.id))
    mine = [name for name, _ in storage.listed(storage.outputs()) if name.startswith(str(acme.id))]
    assert mine == [f"{acme.id}/{acme.id}/{acme.id}.mp4"]


def test_a_bucket_is_listed_with_the_times_of_its_objects(opened):
    for part in uploads.missing_parts(opened):
        put(part)
    uploads.complete(opened.tenant_id, opened.id)
    times = dict(storage.listed(storage.inputs()))
    assert timezone.now() - times[opened.key] < timedelta(minutes=5)


def begun() -> set[str]:
    return {one.key for one in parts().begun()}


def test_parts_on_their_way_to_an_upload_that_has_no_row_are_forgotten_after_a_week(acme, opened):
    """Its process died between asking the bucket and writing the row."""
    lost = Upload(id=new_id(), tenant_id=acme.id, key=storage.upload_key(acme.id, new_id()))
    parts().begin(lost)
    parts().begin(Upload(key="exports/of-somebody-else"))
    with acting_for(acme.id):
        Upload.objects.update(created_at=timezone.now() + timedelta(days=5))
    assert sweeping.sweep(timezone.now() + timedelta(days=8))["uploads"] == 1
    assert begun() == {opened.key, "exports/of-somebody-else"}


def test_an_upload_that_nobody_completed_is_aborted_after_a_week_in_the_bucket_too(acme, opened):
    put(uploads.missing_parts(opened)[0])
    assert sweeping.sweep(timezone.now() + timedelta(days=8))["uploads"] == 1
    assert begun() == set()
    assert uploads.find(acme.id, opened.id).state == "aborted"


def test_a_bucket_that_does_not_list_begun_uploads_is_swept_all_the_same(opened, monkeypatch):
    def denied(self):
        refusal = {"Error": {"Code": "AccessDenied"}}
        raise ClientError(refusal, "ListMultipartUploads")

    monkeypatch.setattr(S3Parts, "begun", denied)
    with capture_logs() as logs:
        assert sweeping.sweep(timezone.now() + timedelta(days=8))["uploads"] == 1
    assert "begun_uploads_not_listed" in {line["event"] for line in logs}


def test_half_a_result_whose_worker_was_killed_is_forgotten_after_its_grace(acme):
    """A large file is put in parts, and only the last call makes an object of them."""
    bucket, ids = storage.bucket_of(storage.outputs()), [new_id() for _ in range(3)]
    strange = "reports/2026.mp4"
    for key in (storage.result_key(*ids), storage.segment_keys(*ids, 7)[0], strange):
        bucket.Object(key).initiate_multipart_upload()
    since = next(S3Parts(storage.outputs()).begun()).at  # this server has one day for all
    assert sweeping.sweep(since + timedelta(days=1))["uploads"] == 0
    assert sweeping.sweep(since + timedelta(days=3))["uploads"] == 2
    assert [one.key for one in S3Parts(storage.outputs()).begun()] == [strange]
