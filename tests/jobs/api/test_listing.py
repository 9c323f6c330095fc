import pytest


def test_pages_follow_each_other_without_gap_or_repeat(acme):
    made = [acme.process(seed=str(n)).json()["id"] for n in range(5)]
    seen, cursor = [], ""
    while cursor is not None:
        page = acme.client.get("/v1/jobs", {"limit": 2, **({"cursor": cursor} if cursor else {})})
        body = page.json()
        seen += [job["id"] for job in body["items"]]
        cursor = body["next_cursor"]
        assert ("Link" in page) == (cursor is not None)
    assert seen == made[::-1]


def test_the_list_can_be_narrowed_to_a_state(acme):
    canceled, _ = (acme.process(seed=str(n)).json()["id"] for n in range(2))
    acme.post(f"/v1/jobs/{canceled}/cancel")
    items = acme.client.get("/v1/jobs", {"state": "canceled"}).json()["items"]
    assert [job["id"] for job in items] == [canceled]


def test_a_tenant_lists_its_own_jobs_alone(acme, rival):
    acme.process()
    assert rival.client.get("/v1/jobs").json()["items"] == []


def test_a_cursor_is_good_for_its_tenant_and_filter_alone(acme, rival):
    for n in range(2):
        acme.process(seed=str(n))
    cursor = acme.client.get("/v1/jobs", {"limit": 1}).json()["next_cursor"]
    for answer in (
        rival.client.get("/v1/jobs", {"cursor": cursor}),
        acme.client.get("/v1/jobs", {"cursor": cursor, "state": "failed"}),
        acme.client.get("/v1/jobs", {"cursor": cursor[:-2]}),
        acme.client.get("/v1/jobs", {"cursor": "x"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"status": "failed"}, "unknown_parameter"),
        ({"state": "done"}, "bad_state"),
        ({"limit": "0"}, "bad_limit"),
        ({"limit": "101"}, "bad_limit"),
        ({"limit": "99999999999999999999"}, "bad_limit"),
        ({"limit": "-1"}, "bad_limit"),
    ],
)
def test_a_wrong_parameter_is_refused_and_not_ignored(acme, query, code):
    answer = acme.client.get("/v1/jobs", query)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_an_unknown_parameter_is_told_which_there_are(acme):
    [told] = acme.client.get("/v1/jobs", {"status": "failed"}).json()["errors"]
    assert told["parameter"] == "status"
    assert told["detail"] == "There is no such parameter; there are cursor, limit, state."
    [told] = acme.client.post("/process?state=failed").json()["errors"]
    assert told["detail"] == "There are no parameters here."


@pytest.mark.parametrize("limit", ["0", "101", "0001999999", "9" * 5000, "-1", "1e2", "٣"])
def test_a_page_holds_no_more_than_its_limit_however_it_is_written(acme, limit):
    answer = acme.client.get("/v1/jobs", {"limit": limit})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_limit")
