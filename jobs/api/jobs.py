"""Jobs over HTTP: submit, list, look, fetch the result, cancel, try again."""

import re
from typing import ClassVar
from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import lifecycle, results
from jobs.api import seeing
from jobs.api.authentication import caller
from jobs.api.documenting import IDEMPOTENCY_KEY, answered, documented
from jobs.api.endpoint import Endpoint, bad_parameter, the_id
from jobs.api.serializers import (
    JobFromForm,
    JobFromUploads,
    JobPage,
    JobShape,
    address,
)
from jobs.api.submitting import REPLAYED, Submitting
from jobs.models import State
from tenants.context import acting_for

REQUESTS = {"application/json": JobFromUploads, "multipart/form-data": JobFromForm}
SUBMITTED = {202: answered(JobShape, "Taken: the job as it begins, or the first one's again.")}
SEEN = {200: answered(JobShape, "The job as it is now.")}
FETCHED = {302: answered(None, "To the video, good for 15 minutes and without a key; Range works.")}
CANCELED = {
    200: answered(JobShape, "It is canceled."),
    202: answered(JobShape, "Its worker stops at the next step."),
}
RETRIED = {
    201: answered(JobShape, "The new job."),
    200: answered(JobShape, "It was retried before: the job of then."),
}
REFUSALS = (400, 404, 409, 413, 415, 422)
RETRY = (404, 409, 410)


class Process(Submitting):
    scopes: ClassVar[dict[str, str]] = {"POST": "jobs:write"}

    @documented(
        "process",
        "Submit a video and a voice",
        SUBMITTED,
        problems=REFUSALS,
        request=REQUESTS,
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request) -> Response:
        """As a form with two files, 8 MB together, or as JSON with the ids of two uploads.

        The same as POST /v1/jobs.
        """
        return self.submit(request)


class Jobs(Submitting):
    scopes: ClassVar[dict[str, str]] = {"POST": "jobs:write", "GET": "jobs:read"}
    parameters: ClassVar[frozenset[str]] = frozenset({"state", "cursor", "limit"})

    @documented(
        "create_job",
        "Submit a video and a voice",
        SUBMITTED,
        problems=REFUSALS,
        request=REQUESTS,
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request) -> Response:
        """As a form with two files, 8 MB together, or as JSON with the ids of two uploads.

        The result lasts as long as the voice.
        """
        return self.submit(request)

    @documented(
        "list_jobs",
        "List jobs",
        {200: answered(JobPage, "A page of jobs; the header Link leads to the next.")},
        problems=(400,),
        parameters=[
            OpenApiParameter("state", str, enum=State.values, description="Only those in it."),
            OpenApiParameter("limit", int, description="1 to 100, 20 if not given."),
            OpenApiParameter("cursor", str, description="next_cursor of the page before."),
        ],
    )
    def get(self, request: Request) -> Response:
        """The jobs of the tenant, the newest first, whichever key or person sent them."""
        state = request.query_params.get("state", "")
        if state and state not in State.values:
            raise bad_parameter("state", "bad_state", f"A state is one of {', '.join(State)}.")
        limit, cursor = limit_of(request), request.query_params.get("cursor", "")
        with acting_for(caller(request).tenant_id):
            body = seeing.page(state, cursor, limit)
        return Response(body, headers=following(body["next_cursor"], state, limit))


class Job(Endpoint):
    """GET /status/{id}, alias /v1/jobs/{id}."""

    scopes: ClassVar[dict[str, str]] = {"GET": "jobs:read"}

    @documented("get_job", "See a job", SEEN, problems=(404,), ids="job_id")
    def get(self, request: Request, job_id: str) -> Response:
        """Its state, how far it is, what it waits for, and why it failed if it has."""
        with acting_for(caller(request).tenant_id):
            return Response(seeing.shown(the_id(job_id)))


class Status(Job):
    @documented("status", "See a job", SEEN, problems=(404,), ids="job_id")
    def get(self, request: Request, job_id: str) -> Response:
        """Its state, how far it is, what it waits for, and why it failed if it has.

        The same as GET /v1/jobs/{id}.
        """
        return super().get(request, job_id)


class JobResult(Endpoint):
    """GET /result/{id}, alias /v1/jobs/{id}/result."""

    scopes: ClassVar[dict[str, str]] = {"GET": "jobs:read"}

    @documented("get_job_result", "Fetch the result", FETCHED, problems=(404, 409), ids="job_id")
    def get(self, request: Request, job_id: str) -> HttpResponse:
        """The finished video, by a redirect to a short-lived address.

        While there is none it is a 409 that says the state; of a failed job, with its code.
        """
        with acting_for(caller(request).tenant_id):
            delivery = results.deliver(the_id(job_id), by=caller(request).prefix)
        return HttpResponseRedirect(delivery.link())


class Result(JobResult):
    @documented("result", "Fetch the result", FETCHED, problems=(404, 409), ids="job_id")
    def get(self, request: Request, job_id: str) -> HttpResponse:
        """The finished video, by a redirect to a short-lived address.

        The same as GET /v1/jobs/{id}/result.
        """
        return super().get(request, job_id)


class Cancel(Endpoint):
    scopes: ClassVar[dict[str, str]] = {"POST": "jobs:write"}

    @documented(
        "cancel_job", "Cancel a job", CANCELED, problems=(404, 409), ids="job_id", request=None
    )
    def post(self, request: Request, job_id: str) -> Response:
        """A job that waits is canceled at once; one that is worked on, at the next step.

        Asked again, the answer is the same. It costs nothing.
        """
        found: UUID = the_id(job_id)
        with acting_for(caller(request).tenant_id):
            lifecycle.cancel(found, by=caller(request).prefix)
            body = seeing.shown(found)
        return Response(body, 200 if body["state"] == State.CANCELED else 202)


class Retry(Endpoint):
    scopes: ClassVar[dict[str, str]] = {"POST": "jobs:write"}

    @documented(
        "retry_job", "Try a failed job again", RETRIED, problems=RETRY, ids="job_id", request=None
    )
    def post(self, request: Request, job_id: str) -> Response:
        """A new job with the same uploads and choices; the failed one stays as it is.

        Asked again, the answer is the same new job.
        """
        found: UUID = the_id(job_id)
        with acting_for(caller(request).tenant_id):
            job, replayed = lifecycle.retry(found, by=caller(request).prefix)
            body = seeing.shown(job.id)
        headers = {"Location": body["links"]["status"]} | (REPLAYED if replayed else {})
        return Response(body, 200 if replayed else 201, headers=headers)


def limit_of(request: Request) -> int:
    text = request.query_params.get("limit", str(seeing.LIMIT_DEFAULT))
    if not re.fullmatch("[0-9]{1,4}", text) or not 1 <= int(text) <= seeing.LIMIT_MOST:
        raise bad_parameter("limit", "bad_limit", f"1 to {seeing.LIMIT_MOST} jobs fit on a page.")
    return int(text)


def following(cursor: str | None, state: str, limit: int) -> dict[str, str]:
    """The Link header of RFC 8288."""
    if cursor is None:
        return {}
    chosen = f"&state={state}" if state else ""
    return {"Link": f'<{address("api-jobs")}?cursor={cursor}&limit={limit}{chosen}>; rel="next"'}
