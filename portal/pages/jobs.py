"""The jobs of a tenant: the list, one of them live, cancel, try again, download."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from jobs import lifecycle, reports, results, waiting
from jobs.errors import JobError, NoResult, NotCancelable, NotFinished
from jobs.models import Job, State
from portal.pages import media
from portal.pages.entry import MemberRequest, for_member, for_tenant
from portal.pages.facts import sender_of
from portal.pages.showing import ShownJob
from tenants.context import acting_for
from tenants.people import MAY_MAKE_JOBS, MAY_SEE_JOBS

PAGE_SIZE = 20
ACTIVE_SECONDS, QUIET_SECONDS = 2, 15  # how often a list with and without running jobs is asked for
TABS: dict[str, tuple[str, Sequence[str]]] = {
    "all": ("All", State.values),
    "live": ("In progress", [State.VALIDATING, State.QUEUED, State.PROCESSING]),
    "succeeded": ("Succeeded", [State.SUCCEEDED]),
    "failed": ("Failed", [State.FAILED]),
    "canceled": ("Canceled", [State.CANCELED]),
}


@require_GET
@never_cache
@for_tenant(MAY_SEE_JOBS)
def listing(request: MemberRequest) -> HttpResponse:
    """The list; htmx asks the same address and gets the rows alone."""
    chosen = request.GET.get("state", "all")
    if chosen not in TABS:
        raise Http404
    page = Paginator(jobs_in(TABS[chosen][1]), PAGE_SIZE).get_page(request.GET.get("page"))
    template = "pages/jobs/rows.html" if request.htmx else "pages/jobs/list.html"
    return TemplateResponse(request, template, list_context(chosen, page))


def list_context(chosen: str, page: "Page[Job]") -> dict[str, Any]:
    shown = rows_of(page)
    return {
        "jobs": shown,
        "page": page,
        "tabs": list(tabs(chosen)),
        "filtered": chosen != "all",
        "poll_url": list_address(chosen, page.number),
        "poll_seconds": poll_seconds(shown),
        "newer_url": list_address(chosen, page.number - 1),
        "older_url": list_address(chosen, page.number + 1),
        "announce": announce(shown),
        "has_sample": media.has_sample(),
    }


def rows_of(jobs: Iterable[Job]) -> list[ShownJob]:
    found = list(jobs)
    waits = waiting.waits_of(found)
    return [ShownJob(job, wait=waits[job.id]) for job in found]


def jobs_in(states: Iterable[str]) -> QuerySet[Job]:
    return Job.objects.filter(state__in=states).select_related("video", "audio")


def tabs(chosen: str) -> Iterator[dict[str, Any]]:
    counts = reports.counts_by_state()
    for key, (name, states) in TABS.items():
        count = sum(counts.get(state, 0) for state in states)
        yield {
            "key": key,
            "name": name,
            "url": list_address(key),
            "count": count,
            "here": key == chosen,
        }


def list_address(state: str, page: int = 1) -> str:
    asked: dict[str, Any] = {"state": state} if state != "all" else {}
    asked |= {"page": page} if page > 1 else {}
    return reverse("portal:jobs") + (f"?{urlencode(asked)}" if asked else "")


def poll_seconds(shown: list[ShownJob]) -> int:
    return ACTIVE_SECONDS if any(job.is_live for job in shown) else QUIET_SECONDS


def announce(shown: list[ShownJob]) -> str:
    live = sum(job.is_live for job in shown)
    return f"{live} in progress" if live else ""


@require_GET
@never_cache
@for_tenant(MAY_SEE_JOBS)
def detail(request: MemberRequest, job_id: UUID) -> HttpResponse:
    return TemplateResponse(request, "pages/jobs/detail.html", {"job": shown_job(job_id)})


@require_GET
@never_cache
@for_tenant(MAY_SEE_JOBS)
def live(request: MemberRequest, job_id: UUID) -> HttpResponse:
    """The part of the detail page that follows the job."""
    return TemplateResponse(request, "pages/jobs/live.html", {"job": shown_job(job_id)})


def shown_job(job_id: UUID) -> ShownJob:
    """Another tenant's job is as unknown as one that never was."""
    job = found(job_id)
    wait = waiting.waits_of([job])[job.id]
    retry = job.retried_by if job.state == State.FAILED else None
    return ShownJob(job, job.attempts.last(), wait, retry, sender_of(job))


def found(job_id: UUID) -> Job:
    job = Job.objects.select_related("video", "audio").filter(id=job_id).first()
    if job is None:
        raise Http404
    return job


@require_POST
@for_tenant(MAY_MAKE_JOBS)
def cancel(request: MemberRequest, job_id: UUID) -> HttpResponse:
    found(job_id)
    try:
        job = lifecycle.cancel(job_id, by=request.user.email)
    except NotCancelable as refusal:
        messages.error(request, str(refusal))
    else:
        if not job.is_final:
            messages.success(request, "The worker stops at its next step.")
    return redirect("portal:job", job_id)


@require_POST
@for_tenant(MAY_MAKE_JOBS)
def retry(request: MemberRequest, job_id: UUID) -> HttpResponse:
    """To the job that is made in the failed one's place, or was made before."""
    found(job_id)
    try:
        job, _ = lifecycle.retry(job_id, by=request.user.email)
    except JobError as refusal:
        messages.error(request, f"{refusal} {refusal.hint}".strip())
        return redirect("portal:job", job_id)
    return redirect("portal:job", job.id)


@require_GET
@never_cache
@for_member(MAY_SEE_JOBS)
def download(request: MemberRequest, job_id: UUID) -> HttpResponse:
    """To a fresh signed address of the result; back to the job while there is none."""
    try:
        with acting_for(request.tenant.tenant_id):
            delivery = results.deliver(found(job_id).id, by=request.user.email)
        return redirect(media.from_here(delivery.link()))
    except (NotFinished, NoResult) as refusal:
        messages.error(request, str(refusal))
        return redirect("portal:job", job_id)
