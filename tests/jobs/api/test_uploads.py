from urllib.parse import urlsplit

import pytest

from tests.jobs.api.test_problems import assert_problem

PART = 8 << 20


def opened(studio, size):
    about = {"kind": "video", "name": "face.mp4", "size_bytes": size}
    answer = studio.post("/v1/uploads", about)
    assert answer.status_code == 201, answer.content
    return answer.json()


def put(client, part, body):
    path = urlsplit(part["url"]).path
    return client.put(path, body, content_type="application/octet-stream")


def test_a_file_in_two_parts_becomes_a_complete_upload(acme, client):
    upload = opened(acme, PART + 5)
    assert [part["size_bytes"] for part in upload["parts"]] == [PART, 5]
    for part in upload["parts"]:
        assert put(client, part, b"x" * part["size_bytes"]).status_code == 200
    done = acme.post(f"/v1/uploads/{upload['id']}/complete")
    assert (done.status_code, done.json()["state"], done.json()["parts"]) == (200, "ready", [])


def test_after_a_break_only_the_missing_parts_are_asked_for(acme, client):
    upload = opened(acme, PART + 5)
    put(client, upload["parts"][1], b"x" * 5)
    missing = acme.client.get(f"/v1/uploads/{upload['id']}").json()["parts"]
    assert [part["number"] for part in missing] == [1]


def test_completing_too_early_names_what_is_missing_and_makes_nothing(acme):
    upload = opened(acme, 5)
    answer = acme.post(f"/v1/uploads/{upload['id']}/complete")
    assert (answer.status_code, answer.json()["code"]) == (400, "upload_incomplete")
    assert acme.client.get(f"/v1/uploads/{upload['id']}").json()["state"] == "open"


@pytest.mark.parametrize("body", [b"xxxx", b"xxxxxx"])
def test_a_part_of_the_wrong_size_is_refused(acme, client, body):
    upload = opened(acme, 5)
    answer = put(client, upload["parts"][0], body)
    assert_problem(answer, 400, "bad_part")
    assert answer.json()["request_id"] == answer["X-Request-Id"]


def test_an_aborted_upload_takes_no_more_parts(acme, client):
    upload = opened(acme, 5)
    assert acme.client.delete(f"/v1/uploads/{upload['id']}").json()["state"] == "aborted"
    assert_problem(put(client, upload["parts"][0], b"xxxxx"), 409, "upload_closed")
    again = acme.post(f"/v1/uploads/{upload['id']}/complete")
    assert (again.status_code, again.json()["code"]) == (409, "upload_closed")


def test_a_complete_upload_takes_no_more_parts(acme, client):
    upload = opened(acme, 5)
    assert put(client, upload["parts"][0], b"xxxxx").status_code == 200
    acme.post(f"/v1/uploads/{upload['id']}/complete")
    again = put(client, upload["parts"][0], b"xxxxx")
    assert_problem(again, 409, "upload_closed")
    assert upload["id"] in again.json()["detail"]


def test_more_than_the_tenants_limit_is_refused(acme):
    about = {"kind": "video", "name": "face.mp4", "size_bytes": 1 << 40}
    answer = acme.post("/v1/uploads", about)
    assert (answer.status_code, answer.json()["code"]) == (413, "upload_too_large")
    assert "has 1,048,576 MB" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("field", "value"), [("kind", "picture"), ("size_bytes", 0), ("size_bytes", True), ("name", "")]
)
def test_a_wrong_field_is_pointed_at(acme, field, value):
    about = {"kind": "video", "name": "face.mp4", "size_bytes": 5, field: value}
    answer = acme.post("/v1/uploads", about)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"/{field}"
    if field == "kind":
        assert answer.json()["errors"][0]["detail"] == "picture is not one of video, audio."
