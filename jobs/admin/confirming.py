"""An action on chosen jobs is first told, job by job, and done when that was confirmed."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from jobs.models import Job
from jobs.operating import Done

MOST = 200  # a page, and one transaction; the shell's command takes any number

Tell = Callable[[Sequence[UUID], bool], list[Done]]  # of these jobs; True: only as it would be


def confirmed(
    site: "admin.ModelAdmin[Any]",
    request: HttpRequest,
    jobs: QuerySet[Job],
    *,
    verb: str,
    tell: Tell,
) -> HttpResponse | None:
    """Do what `tell` does if the page before was confirmed, else show that page."""
    ids = list(jobs.order_by("id").values_list("id", flat=True)[: MOST + 1])
    if len(ids) > MOST:
        messages.error(request, f"Choose {MOST} jobs at most, or use `manage.py jobs {verb}`.")
        return None
    if "confirmed" not in request.POST:
        return _page(site, request, verb, tell(ids, True))
    for one in tell(ids, False):
        level = messages.SUCCESS if one.done else messages.ERROR
        messages.add_message(request, level, f"{one.job}: {one.did}")
    return None


def _page(
    site: "admin.ModelAdmin[Any]", request: HttpRequest, verb: str, told: list[Done]
) -> HttpResponse:
    shown = {
        **site.admin_site.each_context(request),
        "title": f"{verb.capitalize()} jobs?",
        "opts": site.opts,
        "verb": verb,
        "told": told,
        "doable": [one for one in told if one.done],
        "checkbox": ACTION_CHECKBOX_NAME,
    }
    return TemplateResponse(request, "admin/jobs/job/confirm.html", shown)
