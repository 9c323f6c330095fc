"""POST /process, alias POST /v1/jobs: a form with two small files, or the ids of two uploads."""

from typing import Any
from uuid import UUID

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import submission, uploads
from jobs.api import bodies
from jobs.api.authentication import caller
from jobs.api.endpoint import Endpoint, checked
from jobs.api.problems import WAIT_SECONDS
from jobs.api.seeing import shown
from jobs.api.serializers import JobFromForm, JobFromUploads, JobRequest
from jobs.models import Job, UploadKind
from tenants.context import acting_for
from tenants.keys import FoundKey

REPLAYED = {"Idempotency-Replayed": "true"}


class Submitting(Endpoint):
    """The POST of both addresses."""

    parser_classes = [bodies.Json, bodies.Form]

    def submit(self, request: Request) -> Response:
        key = bodies.idempotency_key(request)
        by_form = (request.content_type or "").lower().startswith("multipart/")
        job, replayed = (from_form if by_form else from_uploads)(request, key)
        with acting_for(caller(request).tenant_id):
            body = shown(job.id)
        headers = {"Location": body["links"]["status"], "Retry-After": str(WAIT_SECONDS)}
        return Response(body, 202, headers=headers | (REPLAYED if replayed else {}))


def from_uploads(request: Request, key: str | None) -> tuple[Job, bool]:
    given = checked(JobFromUploads(data=request.data))
    return submitted(caller(request), given, given["video_upload"], given["audio_upload"], key)


def from_form(request: Request, key: str | None) -> tuple[Job, bool]:
    given = checked(JobFromForm(data=request.data))
    if sum(given[kind].size for kind in UploadKind) > settings.FORM_LIMIT_BYTES:
        raise bodies.form_too_large()
    return uploads.submit_files(
        caller(request).tenant_id,
        given,
        lambda video_id, audio_id: submitted(caller(request), given, video_id, audio_id, key),
    )


def submitted(
    by: FoundKey, given: dict[str, Any], video_id: UUID, audio_id: UUID, key: str | None
) -> tuple[Job, bool]:
    options, rest = JobRequest.split(given)
    with acting_for(by.tenant_id):
        return submission.submit(
            video_id=video_id,
            audio_id=audio_id,
            options=options,
            submitted_by=by.prefix,
            api_key_id=by.id,
            idempotency_key=key,
            **rest,
        )
