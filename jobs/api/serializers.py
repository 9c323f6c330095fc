"""What the API reads and what it shows. The OpenAPI document is made from these."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from inference.options import GUIDANCE_RANGE, SEED_RANGE, STEPS_RANGE
from jobs.failures import FAILURES
from jobs.models import Job, State, Upload, UploadKind, UploadState
from jobs.submission import CHOSEN_BY_USERS
from jobs.waiting import Wait


def time_field() -> serializers.DateTimeField:
    """UTC with a Z, whatever zone the viewer's browser is in."""
    return serializers.DateTimeField(default_timezone=UTC, allow_null=True)


class MomentField(serializers.DateTimeField):
    """A moment of RFC 3339. Without its zone it would be another one for each reader: refused."""

    default_error_messages = {
        "invalid": "This is no moment such as 2026-12-01T18:00:00Z.",
        "date": "This is a day; a moment has a time too, such as 2026-12-01T18:00:00Z.",
        "no_zone": "This moment has no zone: end it with Z for UTC, or with its offset (+01:00).",
        "overflow": "No calendar here goes so far.",
    }

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            self.fail("no_zone")
        try:
            return value.astimezone(UTC)
        except OverflowError:
            self.fail("overflow")


class Strict(serializers.Serializer):
    """Refuses what it doesn't know: a misspelled option must not be silently ignored.

    `how` is what a right request looks like: the hint of one that lacks fields or has others.
    """

    how = ""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (unknown := sorted(set(data) - set(self.fields))):
            known = ", ".join(self.fields)
            told = f"There is no such field; there are {known}."
            refusal = serializers.ErrorDetail(told, "unknown_field")
            raise serializers.ValidationError({name: [refusal] for name in unknown})
        return super().to_internal_value(data)


NO_FILE: dict[str, Any] = {
    "invalid": "This is text, not a file: with curl, put an @ before the file's name."
}


NOT_FOR_THE_MODEL = ("project", "consent_note", "priority", "deadline")


