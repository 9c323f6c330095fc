"""The New job page: two files in parts, then one request that makes the job of them."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.forms import Form
from django.http import FileResponse, Http404, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from inference.options import GUIDANCE_RANGE, STEPS_RANGE
from jobs import submission, uploads
from jobs.errors import JobError
from jobs.models import Job, Upload, UploadState
from portal.pages import media, refusals
from portal.pages.entry import MemberRequest, for_member
from portal.pages.job_forms import CONSENT_LENGTH, FilesForm, JobForm, PairForm, UploadForm
from tenants.context import acting_for
from tenants.models import Limits
from tenants.people import MAY_MAKE_JOBS

FIELDS_BYTES = 1 << 16  # what a form has beside its files


@csrf_exempt  # the token is asked for in the next step: before the size is known, nothing is read
def new_job(request: MemberRequest) -> HttpResponseBase:
    if int(request.META.get("CONTENT_LENGTH") or 0) > settings.FORM_LIMIT_BYTES + FIELDS_BYTES:
        return render(request, "413.html", status=413)
    return new_job_form(request)


@csrf_protect
@require_http_methods(["GET", "POST"])
@never_cache
@for_member(MAY_MAKE_JOBS)
def new_job_form(request: MemberRequest) -> HttpResponse:
    if request.method == "GET":
        return render(request, "pages/uploads/new.html", page(request, JobForm(initial=DEFAULTS)))
    form = FilesForm(request.POST, request.FILES)
    if not form.is_valid():
        return refused(request, form)
    try:
        job, _ = uploads.submit_files(
            request.tenant.tenant_id,
            form.cleaned_data,
            lambda video_id, audio_id: submit(request, form, video_id, audio_id),
        )
    except JobError as refusal:
        return refused(request, form, refusal)
    return redirect("portal:job", job.id)


DEFAULTS = {"steps": settings.INFERENCE_STEPS, "guidance": settings.GUIDANCE_SCALE}


def page(request: MemberRequest, form: Form, refusal: str = "") -> dict[str, Any]:
    with acting_for(request.tenant.tenant_id):
        limits = Limits.objects.get()
    return {
        "options": form,
        "refusal": refusal,
        "submission": uuid4(),
        "largest_bytes": limits.upload_bytes,
        "steps_range": STEPS_RANGE,
        "guidance_range": GUIDANCE_RANGE,
        "consent_length": CONSENT_LENGTH,
        "deadline_days": submission.LONGEST_DEADLINE.days,
        "zone": timezone.get_current_timezone_name(),
        "form_megabytes": settings.FORM_LIMIT_BYTES >> 20,
        "has_sample": media.has_sample(),
        "use_sample": "sample" in request.GET,
    }


def refused(request: MemberRequest, form: Form, refusal: JobError | None = None) -> HttpResponse:
    words = refusals.above(form, refusal)
    return render(request, "pages/uploads/new.html", page(request, form, words), status=400)


@require_POST
@for_member(MAY_MAKE_JOBS)
def start_upload(request: MemberRequest) -> HttpResponse:
    """Open an upload, or go on with one that this file was begun with: the parts still to send."""
    form = UploadForm(request.POST)
    if not form.is_valid():
        return answer("invalid", "The upload has no name or no size.", 400)
    try:
        upload = opened(request.tenant.tenant_id, **form.cleaned_data)
    except JobError as refusal:
        return told(refusal, 413)
    return JsonResponse(plan(upload), status=201)


def opened(
    tenant_id: UUID, *, kind: str, name: str, size_bytes: int, resume: UUID | None
) -> Upload:
    try:
        begun = uploads.find(tenant_id, resume) if resume else None
    except Upload.DoesNotExist:
        begun = None
    same = begun and (begun.kind, begun.size_bytes) == (kind, size_bytes)
    if begun and same and begun.state != UploadState.ABORTED:
        return begun
    return uploads.start(tenant_id, kind, name, size_bytes)


def plan(upload: Upload) -> dict[str, Any]:
    missing = uploads.missing_parts(upload) if upload.state == UploadState.OPEN else []
    return {
        "id": str(upload.id),
        "part_bytes": upload.part_bytes,
        "parts": [{**part, "url": media.from_here(part["url"])} for part in missing],
        "complete_url": reverse("portal:complete_upload", args=[upload.id]),
    }


@require_POST
@for_member(MAY_MAKE_JOBS)
def complete_upload(request: MemberRequest, upload_id: UUID) -> HttpResponse:
    try:
        upload = uploads.complete(request.tenant.tenant_id, upload_id)
    except Upload.DoesNotExist:
        raise Http404 from None
    except JobError as refusal:
        return told(refusal, 409)
    return JsonResponse({"id": str(upload.id), "state": upload.state})


@require_POST
@for_member(MAY_MAKE_JOBS)
def submit_job(request: MemberRequest) -> HttpResponse:
    form = PairForm(request.POST)
    if wrong := form.errors.get("deadline"):
        return answer("bad_deadline", " ".join(map(str, wrong)), 422)
    if not form.is_valid():
        return answer(
            "invalid", "The job has no video or no voice, or an option can't be read.", 400
        )
    try:
        job, _ = submit(request, form, form.cleaned_data["video"], form.cleaned_data["audio"])
    except JobError as refusal:
        return told(refusal, 422, form.cleaned_data["deadline"])
    return JsonResponse(
        {"id": str(job.id), "url": reverse("portal:job", args=[job.id])}, status=202
    )


def submit(
    request: MemberRequest, form: JobForm, video_id: UUID, audio_id: UUID
) -> tuple[Job, bool]:
    """The page's own id is the idempotency key: a second click finds the first one's job.

    The deadline is in the viewer's zone.
    """
    once = form.cleaned_data["submission"]
    with acting_for(request.tenant.tenant_id):
        return submission.submit(
            video_id=video_id,
            audio_id=audio_id,
            options=form.options(),
            submitted_by=request.user.email,
            member_id=request.user.id,
            consent_note=form.cleaned_data["consent_note"],
            deadline=form.cleaned_data["deadline"],
            idempotency_key=once and f"portal-{once}",
        )


def told(refusal: JobError, status: int, deadline: datetime | None = None) -> JsonResponse:
    return answer(refusal.code, refusals.in_words(refusal, deadline), status)


def answer(code: str, words: str, status: int) -> JsonResponse:
    """The page shows the words as they are."""
    return JsonResponse({"code": code, "detail": words}, status=status)


@require_GET
@for_member(MAY_MAKE_JOBS)
def sample(request: MemberRequest, kind: str) -> FileResponse:
    """The bundled pair; the page sends it the way of any other."""
    if kind not in media.SAMPLE or not media.has_sample():
        raise Http404
    return FileResponse((settings.SAMPLE_DIR / media.SAMPLE[kind]).open("rb"))
