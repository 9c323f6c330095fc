from datetime import UTC, datetime

import pytest

from tests.jobs.api.delivering import delivered


def test_the_usage_of_this_month_has_a_row_for_each_day(acme, tmp_path):
    delivered(acme, tmp_path)
    month = f"{datetime.now(UTC):%Y-%m}"
    body = acme.client.get("/v1/usage").json()
    assert body == acme.client.get("/v1/usage", {"month": month}).json()
    assert body["month"] == month
    assert body["time_zone"] == "UTC"
    assert (body["total"]["videos"], body["total"]["output_seconds"]) == (1, 10.04)
    assert sum(day["videos"] for day in body["days"]) == 1
    assert len(body["days"]) >= 28
    assert body["stored_bytes"] > 0


def test_a_tenant_sees_its_own_usage_alone(acme, rival, tmp_path):
    delivered(acme, tmp_path)
    assert rival.client.get("/v1/usage").json()["total"]["videos"] == 0


@pytest.mark.parametrize("month", ["2026-13", "2026-00", "26-01", "2026-1", "", "2026-01-01"])
def test_a_month_that_is_none_is_refused(acme, month):
    answer = acme.client.get("/v1/usage", {"month": month})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_month")
