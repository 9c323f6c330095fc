"""Downloads of a folder's files: signed, for a while, in ranges, under a harmless name."""

import errno
import os
import time

import pytest
from django.core.files.base import ContentFile
from django.http import UnreadablePostError
from django.test import Client

from jobs import downloads, files, storage, uploads
from tests.jobs.storing import path_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shelves")]
BODY = bytes(range(256)) * 40
KEY = "tenant/job/attempt.mp4"


@pytest.fixture
def link() -> str:
    storage.outputs().save(KEY, ContentFile(BODY))
    return path_of(downloads.link(KEY, "face.mp4"))


def body(answer) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def test_a_link_gives_the_whole_file_to_be_saved(client, link):
    answer = client.get(link)
    assert (answer.status_code, body(answer)) == (200, BODY)
    assert answer["Content-Disposition"] == 'attachment; filename="face.mp4"'
    assert answer["Content-Type"] == "video/mp4"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert (answer["Accept-Ranges"], answer["Content-Length"]) == ("bytes", str(len(BODY)))
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=100-299", 100, 299),
        ("bytes=10000-", 10000, 10239),
        ("bytes=-240", 10000, 10239),
        ("bytes=0-999999", 0, 10239),
        ("bytes=-999999", 0, 10239),
    ],
)
def test_a_range_gives_that_part(client, link, asked, first, last):
    answer = client.get(link, headers={"Range": asked})
    assert answer.status_code == 206
    assert answer["Content-Range"] == f"bytes {first}-{last}/{len(BODY)}"
    assert body(answer) == BODY[first : last + 1]


@pytest.mark.parametrize("asked", ["bytes=10240-", "bytes=-0", f"bytes={9 * 10**17}-"])
def test_a_range_outside_the_file_cannot_be_satisfied(client, link, asked):
    answer = client.get(link, headers={"Range": asked})
    assert (answer.status_code, answer["Content-Range"]) == (416, f"bytes */{len(BODY)}")
    assert answer.json()["code"] == "range_not_satisfiable"


@pytest.mark.parametrize(
    "asked", ["bytes=-", "bytes=a-b", "rows=1-2", "bytes=1-2,5-6", "bytes=" + "9" * 5000 + "-"]
)
def test_what_is_no_single_range_gives_the_whole_file(client, link, asked):
    answer = client.get(link, headers={"Range": asked})
    assert (answer.status_code, body(answer)) == (200, BODY)


def test_a_look_at_the_head_sends_no_body(client, link):
    answer = client.head(link)
    assert (answer.status_code, answer["Content-Length"], body(answer)) == (
        200,
        str(len(BODY)),
        b"",
    )


def test_a_link_ends_after_its_time(client, link, monkeypatch):
    now = time.time()
    monkeypatch.setattr("jobs.links.time.time", lambda: now + downloads.LINK_SECONDS + 1)
    answer = client.get(link)
    assert (answer.status_code, answer["Content-Type"]) == (403, "application/problem+json")
    assert answer.json()["code"] == "link_expired"


def test_a_link_that_was_altered_is_refused(client, link):
    for bad in (link[:-3], link.replace(link[-20:-15], "AAAAA")):
        assert client.get(bad).status_code in (403, 404)


def test_a_link_to_a_part_opens_no_file(client, link, acme):
    """The two kinds of link are signed apart."""
    from jobs import uploads

    upload = uploads.start(acme.id, "video", "face.mp4", 10)
    token = path_of(uploads.missing_parts(upload)[0]["url"]).rstrip("/").split("/")[-1]
    ours = link.rstrip("/").split("/")[-1]
    assert client.get(link.replace(ours, token)).status_code == 403


