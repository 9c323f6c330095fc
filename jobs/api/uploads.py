"""Uploads over HTTP: where each part of a file is to be sent, and what has arrived."""

from typing import ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from jobs import uploads
from jobs.api.authentication import caller
from jobs.api.documenting import answered, documented
from jobs.api.endpoint import Endpoint, checked, the_id
from jobs.api.serializers import UploadRequest, UploadShape, address
from jobs.models import Upload, UploadState


class Uploads(Endpoint):
    scopes: ClassVar[dict[str, str]] = {"POST": "jobs:write"}

    @documented(
        "create_upload",
        "Announce a file",
        {201: answered(UploadShape, "The upload, with an address for each part.")},
        subject="uploads",
        problems=(400, 413, 415, 422),
        request=UploadRequest,
    )
    def post(self, request: Request) -> Response:
        """The way for files that are too large for a form.

        The answer says where each part of it is to be sent, with PUT; those addresses need no key.
        """
        given = checked(UploadRequest(data=request.data))
        upload = uploads.start(caller(request).tenant_id, **given)
        return Response(shown(upload), 201, headers={"Location": address("api-upload", upload.id)})


class OneUpload(Endpoint):
    scopes: ClassVar[dict[str, str]] = {"GET": "jobs:write", "DELETE": "jobs:write"}

    @documented(
        "get_upload",
        "See what is missing",
        {200: answered(UploadShape, "The upload; `parts` are those that are missing.")},
        subject="uploads",
        problems=(404,),
        ids="upload_id",
    )
    def get(self, request: Request, upload_id: str) -> Response:
        """The parts that are missing, with fresh addresses: how to go on after a break."""
        return Response(shown(uploads.find(caller(request).tenant_id, the_id(upload_id))))

    @documented(
        "abort_upload",
        "Give up an upload",
        {200: answered(UploadShape, "It is aborted.")},
        subject="uploads",
        problems=(404, 409),
        ids="upload_id",
    )
    def delete(self, request: Request, upload_id: str) -> Response:
        """For one that is not complete: its parts are thrown away."""
        return Response(shown(uploads.abort(caller(request).tenant_id, the_id(upload_id))))


class Complete(Endpoint):
    scopes: ClassVar[dict[str, str]] = {"POST": "jobs:write"}

    @documented(
        "complete_upload",
        "Complete an upload",
        {200: answered(UploadShape, "It is ready: a job can have it.")},
        subject="uploads",
        problems=(400, 404, 409),
        ids="upload_id",
        request=None,
    )
    def post(self, request: Request, upload_id: str) -> Response:
        """When all parts are sent. Refused, with their numbers, while some are missing."""
        return Response(shown(uploads.complete(caller(request).tenant_id, the_id(upload_id))))


def shown(upload: Upload) -> dict[str, object]:
    missing = uploads.missing_parts(upload) if upload.state == UploadState.OPEN else []
    return dict(UploadShape(upload, context={"missing": missing}).data)
