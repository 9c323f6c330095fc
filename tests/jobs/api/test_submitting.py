from jobs.models import Job, Upload
from messaging.models import OutboxMessage
from tenants.context import acting_for


def test_a_form_becomes_a_job_that_waits_for_validation(acme):
    answer = acme.process(steps="30", guidance="2.5", project="spring")
    assert answer.status_code == 202, answer.content
    job = answer.json()
    assert job["state"] == "validating"
    assert job["waiting_for"] == "validation"
    assert job["options"] == {"steps": 30, "guidance": 2.5, "seed": 1247}
    assert job["links"]["status"].endswith(f"/status/{job['id']}")
    assert answer["Location"] == job["links"]["status"]
    assert job["created_at"].endswith("Z")


def test_the_job_and_the_order_to_look_at_its_files_are_one(acme):
    job = acme.process().json()
    with acting_for(acme.tenant.id):
        message = OutboxMessage.objects.get()
    assert message.actor == "probe_job"
    assert message.payload["job_id"] == job["id"]


def test_two_complete_uploads_become_a_job(acme):
    body = {"video_upload": acme.upload("video"), "audio_upload": acme.upload("audio"), "seed": 7}
    answer = acme.post("/process", body)
    assert answer.status_code == 202, answer.content
    assert answer.json()["video_upload"] == body["video_upload"]
    assert answer.json()["options"]["seed"] == 7


def test_v1_jobs_is_the_same_door(acme):
    answer = acme.client.post("/v1/jobs", acme.form())
    assert answer.status_code == 202
    assert acme.client.get(f"/v1/jobs/{answer.json()['id']}").json()["state"] == "validating"


def test_an_option_out_of_range_is_refused_with_a_pointer(acme):
    answer = acme.process(steps="19", guidance="3.5")
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == "invalid_request"
    assert {error["pointer"] for error in problem["errors"]} == {"/steps", "/guidance"}
    with acting_for(acme.tenant.id):
        assert not Job.objects.exists()
        assert not Upload.objects.exists()


def test_a_misspelled_field_is_refused_and_not_ignored(acme):
    answer = acme.process(step="30")
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/step", "unknown_field")
    assert "steps, guidance, seed" in error["detail"]


def test_a_missing_file_is_pointed_at(acme):
    answer = acme.client.post("/process", {"video": acme.form()["video"]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/audio"
    assert "-F audio=@voice.wav" in answer.json()["hint"]


def test_a_path_where_a_file_must_be_is_told_of_the_at_sign(acme):
    answer = acme.client.post("/process", {"video": "face.mp4", "audio": acme.form()["audio"]})
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["pointer"] == "/video" and "put an @" in error["detail"]


def test_a_request_without_a_body_is_shown_the_form_and_the_uploads(acme):
    answer = acme.client.post("/process", b"", "")
    assert answer.status_code == 422
    assert "-F video=@face.mp4" in answer.json()["hint"]
    assert "video_upload" in answer.json()["hint"]


def test_an_empty_file_is_refused_as_such_and_leaves_nothing(acme):
    answer = acme.process(audio=b"")
    assert (answer.status_code, answer.json()["code"]) == (422, "upload_empty")
    assert "voice.wav" in answer.json()["detail"]
    with acting_for(acme.tenant.id):
        assert not Upload.objects.exists()


def test_an_upload_that_is_not_complete_makes_no_job(acme):
    about = {"kind": "video", "name": "v.mp4", "size_bytes": 10}
    unfinished = acme.post("/v1/uploads", about).json()["id"]
    body = {"video_upload": unfinished, "audio_upload": acme.upload("audio")}
    answer = acme.post("/process", body)
    assert (answer.status_code, answer.json()["code"]) == (409, "upload_not_ready")


def test_a_voice_can_not_stand_in_for_a_video(acme):
    body = {"video_upload": acme.upload("audio"), "audio_upload": acme.upload("audio")}
    answer = acme.post("/process", body)
    assert (answer.status_code, answer.json()["code"]) == (404, "upload_not_found")


def test_a_form_of_20_mb_is_refused_before_it_is_read_and_told_the_other_way(acme):
    answer = acme.process(video=b"0" * (20 << 20))
    assert answer.status_code == 413
    assert answer.json()["code"] == "form_too_large"
    assert "/v1/uploads" in answer.json()["hint"]


def test_files_just_over_the_limit_together_are_refused_as_well(acme, settings):
    settings.FORM_LIMIT_BYTES = 1000
    answer = acme.process(video=b"0" * 600, audio=b"0" * 401)
    assert (answer.status_code, answer.json()["code"]) == (413, "form_too_large")
    assert acme.process(video=b"0" * 600, audio=b"0" * 400).status_code == 202
