"""How an endpoint stands in the OpenAPI document: one line a method, all problems in one shape.

What an operation does in full is the docstring of its method.
"""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from jobs.api.problems import CONTENT_TYPE
from jobs.api.serializers import ProblemShape

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Sent again with the same request, it answers with the first job: no second one.",
)

ALWAYS = (401, 403, 429, 500, 503)  # what every operation may answer
MEANS = {
    400: "Something can't be read: the body, the query string, a header or a part.",
    401: "No API key, or one that is not valid.",
    403: "The key lacks the scope that the problem names.",
    404: "Nothing here, as far as this tenant is concerned.",
    409: "Not as things stand; the problem says how they do.",
    410: "A file of the job is no longer kept.",
    413: "Too large; the problem says what fits and which way is for larger files.",
    415: "Neither JSON nor, where files are taken, a form.",
    422: "A field is missing, unknown or out of its range; `errors` points at each.",
    429: "Too many requests a minute or jobs that wait; Retry-After says how long to wait.",
    500: "Our fault; the problem has the id to tell the operator.",
    503: "Not at the moment; Retry-After says when to ask again.",
}


def documented(
    operation: str,
    summary: str,
    answers: dict[int, Any],
    *,
    subject: str = "jobs",
    problems: tuple[int, ...] = (),
    ids: str = "",
    **more: Any,
) -> Callable[[Any], Any]:
    """`operation` is the stable operationId, `summary` a few words; `ids` the id in the address."""
    told: dict[Any, Any] = dict(answers)
    for status in sorted({*ALWAYS, *problems}):
        told[(status, CONTENT_TYPE)] = OpenApiResponse(ProblemShape, description=MEANS[status])
    parameters = [*([_the_id(ids)] if ids else []), *more.pop("parameters", [])]
    return extend_schema(
        operation_id=operation,
        summary=summary,
        responses=told,
        parameters=parameters,
        tags=[subject],
        **more,
    )


def answered(shape: Any, means: str) -> OpenApiResponse:
    return OpenApiResponse(shape, description=means)


def _the_id(name: str) -> OpenApiParameter:
    of = name.removesuffix("_id")
    return OpenApiParameter(name, str, OpenApiParameter.PATH, description=f"Id of the {of}.")
