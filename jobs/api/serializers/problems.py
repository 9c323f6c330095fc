"""The one shape of every error."""

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers


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
