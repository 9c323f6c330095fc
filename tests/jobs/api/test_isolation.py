"""Another tenant's thing and a thing that never was: the same bytes, from every address."""

import json
from typing import Any

import pytest
from django.urls import get_resolver

from messaging.ids import new_id
from tests.jobs.api.delivering import delivered

# Every route of the API that takes an id, by name, with how it is asked. A new one belongs here.
CASES = {
    "api-status": ("get", "/status/{job}"),
    "api-result": ("get", "/result/{job}"),
    "api-job": ("get", "/v1/jobs/{job}"),
    "api-job-result": ("get", "/v1/jobs/{job}/result"),
    "api-cancel": ("post", "/v1/jobs/{job}/cancel"),
    "api-retry": ("post", "/v1/jobs/{job}/retry"),
    "api-upload": ("get", "/v1/uploads/{upload}"),
    "api-complete": ("post", "/v1/uploads/{upload}/complete"),
}
MORE = [*CASES.values(), ("delete", "/v1/uploads/{upload}")]
BY_TOKEN = {"file", "part"}  # a signed link is the permission; tests/jobs/api/test_result.py


def routes_with_an_id() -> set[str]:
    named: Any = get_resolver().reverse_dict
    return {
        name
        for name, (forms, *_) in named.items()
        if isinstance(name, str) and any(arguments for _, arguments in forms)
    }


def test_every_route_with_an_id_has_a_case():
    ours = {name for name in routes_with_an_id() if name.startswith("api-")}
    assert ours == set(CASES)
    assert routes_with_an_id() >= BY_TOKEN


@pytest.mark.parametrize(("method", "path"), MORE)
def test_anothers_is_answered_as_what_never_was(acme, rival, tmp_path, method, path):
    about = {"kind": "video", "name": "v.mp4", "size_bytes": 5}
    things = {
        "job": delivered(acme, tmp_path),
        "upload": acme.post("/v1/uploads", about).json()["id"],
    }
    real = path.format(**things)
    made_up = path.format(job=new_id(), upload=new_id())
    nonsense = path.format(job="nonsense", upload="nonsense")
    theirs, unknown, malformed = (
        getattr(rival.client, method)(address) for address in (real, made_up, nonsense)
    )
    assert theirs.status_code == unknown.status_code == malformed.status_code == 404
    assert theirs.content == unknown.content == malformed.content
    assert headers_of(theirs) == headers_of(unknown)
    # The control: its owner gets an answer about the thing itself.
    assert getattr(acme.client, method)(real).status_code != 404


def headers_of(answer) -> dict[str, str]:
    """Without what differs from one request to the next by its nature."""
    return {k: v for k, v in answer.items() if k not in ("X-Request-Id", "RateLimit")}


def test_no_key_is_told_nothing_of_any_id(acme, client):
    job_id = acme.process().json()["id"]
    for address in (f"/status/{job_id}", f"/status/{new_id()}", "/status/nonsense"):
        assert client.get(address).status_code == 401


def test_anothers_upload_makes_no_job_and_is_as_unknown_as_any(acme, rival):
    def submitted(video):
        body = {"video_upload": str(video), "audio_upload": rival.upload("audio")}
        return rival.client.post("/process", json.dumps(body), "application/json")

    theirs, unknown = submitted(acme.upload("video")), submitted(new_id())
    assert theirs.status_code == unknown.status_code == 404
    assert theirs.content == unknown.content