def test_a_file_that_is_gone_is_not_found(client, link):
    storage.outputs().delete(KEY)
    assert client.get(link).status_code == 404


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_a_download_is_only_read(link, method):
    answer = getattr(Client(enforce_csrf_checks=True), method)(link)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer["Allow"] == "GET, HEAD"
    assert answer["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ('so "quoted" \r\nSet-Cookie: a=b.mp4', None),
        ("../../etc/passwd", "passwd"),
        ("C:\\films\\face.mp4", "face.mp4"),
        ("", "video.mp4"),
        ("...", "video.mp4"),
        ("Gruß.mp4", "Gruß.mp4"),
    ],
)
def test_a_name_is_harmless_in_the_header_and_on_a_disk(client, link, name, plain):
    link = path_of(downloads.link(KEY, name))
    header = client.get(link)["Content-Disposition"]
    assert "\n" not in header and "\r" not in header
    assert not {"/", "\\", '"'} & set(downloads.safe_name(name))
    if plain:
        assert downloads.safe_name(name) == plain


def test_what_is_shown_in_a_page_is_a_known_kind_of_medium_and_nothing_else(client, link):
    storage.inputs().save("tenant/upload", ContentFile(BODY))
    shown = path_of(downloads.link("tenant/upload", "face.mp4", inline=True))
    saved = path_of(downloads.link("tenant/upload", "face.mp4"))
    page = path_of(downloads.link("tenant/upload", "evil.html", inline=True))
    assert client.get(shown)["Content-Type"] == "video/mp4"
    for link in (saved, page):
        assert client.get(link)["Content-Type"] == "application/octet-stream"


def test_a_result_is_put_under_its_attempts_key_and_replaces_what_a_crash_left(tmp_path, acme):
    file = tmp_path / "result.mp4"
    for content in (b"half", b"whole"):
        file.write_bytes(content)
        key = storage.put_result(file, acme.id, acme.id, acme.id)
    assert key == f"{acme.id}/{acme.id}/{acme.id}.mp4"
    with storage.outputs().open(key) as stored:
        assert stored.read() == b"whole"


def fails(number: int):
    def fail(*arguments, **named):
        raise OSError(number, os.strerror(number), "/secret/place")

    return fail


def test_a_file_that_goes_while_it_is_asked_for_is_not_found(client, link, monkeypatch):
    monkeypatch.setattr(files, "_section", fails(errno.ENOENT))
    assert client.get(link).status_code == 404


def test_a_broken_disk_is_a_problem_that_names_neither_link_nor_place(
    client, link, monkeypatch, caplog
):
    monkeypatch.setattr(files, "_section", fails(errno.EIO))
    answer = client.get(link)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "Input/output error" in caplog.text
    assert link not in caplog.text and "/secret/place" not in caplog.text + answer.content.decode()


@pytest.fixture
def part_link(acme) -> str:
    """Where to PUT the one part of ten bytes."""
    upload = uploads.start(acme.id, "video", "face.mp4", 10)
    return path_of(uploads.missing_parts(upload)[0]["url"])


@pytest.mark.parametrize(
    ("number", "status", "code"),
    [
        (errno.ENOSPC, 507, "storage_full"),
        (errno.EDQUOT, 507, "storage_full"),
        (errno.EIO, 500, "internal_error"),
        (errno.ENOENT, 409, "upload_closed"),
    ],
)
def test_a_part_that_cannot_be_kept_is_a_problem_without_its_link_in_the_log(
    client, part_link, monkeypatch, caplog, number, status, code
):
    monkeypatch.setattr("jobs.parts.folder._copy", fails(number))
    answer = client.put(part_link, b"0123456789")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["request_id"] == answer["X-Request-Id"]
    assert part_link not in caplog.text


def test_a_client_that_leaves_in_the_middle_of_a_part_is_no_fault_of_ours(
    client, part_link, monkeypatch
):
    def gone(*arguments):
        raise UnreadablePostError("the client went")

    monkeypatch.setattr("jobs.parts.folder._copy", gone)
    assert client.put(part_link, b"0123456789").status_code == 400
