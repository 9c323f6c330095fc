"""Uploads over HTTP: where each part of a file is to be sent, and what has arrived."""

from typing import ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from jobs import uploads
from jobs.api.authentication import caller
from jobs.api.documenting import documented
from jobs.api.endpoint import Endpoint, checked, the_id
from jobs.api.serializers import UploadRequest, UploadShape, address
from jobs.models import Upload, UploadState


class Uploads(Endpoint):
    scopes: ClassVar[dict[str, str]] = {"POST": "jobs:write"}

    @documented(
        "create_upload",
        {201: UploadShape},
        subject="uploads",
        problems=(400, 413, 415, 422),
        request=UploadRequest,
    )
    def post(self, request: Request) -> Response:
        """Announce a file. The answer says where each part of it is to be sent, with PUT."""
        given = checked(UploadRequest(data=request.data))
        upload = uploads.start(caller(request).tenant_id, **given)
        return Response(shown(upload), 201, headers={"Location": address("api-upload", upload.id)})


class OneUpload(Endpoint):
    scopes: ClassVar[dict[str, str]] = {"GET": "jobs:write", "DELETE": "jobs:write"}

    @documented("get_upload", {200: UploadShape}, subject="uploads", problems=(404,))
    def get(self, request: Request, upload_id: str) -> Response:
        """Which parts are missing, with fresh addresses: the way to resume."""
        return Response(shown(uploads.find(caller(request).tenant_id, the_id(upload_id))))

    @documented("abort_upload", {200: UploadShape}, subject="uploads", problems=(404, 409))
    def delete(self, request: Request, upload_id: str) -> Response:
        """Give up an upload that is not complete."""
        return Response(shown(uploads.abort(caller(request).tenant_id, the_id(upload_id))))


class Complete(Endpoint):
    scopes: ClassVar[dict[str, str]] = {"POST": "jobs:write"}

    @documented(
        "complete_upload",
        {200: UploadShape},
        subject="uploads",
        problems=(400, 404, 409),
        request=None,
    )
    def post(self, request: Request, upload_id: str) -> Response:
        """All parts are sent. Refused, with their numbers, while some are missing."""
        return Response(shown(uploads.complete(caller(request).tenant_id, the_id(upload_id))))


def shown(upload: Upload) -> dict[str, object]:
    missing = uploads.missing_parts(upload) if upload.state == UploadState.OPEN else []
    return dict(UploadShape(upload, context={"missing": missing}).data)
