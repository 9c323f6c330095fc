"""Middleware of all answers: each has a request id, and the API's are JSON to the last of them."""

import re
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse, JsonResponse

from jobs.api.bodies import announced, drain
from jobs.api.problems import CONTENT_TYPE, InternalError, NotFound, Problem
from messaging.ids import new_id

HEADER = "X-Request-Id"
GIVEN = re.compile(r"[A-Za-z0-9._-]{8,64}")
API_PATHS = re.compile(r"/(v1|process|status|result|files|parts)(/|$)")

View = Callable[[HttpRequest], HttpResponse]


class RequestIds:
    """The caller's X-Request-Id if it is a plain one, else a new one: in the log and the answer."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get(HEADER, "")
        request.request_id = given if GIVEN.fullmatch(given) else str(new_id())  # type: ignore[attr-defined]
        with structlog.contextvars.bound_contextvars(request_id=request.request_id):  # type: ignore[attr-defined]
            response = self.get_response(request)
        response[HEADER] = request.request_id  # type: ignore[attr-defined]
        return response


class ApiAnswers:
    """Turns what Django itself refuses on the API's paths into a problem, and drains the rest."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if API_PATHS.match(request.path_info) is None and not _lost(request, response):
            return response
        if announced(request):
            drain(request)
        if response.status_code >= 400 and not _is_problem(response):
            return as_response(_stands_for(response), request)
        return response


def _lost(request: HttpRequest, response: HttpResponse) -> bool:
    """A program with a key that asks for an address that is nowhere, neither here nor a page."""
    given = request.headers.get("Authorization", "")  # a person's proxy may ask for a password
    return response.status_code == 404 and given.lower().startswith("bearer ")


def as_response(problem: Problem, request: HttpRequest) -> JsonResponse:
    body = problem.body(getattr(request, "request_id", ""))
    return JsonResponse(
        body, status=problem.status, headers=problem.headers, content_type=CONTENT_TYPE
    )


def _is_problem(response: HttpResponse) -> bool:
    return response.headers.get("Content-Type", "").startswith(CONTENT_TYPE)


# What the links to files answer by themselves, and the header that must stay with it.
OF_FILES = {
    405: (
        "method_not_allowed",
        "This address does not answer that method; the header Allow names those that it does.",
        "Allow",
    ),
    416: (
        "range_not_satisfiable",
        "The file ends before this range begins; the header Content-Range tells its size.",
        "Content-Range",
    ),
}


def _stands_for(response: HttpResponse) -> Problem:
    status = response.status_code
    if status == 404:
        return NotFound()
    if status >= 500:
        return InternalError()
    if status in OF_FILES:
        code, detail, kept = OF_FILES[status]
        return Problem(status, code, detail, headers={kept: response.headers.get(kept, "")})
    return Problem(status, "malformed_request", "This request can't be read.")
