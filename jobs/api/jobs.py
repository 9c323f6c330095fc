"""Jobs over HTTP: submit, list, look, fetch the result, cancel, try again."""

import re
from typing import ClassVar
from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import lifecycle, results
from jobs.api import seeing
from jobs.api.authentication import caller
from jobs.api.documenting import IDEMPOTENCY_KEY, documented
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
SUBMITTED = {202: JobShape}
REFUSALS = (400, 404, 409, 413, 415, 422)


class Process(Submitting):
    scopes: ClassVar[dict[str, str]] = {"POST": "jobs:write"}

    @documented(
        "process", SUBMITTED, problems=REFUSALS, request=REQUESTS, parameters=[IDEMPOTENCY_KEY]
    )
    def post(self, request: Request) -> Response:
        """Submit a video and a voice. The same as POST /v1/jobs."""
        return self.submit(request)


class Jobs(Submitting):
    scopes: ClassVar[dict[str, str]] = {"POST": "jobs:write", "GET": "jobs:read"}
    parameters: ClassVar[frozenset[str]] = frozenset({"state", "cursor", "limit"})

    @documented(
        "create_job", SUBMITTED, problems=REFUSALS, request=REQUESTS, parameters=[IDEMPOTENCY_KEY]
    )
    def post(self, request: Request) -> Response:
        """Submit a video and a voice: as a form, or by the ids of two uploads."""
        return self.submit(request)

    @documented(
        "list_jobs",
        {200: JobPage},
        problems=(400,),
        parameters=[
            OpenApiParameter("state", str, enum=State.values),
            OpenApiParameter("limit", int, description="1 to 100, 20 if not given."),
            OpenApiParameter("cursor", str, description="next_cursor of the page before."),
        ],
    )
    def get(self, request: Request) -> Response:
        """The jobs of the tenant, the newest first."""
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

    @documented("get_job", {200: JobShape}, problems=(404,))
    def get(self, request: Request, job_id: str) -> Response:
        """How far a job is."""
        with acting_for(caller(request).tenant_id):
            return Response(seeing.shown(the_id(job_id)))


class Status(Job):
    @documented("status", {200: JobShape}, problems=(404,))
    def get(self, request: Request, job_id: str) -> Response:
        """How far a job is. The same as GET /v1/jobs/{id}."""
        return super().get(request, job_id)


class JobResult(Endpoint):
    """GET /result/{id}, alias /v1/jobs/{id}/result."""

    scopes: ClassVar[dict[str, str]] = {"GET": "jobs:read"}

    @documented(
        "get_job_result",
        {302: OpenApiResponse(description="To the video, good for 15 minutes; Range works.")},
        problems=(404, 409),
    )
    def get(self, request: Request, job_id: str) -> HttpResponse:
        """The finished video, by a redirect to a short-lived address."""
        with acting_for(caller(request).tenant_id):
            delivery = results.deliver(the_id(job_id), by=caller(request).prefix)
        return HttpResponseRedirect(delivery.link())


class Result(JobResult):
    @documented(
        "result",
        {302: OpenApiResponse(description="To the video, good for 15 minutes; Range works.")},
        problems=(404, 409),
    )
    def get(self, request: Request, job_id: str) -> HttpResponse:
        """The finished video. The same as GET /v1/jobs/{id}/result."""
        return super().get(request, job_id)


class Cancel(Endpoint):
    scopes: ClassVar[dict[str, str]] = {"POST": "jobs:write"}

    @documented("cancel_job", {200: JobShape, 202: JobShape}, problems=(404, 409), request=None)
    def post(self, request: Request, job_id: str) -> Response:
        """Cancel: 200 when it is canceled, 202 when its worker stops at the next step."""
        found: UUID = the_id(job_id)
        with acting_for(caller(request).tenant_id):
            lifecycle.cancel(found, by=caller(request).prefix)
            body = seeing.shown(found)
        return Response(body, 200 if body["state"] == State.CANCELED else 202)


class Retry(Endpoint):
    scopes: ClassVar[dict[str, str]] = {"POST": "jobs:write"}

    @documented("retry_job", {200: JobShape, 201: JobShape}, problems=(404, 409, 410), request=None)
    def post(self, request: Request, job_id: str) -> Response:
        """Try a failed job again: 201 with a new job, 200 with the same one when repeated."""
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
