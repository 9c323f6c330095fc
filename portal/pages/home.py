"""The start page: three steps for a tenant without jobs, an overview for every other."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from jobs.models import State
from portal.pages import media, usage
from portal.pages.entry import MemberRequest, for_tenant
from portal.pages.jobs import announce, jobs_in, poll_seconds, rows_of
from tenants.models import Role
from tenants.people import MAY_SEE_JOBS, MAY_SEE_USAGE

LATEST = 5


@require_GET
@never_cache
@for_tenant(Role.values)
def start(request: MemberRequest) -> HttpResponse:
    if request.tenant.role not in MAY_SEE_JOBS:
        return redirect("portal:usage")
    latest = latest_context()
    if not latest["jobs"]:
        return render(request, "pages/home/first_run.html", {"has_sample": media.has_sample()})
    if request.tenant.role in MAY_SEE_USAGE:
        latest |= usage.present_month(request.tenant)
    return TemplateResponse(request, "pages/home/overview.html", latest)


@require_GET
@never_cache
@for_tenant(MAY_SEE_JOBS)
def latest(request: MemberRequest) -> HttpResponse:
    """The newest jobs alone, which htmx asks for."""
    return TemplateResponse(request, "pages/home/latest.html", latest_context())


def latest_context() -> dict[str, Any]:
    shown = rows_of(jobs_in(State.values)[:LATEST])
    return {
        "jobs": shown,
        "poll_url": reverse("portal:latest"),
        "poll_seconds": poll_seconds(shown),
        "announce": announce(shown),
    }
