"""How an endpoint stands in the OpenAPI document: one line a method, all problems in one shape."""

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


def documented(
    operation: str,
    answers: dict[int, Any],
    *,
    subject: str = "jobs",
    problems: tuple[int, ...] = (),
    **more: Any,
) -> Callable[[Any], Any]:
    """`operation` is the stable operationId. Every operation may also answer 401, 403, 429, 500."""
    told: dict[Any, Any] = dict(answers)
    for status in sorted({401, 403, 429, 500, *problems}):
        told[(status, CONTENT_TYPE)] = OpenApiResponse(ProblemShape)
    return extend_schema(operation_id=operation, responses=told, tags=[subject], **more)
