"""The way into a page: who is signed in, which tenant they work for, and what their role may do."""

from collections.abc import Callable, Collection
from functools import wraps
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from tenants import people
from tenants.context import acting_for
from tenants.models import User
from tenants.people import Belonging

CHOICE = "tenant"
PLACES = [
    ("Overview", "home", "home", people.MAY_SEE_JOBS),
    ("Jobs", "jobs", "jobs", people.MAY_SEE_JOBS),
    ("New job", "plus", "new_job", people.MAY_MAKE_JOBS),
    ("Usage", "usage", "usage", people.MAY_SEE_USAGE),
    ("API keys", "key", "keys", people.MAY_MANAGE_KEYS),
]

ACCOUNT = {"mfa": "security", "account_change_password": "password"}

View = Callable[..., HttpResponseBase]


class MemberRequest(HttpRequest):
    """A request behind for_member(): who is signed in, and the membership they work under."""

    user: User
    htmx: HtmxDetails
    tenant: Belonging
    memberships: list[Belonging]


def for_member(roles: Collection[str]) -> Callable[[View], View]:
    """A page for members with one of these roles; another role gets 403.

    The view finds the membership as request.tenant, and is in nobody's context yet.
    """

    def guard(view: View) -> View:
        @wraps(view)
        def page(request: MemberRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            tenant = tenant_of(request)
            if tenant is None:
                return render(request, "pages/home/no_tenant.html", status=403)
            if tenant.role not in roles:
                raise PermissionDenied
            request.tenant = tenant
            return view(request, *args, **kwargs)

        return signed_in(page)

    return guard


def for_tenant(roles: Collection[str]) -> Callable[[View], View]:
    """The same, and all of it runs within acting_for(the chosen tenant).

    But a TemplateResponse is rendered after it: for pages with links to the storage, which are
    signed while no transaction is open. Their templates ask the database for nothing.
    """

    def guard(view: View) -> View:
        @wraps(view)
        def page(request: MemberRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            with acting_for(request.tenant.tenant_id):
                return view(request, *args, **kwargs)

        return for_member(roles)(page)

    return guard


def signed_in(view: View) -> View:
    """Ask for a sign-in; a fragment that htmx polls sends the whole page there."""
    guarded = login_required(view)

    @wraps(view)
    def page(request: MemberRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.htmx and not request.user.is_authenticated:
            return HttpResponseClientRedirect(reverse("account_login"))
        return guarded(request, *args, **kwargs)

    return page


def tenants_of(request: HttpRequest) -> list[Belonging]:
    """The tenants that the signed-in person belongs to; asked of the database once a request."""
    member = cast(MemberRequest, request)
    if not hasattr(member, "memberships"):
        signed_in = hasattr(member, "user") and member.user.is_authenticated
        member.memberships = people.memberships_of(member.user.id) if signed_in else []
    return member.memberships


def tenant_of(request: HttpRequest) -> Belonging | None:
    """The tenant chosen in this session, else the first; None for somebody who belongs to none."""
    tenants = tenants_of(request)
    chosen = request.session.get(CHOICE) if tenants else None
    fitting = (tenant for tenant in tenants if str(tenant.tenant_id) == chosen)
    return next(fitting, tenants[0] if tenants else None)


@require_POST
@signed_in
def switch(request: HttpRequest) -> HttpResponse:
    """Work for another of one's tenants from now on."""
    wanted = request.POST.get("tenant")
    if wanted not in {str(tenant.tenant_id) for tenant in tenants_of(request)}:
        raise Http404
    request.session[CHOICE] = wanted
    return redirect("portal:home")


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Context processor: the tenant's name and the links beside every page."""
    match = request.resolver_match
    name = (match.url_name or "") if match else ""
    here = name if match and match.namespace == "portal" else ""
    tenant = tenant_of(request)
    return {
        "tenant": tenant,
        "tenants": tenants_of(request),
        "may_make_jobs": bool(tenant and tenant.role in people.MAY_MAKE_JOBS),
        "here": ACCOUNT.get(name.split("_")[0] if name.startswith("mfa_") else name, here),
        "places": [
            {"name": label, "icon": icon, "url": reverse(f"portal:{place}"), "here": place == here}
            for label, icon, place, roles in PLACES
            if tenant and tenant.role in roles
        ],
    }
