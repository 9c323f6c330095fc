"""Every error of the API is an RFC 9457 problem: one shape, a stable code, a request id."""

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import (
    ObjectDoesNotExist,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.http import Http404, HttpRequest
from rest_framework import exceptions
from rest_framework.response import Response

from inference.errors import EngineError
from jobs import errors
from messaging.gone import GONE
from tenants.errors import TenantError

log = structlog.get_logger(__name__)

PLACE = re.compile(r"line \d+ column \d+")  # of what Python's JSON says

CONTENT_TYPE = "application/problem+json"

# What each refusal of an operation is over HTTP. What is not listed is a 409.
STATUS_OF: dict[type[Exception], int] = {
    errors.IdempotencyKeyReused: 422,
    errors.BadJobOption: 422,
    errors.BadDeadline: 422,
    errors.UploadGone: 410,
    errors.TooManyWaiting: 429,
    errors.EmptyUpload: 422,
    errors.UploadTooLarge: 413,
    errors.UploadIncomplete: 400,
    errors.BadPart: 400,
    errors.BadSignature: 403,
    errors.StorageFull: 507,
    errors.StorageBroken: 500,
}
LOOK = (
    "See that the address is right, without a slash at its end, and the id whole; "
    "/v1/docs shows all addresses."
)
# The complaints that are about the whole request: then it helps to say what one looks like.
SHOW_HOW = {"required", "unknown_field", "null"}
WAIT_SECONDS = 5  # told where a client may ask again, such as for a result that is not there yet


class Problem(Exception):
    """One refusal, ready to be sent. `errors` point into the request, JSON pointer by pointer."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        hint: str = "",
        errors: list[dict[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.hint = status, code, detail, hint
        self.errors, self.headers, self.more = errors, dict(headers or {}), more

    def body(self, request_id: str) -> dict[str, Any]:
        body = {
            "type": f"urn:viseme:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "hint": self.hint,
            "request_id": request_id,
            **self.more,
        }
        if self.errors is not None:
            body["errors"] = self.errors
        return body


class NotFound(Problem):
    """The same bytes for what never was and for what is another tenant's.

    Its body names neither the id nor the request (whose id is in the header): two such answers
    must not differ in anything.
    """

    def __init__(
        self, code: str = "not_found", detail: str = "There is nothing here.", hint: str = LOOK
    ) -> None:
        super().__init__(404, code, detail, hint=hint)

    def body(self, request_id: str) -> dict[str, Any]:
        body = super().body(request_id)
        del body["request_id"]
        return body


class InternalError(Problem):
    def __init__(self) -> None:
        hint = "Try again; if it stays, tell the operator the request id."
        super().__init__(500, "internal_error", "Something went wrong on our side.", hint=hint)


class Unavailable(Problem):
    """The database is away for the moment, or refuses: nothing was done of what was asked, unless
    its last word was lost on the way."""

    def __init__(self) -> None:
        hint = (
            "Ask again in a few seconds; a POST with the same Idempotency-Key makes no second job."
        )
        wait = {"Retry-After": str(WAIT_SECONDS)}
        super().__init__(
            503, "unavailable", "The service can't answer now.", hint=hint, headers=wait
        )


def handle(error: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's exception handler: whatever was raised becomes a problem."""
    request = context["request"]
    return answer(problem_of(error), request_id_of(request))


def answer(problem: Problem, request_id: str) -> Response:
    body = problem.body(request_id)
    return Response(body, problem.status, headers=problem.headers, content_type=CONTENT_TYPE)


def request_id_of(request: HttpRequest) -> str:
    return getattr(request, "request_id", "")


def problem_of(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, Http404 | ObjectDoesNotExist | exceptions.NotFound):
        return NotFound()
    if isinstance(error, errors.UnknownUpload):
        return NotFound(error.code, str(error), error.hint)
    if isinstance(error, errors.JobError | TenantError | EngineError):
        return _of_refusal(error)
    if isinstance(error, exceptions.ValidationError):
        return invalid(error)
    if isinstance(error, exceptions.APIException):
        return _of_framework(error)
    if isinstance(error, RequestDataTooBig):
        return Problem(413, "body_too_large", "The fields of this form are too large.")
    if isinstance(error, SuspiciousOperation):
        return Problem(400, "malformed_request", "This request can't be read.")
    if isinstance(error, GONE):
        log.error("api_unavailable", exc_info=error)
        return Unavailable()
    log.exception("api_failed", exc_info=error)
    return InternalError()


def _of_refusal(error: errors.JobError | TenantError | EngineError) -> Problem:
    status = STATUS_OF.get(type(error), 422 if isinstance(error, EngineError) else 409)
    more: dict[str, Any] = {}
    if state := getattr(error, "state", ""):
        more["state"] = str(state)
    if job_id := getattr(error, "job_id", None):
        more["job_id"] = str(job_id)
    if field := getattr(error, "field", ""):
        about = {"pointer": f"/{field}", "code": error.code, "detail": str(error)}
        more["errors"] = [about]
    wait = isinstance(error, errors.NotFinished | errors.TooManyWaiting)
    headers = {"Retry-After": str(WAIT_SECONDS)} if wait else {}
    hint = getattr(error, "hint", "")
    return Problem(status, error.code, str(error), hint=hint, headers=headers, **more)


def invalid(error: exceptions.ValidationError, how: str = "") -> Problem:
    """`how`: what a right request looks like, told where the complaint is about all of it."""
    complaints = list(_pointed(error.detail, ""))
    about_all = any(c["code"] in SHOW_HOW or not c["pointer"] for c in complaints)
    return Problem(
        422,
        "invalid_request",
        "Something in this request is not as it must be; see errors.",
        hint=how if about_all else "",
        errors=complaints,
    )


def _pointed(detail: Any, pointer: str) -> Iterator[dict[str, str]]:
    """Each complaint with the JSON pointer of what it is about."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from _pointed(
                inner, pointer if name == "non_field_errors" else f"{pointer}/{name}"
            )
    elif isinstance(detail, list):
        for inner in detail:
            yield from _pointed(inner, pointer)
    else:
        yield {"pointer": pointer, "code": detail.code, "detail": str(detail)}


def _of_framework(error: exceptions.APIException) -> Problem:
    """What Django REST framework itself refuses, under our codes."""
    headers: dict[str, str] = {}
    hint = ""
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        return Unauthenticated()
    if isinstance(error, exceptions.MethodNotAllowed):
        code, detail = "method_not_allowed", str(error.detail)
        hint = "The header Allow names the methods of this address."
    elif isinstance(error, exceptions.UnsupportedMediaType):
        code, detail = "unsupported_media_type", "A body of this content type is not read here."
        hint = (
            "Send JSON with the header Content-Type: application/json; files for a job may come as "
            "a form, multipart/form-data (curl: -F)."
        )
        headers["Accept-Post"] = "application/json, multipart/form-data"
    elif isinstance(error, exceptions.ParseError):
        code, detail = "malformed_body", "The body is not what its content type says."
        if place := PLACE.search(str(error.detail)):
            hint = f"It can't be read from {place[0]} on."
    else:
        code, detail = error.default_code, str(error.detail)
    return Problem(error.status_code, code, detail, hint=hint, headers=headers)


class Unauthenticated(Problem):
    """A revoked, an expired and an unknown key are told alike."""

    def __init__(
        self,
        detail: str = "This needs an API key, and none came with it.",
        hint: str = "Send the header Authorization: Bearer vsm_live_...; the portal makes keys.",
    ) -> None:
        super().__init__(
            401,
            "unauthenticated",
            detail,
            hint=hint,
            headers={"WWW-Authenticate": "Bearer"},
        )
