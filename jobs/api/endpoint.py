"""What all endpoints have in common: who may, how often, how large, and how it is answered."""

from typing import Any, ClassVar
from uuid import UUID

from django.utils.cache import patch_cache_control
from rest_framework.exceptions import ValidationError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from jobs.api import bodies
from jobs.api.authentication import caller, demand_scope
from jobs.api.problems import NotFound, Problem, invalid
from tenants import rates
from tenants.rates import Allowance


class AlwaysJson(BaseContentNegotiation):
    """There is one format; what a client says it accepts changes nothing."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        kind = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == kind), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


class Endpoint(APIView):
    """`scopes` by method: an endpoint can't be reached by a method that is not listed.

    `parameters` names what the query string may hold.
    """

    scopes: ClassVar[dict[str, str]] = {}
    parameters: ClassVar[frozenset[str]] = frozenset()
    parser_classes = [bodies.Json]
    content_negotiation_class = AlwaysJson
    http_method_names = ["get", "head", "post", "delete"]
    allowance: Allowance | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if scope := self.scopes.get("GET" if request.method == "HEAD" else str(request.method)):
            demand_scope(caller(request), scope)
        self.refuse_unknown_parameters(request)
        bodies.check_length(request)

    def check_throttles(self, request: Request) -> None:
        self.allowance = rates.count_request(caller(request).tenant_id)
        if self.allowance.is_spent:
            raise too_many(self.allowance)

    def refuse_unknown_parameters(self, request: Request) -> None:
        for name in request.query_params:
            if name not in self.parameters:
                raise bad_parameter(name, "unknown_parameter", self.known_parameters())

    def known_parameters(self) -> str:
        if not self.parameters:
            return "There are no parameters here."
        return f"There is no such parameter; there are {', '.join(sorted(self.parameters))}."

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Response:
        patch_cache_control(response, no_store=True)
        if self.allowance is not None:
            limit, left, wait = (
                self.allowance.limit,
                self.allowance.remaining,
                self.allowance.resets_in,
            )
            response["RateLimit-Policy"] = f'"requests";q={limit};w={rates.WINDOW_SECONDS}'
            response["RateLimit"] = f'"requests";r={left};t={wait}'
        return super().finalize_response(request, response, *args, **kwargs)


class Unknown(APIView):
    """Every address of the API that is none."""

    authentication_classes = []
    permission_classes = []
    content_negotiation_class = AlwaysJson
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {}  # no Allow: no method helps


def too_many(allowance: Allowance) -> Problem:
    return Problem(
        429,
        "too_many_requests",
        f"This tenant may make {allowance.limit} requests a minute.",
        hint="Wait as long as Retry-After says.",
        headers={"Retry-After": str(allowance.resets_in)},
    )


def bad_parameter(name: str, code: str, detail: str) -> Problem:
    return Problem(
        400,
        code,
        f"{detail} ({name})",
        errors=[{"parameter": name, "code": code, "detail": detail}],
    )


def the_id(text: str) -> UUID:
    """An id as it stands in an address. What is none is as unknown as any other: NotFound."""
    try:
        found = UUID(text)
    except ValueError:
        raise NotFound from None
    if str(found) != text.lower():
        raise NotFound
    return found


def checked(serializer: Serializer) -> dict[str, Any]:
    try:
        serializer.is_valid(raise_exception=True)
    except ValidationError as refusal:
        raise invalid(refusal, getattr(serializer, "how", "")) from None
    return dict(serializer.validated_data)
