"""Whatever goes wrong, the answer is a problem: one shape, a stable code, a request id."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from jobs.api import seeing
from messaging.gone import GONE
from tenants import keys
from tenants.context import acting_for, as_operator
from tenants.models import ApiKey, Limits, Tenant


def assert_problem(answer, status, code):
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert answer.json()["type"] == f"urn:viseme:problem:{code}"
    assert answer.json()["detail"] and answer.json()["title"]
    assert answer["X-Request-Id"]


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (None, "none came"),
        ("Bearer", "is not Bearer, a space"),
        ("Bearer vsm_live_wrong", "is not known"),
        ("Bearer sk_live_other", "is not known"),
        ("Basic dXNlcjpwYXNz", "is not Bearer, a space"),
        ("vsm_live_bare", "is not Bearer, a space"),
        ("Bearer vsm_live_\x00", "is not known"),
    ],
)
def test_no_key_is_a_401_that_says_how(db, client, header, told):
    headers = {} if header is None else {"Authorization": header}
    answer = client.get("/v1/jobs", headers=headers)
    assert_problem(answer, 401, "unauthenticated")
    assert answer["WWW-Authenticate"] == "Bearer"
    assert told in answer.json()["detail"] and answer.json()["hint"]


def test_a_revoked_expired_or_suspended_key_is_a_401_at_once(acme, rival, make_studio):
    late = make_studio("Late")
    with acting_for(acme.tenant.id):
        keys.revoke(ApiKey.objects.get().id)
    with acting_for(rival.tenant.id):
        ApiKey.objects.update(expires_at=timezone.now() - timedelta(hours=1))
    with as_operator("suspend"):
        Tenant.objects.filter(id=late.tenant.id).update(suspended_at=timezone.now())
    for studio in (acme, rival, late):
        assert_problem(studio.client.get("/v1/jobs"), 401, "unauthenticated")


@pytest.mark.parametrize(
    ("scopes", "method", "path"),
    [
        (["jobs:read"], "post", "/process"),
        (["jobs:read"], "post", "/v1/uploads"),
        (["jobs:write"], "get", "/v1/jobs"),
        (["jobs:write"], "get", "/v1/usage"),
        ([], "get", "/v1/usage"),
    ],
)
def test_a_key_without_the_scope_is_told_which_one(make_studio, scopes, method, path):
    studio = make_studio("Narrow", scopes)
    answer = getattr(studio.client, method)(path)
    assert_problem(answer, 403, "scope_missing")


@pytest.mark.parametrize(
    "path",
    ["/v1", "/v1/", "/v1/nothing", "/v1/jobs/", "/process/", "/status", "/result/", "/files/"],
)
def test_an_unknown_address_of_the_api_is_a_problem_too(db, client, path):
    for method in ("get", "post", "delete"):
        answer = getattr(client, method)(path)
        assert_problem(answer, 404, "not_found")
        assert "without a slash" in answer.json()["hint"]
        assert "Allow" not in answer


@pytest.mark.parametrize("path", ["/nothing", "/V1/jobs", "/api/v1/jobs", "/v2/jobs"])
def test_a_program_that_is_lost_gets_a_problem_and_a_browser_a_page(acme, client, path):
    assert_problem(acme.client.get(path), 404, "not_found")
    for person in ({}, {"Authorization": "Basic cHJveHk6cHJveHk="}):  # behind a proxy's password
        answer = client.get(path, headers=person)
        assert (answer.status_code, answer["Content-Type"]) == (404, "text/html; charset=utf-8")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/process"),
        ("delete", "/v1/jobs"),
        ("put", "/v1/uploads"),
        ("options", "/v1/jobs"),
        ("patch", "/v1/usage"),
        ("post", "/status/0199b9c6-0000-7000-8000-000000000000"),
    ],
)
def test_a_wrong_method_is_a_405_that_names_the_right_ones(acme, method, path):
    answer = getattr(acme.client, method)(path)
    assert_problem(answer, 405, "method_not_allowed")
    assert answer["Allow"]
    assert f'"{method.upper()}"' in answer.json()["detail"] and "Allow" in answer.json()["hint"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b'{"steps": NaN}', b"[" * 100_000, b'{"steps": ' + b"9" * 5000 + b"}"],
)
def test_json_that_is_none_is_a_400(acme, body):
    answer = acme.client.post("/process", body, "application/json")
    assert_problem(answer, 400 if body else 422, "malformed_body" if body else "invalid_request")


def test_json_that_breaks_off_is_told_where(acme):
    answer = acme.client.post("/process", b'{"seed": 7,\n "steps": }', "application/json")
    assert answer.json()["hint"] == "It can't be read from line 2 column 11 on."


@pytest.mark.parametrize("body", [[], "text", 5, None, True])
def test_json_that_is_no_object_is_refused(acme, body):
    answer = acme.client.post("/process", json.dumps(body), "application/json")
    assert_problem(answer, 422, "invalid_request")


@pytest.mark.parametrize(
    "fields",
    [
        {"steps": True},
        {"steps": 2**70},
        {"seed": -1},
        {"guidance": "1e400"},
        {"project": "\ud800"},
        {"project": "a\x00b"},
        {"project": {}},
        {"priority": 101},
        {"video_upload": "../x"},
    ],
)
def test_a_field_of_the_wrong_kind_is_pointed_at(acme, fields):
    body = {"video_upload": acme.upload("video"), "audio_upload": acme.upload("audio"), **fields}
    answer = acme.client.post("/process", json.dumps(body), "application/json")
    assert_problem(answer, 422, "invalid_request")
    assert answer.json()["errors"][0]["pointer"] == "/" + next(iter(fields))


def test_a_form_without_a_boundary_is_a_400(acme):
    answer = acme.client.post("/process", b"xyz", "multipart/form-data")
    assert_problem(answer, 400, "malformed_body")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "text/html", "application/xml"]
)
def test_another_content_type_is_a_415(acme, kind):
    answer = acme.client.post("/process", b"video=1", kind)
    assert_problem(answer, 415, "unsupported_media_type")
    assert "application/json" in answer["Accept-Post"]
    assert "application/json" in answer.json()["hint"]


def test_json_of_20_mb_is_a_413_and_is_not_read(acme):
    answer = acme.client.post("/process", b" " * (20 << 20), "application/json")
    assert_problem(answer, 413, "body_too_large")


def test_a_body_without_a_length_is_a_411(acme):
    headers = {"Transfer-Encoding": "chunked"}
    answer = acme.client.post("/process", b"{}", "application/json", headers=headers)
    assert_problem(answer, 411, "length_required")
    assert "not in chunks" in answer.json()["hint"]


def test_too_many_requests_are_a_429_and_bother_no_other_tenant(acme, rival):
    with acting_for(acme.tenant.id):
        Limits.objects.update(requests_per_minute=0)
    answer = acme.client.get("/v1/jobs")
    assert_problem(answer, 429, "too_many_requests")
    assert 0 < int(answer["Retry-After"]) <= 60
    assert answer["RateLimit"].startswith('"requests";r=0;t=')
    assert answer["RateLimit-Policy"] == '"requests";q=0;w=60'
    assert rival.client.get("/v1/jobs").status_code == 200


def test_too_many_waiting_jobs_are_another_429(acme):
    with acting_for(acme.tenant.id):
        Limits.objects.update(jobs_waiting=1)
    assert acme.process().status_code == 202
    assert_problem(acme.process(), 429, "too_many_jobs_waiting")


def test_an_error_of_our_own_tells_nothing_of_the_inside(acme, monkeypatch):
    def broken(*_):
        raise RuntimeError("SELECT secret FROM somewhere")

    monkeypatch.setattr(seeing, "page", broken)
    answer = acme.client.get("/v1/jobs")
    assert_problem(answer, 500, "internal_error")
    assert b"secret" not in answer.content
    assert answer.json()["request_id"] == answer["X-Request-Id"]


@pytest.mark.parametrize("gone", GONE)
def test_a_database_that_is_away_says_when_to_ask_again(acme, monkeypatch, gone):
    def away(*_):
        raise gone("connection to server at 10.0.0.1 failed")

    monkeypatch.setattr(seeing, "page", away)
    answer = acme.client.get("/v1/jobs")
    assert_problem(answer, 503, "unavailable")
    assert answer["Retry-After"] == "5"
    assert b"10.0.0.1" not in answer.content


def test_a_host_that_is_not_ours_is_a_problem_on_the_apis_paths(db, client):
    answer = client.get("/v1/jobs", headers={"Host": "evil.example"})
    assert_problem(answer, 400, "malformed_request")


def test_a_callers_own_request_id_comes_back_if_it_is_a_plain_one(acme):
    answer = acme.client.get("/v1/nothing", headers={"X-Request-Id": "trace-000017"})
    assert answer["X-Request-Id"] == "trace-000017"
    answer = acme.client.get("/v1/nothing", headers={"X-Request-Id": "a b\r\nc"})
    assert answer["X-Request-Id"] not in ("a b\r\nc", "")
