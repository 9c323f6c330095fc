"""A job as the API shows it."""

from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from jobs.api.serializers.fields import address, time_field
from jobs.api.serializers.parts import (
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
    return {name: address(f"api-{name}", job.id) for name in JobLinks().get_fields()}


class JobPage(serializers.Serializer):
    items = JobShape(many=True)
    next_cursor = serializers.CharField(allow_null=True, help_text="null on the last page.")
