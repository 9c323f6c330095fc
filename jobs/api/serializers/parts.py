"""What a job's answer is made of."""

from rest_framework import serializers

from jobs.api.serializers.fields import time_field
from jobs.failures import FAILURES

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
