from urllib.parse import urlsplit

from jobs import downloads
from tenants.context import acting_for, current
from tenants.models import AuditEvent
from tests.jobs.api.delivering import BYTES, delivered, failed


def link_of(studio, job_id):
    answer = studio.client.get(f"/result/{job_id}")
    assert answer.status_code == 302, answer.content
    return urlsplit(answer["Location"]).path


def test_a_result_is_a_redirect_to_the_file(acme, tmp_path, client):
    link = link_of(acme, delivered(acme, tmp_path))
    file = client.get(link)  # without the key: the link is the permission
    assert b"".join(file.streaming_content) == BYTES
    assert file["Content-Disposition"].startswith("attachment")


def test_the_address_is_signed_after_the_transaction(acme, tmp_path, monkeypatch):
    job_id, seen = delivered(acme, tmp_path), []
    monkeypatch.setattr(downloads, "link", lambda *told: seen.append(current()) or "/there")
    assert acme.client.get(f"/result/{job_id}")["Location"] == "/there"
    assert seen == [None]


def test_a_range_is_answered_with_that_part(acme, tmp_path, client):
    link = link_of(acme, delivered(acme, tmp_path))
    part = client.get(link, headers={"Range": "bytes=100-199"})
    assert part.status_code == 206
    assert b"".join(part.streaming_content) == BYTES[100:200]
    beyond = client.get(link, headers={"Range": f"bytes={len(BYTES)}-"})
    assert beyond.status_code == 416


def test_a_tampered_link_is_a_problem(acme, tmp_path, client):
    link = link_of(acme, delivered(acme, tmp_path))
    answer = client.get(link[:-1] + ("A" if link[-1] != "A" else "B"))
    assert answer.status_code == 403
    assert answer.json()["code"] == "link_expired"


def test_no_result_yet_is_a_409_with_the_state(acme):
    job_id = acme.process().json()["id"]
    answer = acme.client.get(f"/result/{job_id}")
    assert answer.status_code == 409
    assert answer.json()["code"] == "job_not_finished"
    assert answer.json()["state"] == "validating"
    assert int(answer["Retry-After"]) > 0


def test_a_failed_jobs_result_is_a_409_with_the_jobs_own_code(acme):
    answer = acme.client.get(f"/result/{failed(acme)}")
    assert answer.status_code == 409
    assert answer.json()["code"] == "no_face"
    assert answer.json()["state"] == "failed"


def test_a_canceled_jobs_result_is_a_409(acme):
    job_id = acme.process().json()["id"]
    acme.post(f"/v1/jobs/{job_id}/cancel")
    answer = acme.client.get(f"/v1/jobs/{job_id}/result")
    assert (answer.status_code, answer.json()["code"]) == (409, "job_canceled")


def test_who_fetched_a_result_is_noted(acme, tmp_path):
    job_id = delivered(acme, tmp_path)
    link_of(acme, job_id)
    with acting_for(acme.tenant.id):
        note = AuditEvent.objects.get(action="result.link_made")
    assert (note.subject, note.actor) == (job_id, acme.secret[:15])