class JobRequest(Strict):
    """What both ways of submitting have in common."""

    steps = serializers.IntegerField(
        required=False,
        min_value=STEPS_RANGE[0],
        max_value=STEPS_RANGE[1],
        help_text="Denoising steps; the operator's default if not given.",
    )
    guidance = serializers.FloatField(
        required=False,
        min_value=GUIDANCE_RANGE[0],
        max_value=GUIDANCE_RANGE[1],
        help_text="How strongly the voice drives the lips; the operator's default if not given.",
    )
    seed = serializers.IntegerField(
        required=False,
        min_value=SEED_RANGE[0],
        max_value=SEED_RANGE[1],
        help_text="The same seed, inputs and model give the same video.",
    )
    project = serializers.CharField(
        required=False, allow_blank=True, max_length=100, help_text="Groups jobs in usage reports."
    )
    consent_note = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=500,
        help_text="Where the consent of the person shown is on file.",
    )
    priority = serializers.IntegerField(
        required=False, min_value=-100, max_value=100, help_text="Higher goes first, among yours."
    )
    deadline = MomentField(
        required=False,
        help_text="What has not ended by then has failed; with its zone, at most 30 days ahead.",
    )

    @staticmethod
    def split(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The model's options, and the rest."""
        options = {name: given[name] for name in CHOSEN_BY_USERS if name in given}
        rest = {name: given[name] for name in NOT_FOR_THE_MODEL if name in given}
        return options, rest


class JobFromUploads(JobRequest):
    how = (
        "Send a form with the files video and audio (curl: -F video=@face.mp4 -F audio=@voice.wav) "
        "or JSON with video_upload and audio_upload, the ids of two complete uploads."
    )

    video_upload = serializers.UUIDField(help_text="Id of a completed upload of kind video.")
    audio_upload = serializers.UUIDField(help_text="Id of a completed upload of kind audio.")


class JobFromForm(JobRequest):
    """Both files together have at most 8 MB; larger ones are uploaded in parts."""

    how = "A form has the files video and audio; with curl, -F video=@face.mp4 -F audio=@voice.wav."

    # An empty file is refused where all are, as upload_empty.
    video = serializers.FileField(allow_empty_file=True, error_messages=NO_FILE)
    audio = serializers.FileField(allow_empty_file=True, error_messages=NO_FILE)


CODES = "Why it failed; more may come. " + "; ".join(
    f"{code}: {failure.means}" for code, failure in FAILURES.items()
)


class JobError(serializers.Serializer):
    code = serializers.CharField(source="error_code", help_text=f"{CODES}.")
    message = serializers.CharField(source="error_message")
    hint = serializers.CharField(source="error_hint")


class JobOptions(serializers.Serializer):
    steps = serializers.IntegerField()
    guidance = serializers.FloatField()
    seed = serializers.IntegerField()


class JobModel(serializers.Serializer):
    """Which model made the result. With `demo` it was the demo model, not LatentSync's own."""

    label = serializers.CharField(source="model_label")  # type: ignore[assignment]
    demo = serializers.BooleanField(source="model_is_demo")


class JobResult(serializers.Serializer):
    size_bytes = serializers.IntegerField(source="result_size_bytes")
    sha256 = serializers.CharField(source="result_sha256")
    seconds = serializers.FloatField(source="result_seconds")


class JobFinish(serializers.Serializer):
    """When the result may be there, learned from recent jobs of its kind."""

    earliest = time_field()
    latest = time_field()


class JobLinks(serializers.Serializer):
    status = serializers.URLField()
    result = serializers.URLField()
    cancel = serializers.URLField()
    retry = serializers.URLField()


@extend_schema_serializer(component_name="Job")
class JobShape(serializers.Serializer):
    """A job as it is now."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=State.choices)
    phase = serializers.CharField(help_text="What the worker is at; empty while nothing is done.")
    percent = serializers.IntegerField()
    waiting_for = serializers.SerializerMethodField()
    position = serializers.SerializerMethodField()
    expected_finish = serializers.SerializerMethodField()
    attempt = serializers.IntegerField(help_text="0 until a worker has it.")
    cancel_requested = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()
    model = serializers.SerializerMethodField()
    result = serializers.SerializerMethodField()
    warnings = serializers.SerializerMethodField()
    options = JobOptions()
    video_upload = serializers.UUIDField(source="video_id")
    audio_upload = serializers.UUIDField(source="audio_id")
    project = serializers.CharField()
    consent_note = serializers.CharField()
    priority = serializers.IntegerField()
    deadline = time_field()
    retry_of = serializers.UUIDField(
        source="retry_of_id", allow_null=True, help_text="The failed job that this one is for."
    )
    retried_by = serializers.UUIDField(
        source="retried_by_id", allow_null=True, help_text="The job made in this one's place."
    )
    links = serializers.SerializerMethodField()
    created_at = time_field()
    queued_at = time_field()
    started_at = time_field()
    finished_at = time_field()

    def get_waiting_for(self, job: Job) -> str:
        """Why nothing is happening just now, as a code; empty when something is."""
        return str(self._wait(job).reason)

    def get_position(self, job: Job) -> int | None:
        """1 for the next of your jobs that gets a free lane; null once it has one, or is over."""
        return self._wait(job).position

    @extend_schema_field(JobFinish(allow_null=True))
    def get_expected_finish(self, job: Job) -> Any:
        finish = self._wait(job).finish
        return JobFinish(finish).data if finish else None

    def _wait(self, job: Job) -> Wait:
        wait: Wait = self.context["waits"][job.id]
        return wait

    def get_cancel_requested(self, job: Job) -> bool:
        return job.cancel_requested_at is not None

    @extend_schema_field(JobError(allow_null=True))
    def get_error(self, job: Job) -> Any:
        return JobError(job).data if job.error_code else None

    @extend_schema_field(JobModel(allow_null=True))
    def get_model(self, job: Job) -> Any:
        return JobModel(job).data if job.model_label else None

    @extend_schema_field(JobResult(allow_null=True))
    def get_result(self, job: Job) -> Any:
        return JobResult(job).data if job.result_key else None

    def get_warnings(self, job: Job) -> list[str]:
        """What the engine found worth telling of a result, for people; usually nothing."""
        return list((job.result_facts or {}).get("warnings") or [])

    @extend_schema_field(JobLinks)
    def get_links(self, job: Job) -> dict[str, str]:
        return links_of(job)


def links_of(job: Job) -> dict[str, str]:
    return {name: address(f"api-{name}", job.id) for name in JobLinks().fields}


def address(route: str, *arguments: Any) -> str:
    return str(settings.SITE_URL) + reverse(route, args=arguments)


class JobPage(serializers.Serializer):
    items = JobShape(many=True)
    next_cursor = serializers.CharField(allow_null=True, help_text="null on the last page.")


class UploadRequest(Strict):
    how = 'Send JSON like {"kind": "video", "name": "face.mp4", "size_bytes": 20000000}.'

    kind = serializers.ChoiceField(
        choices=UploadKind.choices,
        error_messages={"invalid_choice": "{input} is not one of " + ", ".join(UploadKind) + "."},
    )
    name = serializers.CharField(max_length=255, help_text="The file's name; the result's follows.")
    size_bytes = serializers.IntegerField(min_value=1, max_value=2**50)


class Part(serializers.Serializer):
    number = serializers.IntegerField()
    size_bytes = serializers.IntegerField()
    method = serializers.CharField()
    url = serializers.URLField(help_text="Where the bytes of the part go; good for an hour.")


@extend_schema_serializer(component_name="Upload")
class UploadShape(serializers.Serializer):
    """An upload; `parts` are those still missing, each with where to send it."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=UploadKind.choices)
    name = serializers.CharField()
    size_bytes = serializers.IntegerField()
    state = serializers.ChoiceField(choices=UploadState.choices)
    part_size_bytes = serializers.IntegerField(source="part_bytes")
    part_count = serializers.IntegerField()
    parts = serializers.SerializerMethodField()
    created_at = time_field()
    completed_at = time_field()

    @extend_schema_field(Part(many=True))
    def get_parts(self, upload: Upload) -> Any:
        return self.context.get("missing", [])


class UsageDay(serializers.Serializer):
    day = serializers.DateField()
    videos = serializers.IntegerField()
    output_seconds = serializers.FloatField()
    gpu_hours = serializers.FloatField()
    output_bytes = serializers.IntegerField()


class UsageTotal(serializers.Serializer):
    videos = serializers.IntegerField()
    output_seconds = serializers.FloatField()
    gpu_hours = serializers.FloatField()
    output_bytes = serializers.IntegerField()


class UsageMonth(serializers.Serializer):
    """What was delivered in a month of the tenant's time zone, by day."""

    month = serializers.CharField()
    time_zone = serializers.CharField()
    total = UsageTotal()
    stored_bytes = serializers.IntegerField()
    days = UsageDay(many=True)


class ProblemDetail(serializers.Serializer):
    pointer = serializers.CharField(required=False)
    parameter = serializers.CharField(required=False)
    code = serializers.CharField()
    detail = serializers.CharField()


@extend_schema_serializer(component_name="Problem")
class ProblemShape(serializers.Serializer):
    """RFC 9457. `code` is stable; `detail` is for people and may change."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    hint = serializers.CharField()
    request_id = serializers.CharField(required=False)
    errors = ProblemDetail(many=True, required=False)  # type: ignore[assignment]
    state = serializers.CharField(required=False, help_text="The job's, where one is meant.")
    job_id = serializers.CharField(required=False, help_text="The first job of a reused key.")
