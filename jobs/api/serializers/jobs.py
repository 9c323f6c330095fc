"""A job as the API shows it."""

from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from jobs.api.serializers.fields import address, time_field
from jobs.api.serializers.parts import (
    FINISH,
    PHASES,
    WAITS,
    JobError,
    JobFinish,
    JobLinks,
    JobModel,
    JobOptions,
    JobResult,
)
from jobs.models import Job, State
from jobs.waiting import Wait


@extend_schema_serializer(component_name="Job")
class JobShape(serializers.Serializer):
    """A job as it is now."""

    id = serializers.UUIDField(help_text="The job's id, good for ever.")
    state = serializers.ChoiceField(
        choices=State.choices,
        help_text="Where the job stands; succeeded, failed and canceled are for good.",
    )
    phase = serializers.CharField(help_text=PHASES)
    percent = serializers.IntegerField(help_text="How much of the work is done, 0 to 100.")
    waiting_for = serializers.SerializerMethodField()
    position = serializers.SerializerMethodField()
    expected_finish = serializers.SerializerMethodField()
    attempt = serializers.IntegerField(help_text="Which try this is; 0 before the first.")
    cancel_requested = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()
    model = serializers.SerializerMethodField()
    result = serializers.SerializerMethodField()
    warnings = serializers.SerializerMethodField()
    options = JobOptions(help_text="The model's options, with the defaults filled in.")
    video_upload = serializers.UUIDField(source="video_id", help_text="Id of the video's upload.")
    audio_upload = serializers.UUIDField(source="audio_id", help_text="Id of the voice's upload.")
    project = serializers.CharField(help_text="As it was sent; groups jobs in usage reports.")
    consent_note = serializers.CharField(
        help_text="As it was sent: where the consent of the person shown is on file."
    )
    priority = serializers.IntegerField(help_text="Higher goes first, among the tenant's own jobs.")
    deadline = time_field("By when it has to have ended; null if it has no deadline.")
    retry_of = serializers.UUIDField(
        source="retry_of_id",
        allow_null=True,
        help_text="The failed job in whose place this one was made; null if it is no retry.",
    )
    retried_by = serializers.UUIDField(
        source="retried_by_id",
        allow_null=True,
        help_text="The job that was made in this one's place after it had failed; else null.",
    )
    links = serializers.SerializerMethodField()
    created_at = time_field("When it was submitted.", null=False)
    queued_at = time_field("When its files had been looked at; null before.")
    started_at = time_field("When a worker first took it; null before.")
    finished_at = time_field("When it ended; null before.")

    @extend_schema_field(serializers.CharField(help_text=WAITS))
    def get_waiting_for(self, job: Job) -> str:
        return str(self._wait(job).reason)

    def get_position(self, job: Job) -> int | None:
        """1 for the next of your jobs that gets a free lane; null once it has one, or has ended."""
        return self._wait(job).position

    @extend_schema_field(JobFinish(allow_null=True, help_text=FINISH))
    def get_expected_finish(self, job: Job) -> Any:
        finish = self._wait(job).finish
        return JobFinish(finish).data if finish else None

    def _wait(self, job: Job) -> Wait:
        wait: Wait = self.context["waits"][job.id]
        return wait

    def get_cancel_requested(self, job: Job) -> bool:
        """Somebody asked to cancel it; its worker stops at the next step."""
        return job.cancel_requested_at is not None

    @extend_schema_field(JobError(allow_null=True, help_text="Why it failed; null if it did not."))
    def get_error(self, job: Job) -> Any:
        return JobError(job).data if job.error_code else None

    @extend_schema_field(
        JobModel(
            allow_null=True, help_text="Which model made the result; null while there is none."
        )
    )
    def get_model(self, job: Job) -> Any:
        return JobModel(job).data if job.model_label else None

    @extend_schema_field(
        JobResult(allow_null=True, help_text="The finished file; null while there is none.")
    )
    def get_result(self, job: Job) -> Any:
        return JobResult(job).data if job.result_key else None

    def get_warnings(self, job: Job) -> list[str]:
        """What the engine found worth telling of a result, for people; usually nothing."""
        return list((job.result_facts or {}).get("warnings") or [])

    @extend_schema_field(JobLinks(help_text="The addresses of what can be asked about this job."))
    def get_links(self, job: Job) -> dict[str, str]:
        return links_of(job)


def links_of(job: Job) -> dict[str, str]:
    return {name: address(f"api-{name}", job.id) for name in JobLinks().get_fields()}


class JobPage(serializers.Serializer):
    """Some of the tenant's jobs, the newest first."""

    items = JobShape(many=True, help_text="The jobs of this page.")
    next_cursor = serializers.CharField(
        allow_null=True, help_text="Ask with it for the next page; null on the last one."
    )
