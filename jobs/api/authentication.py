"""`Authorization: Bearer vsm_live_...`: the key says which tenant asks and what it may do."""

from dataclasses import dataclass

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from jobs.api.problems import Problem, Unauthenticated
from tenants import keys
from tenants.keys import FoundKey


@dataclass(frozen=True)
class Caller:
    """Who asks: an API key, in the place where Django expects a person."""

    key: FoundKey
    is_authenticated: bool = True


class ApiKeyAuthentication(BaseAuthentication):
    """No header: nobody, which the permissions refuse. A header that is no good key: 401 too."""

    def authenticate(self, request: Request) -> tuple[Caller, FoundKey] | None:
        header = request.META.get("HTTP_AUTHORIZATION")
        if header is None:
            return None
        scheme, _, secret = header.partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise Unauthenticated("The header Authorization is not Bearer, a space and a key.")
        key = keys.find(secret.strip())
        if key is None:
            raise Unauthenticated(
                "This API key is not known, or not valid any more.",
                hint="Look at it in the portal under API keys, or make a new one there. Where the "
                "portal lets you in no more, the tenant is suspended: ask the operator.",
            )
        return Caller(key), key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def caller(request: Request) -> FoundKey:
    """The key behind a request that the permissions have let through."""
    key = request.auth
    assert isinstance(key, FoundKey)
    return key


def demand_scope(key: FoundKey, scope: str) -> None:
    if scope not in key.scopes:
        raise Problem(
            403,
            "scope_missing",
            f"This key may not do that: it lacks the scope {scope}.",
            hint="Make a key that has it, in the portal under API keys.",
        )
