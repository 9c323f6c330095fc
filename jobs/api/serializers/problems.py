"""The one shape of every error."""

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers


class ProblemDetail(serializers.Serializer):
    """One complaint about one place of the request: `pointer` or `parameter` names it."""

    pointer = serializers.CharField(
        required=False, help_text="JSON pointer of the field; empty for the whole body."
    )
    parameter = serializers.CharField(required=False, help_text="Name in the query string.")
    code = serializers.CharField(help_text="Stable, for programs.")
    detail = serializers.CharField(help_text="What is wrong and what may be, for people.")


@extend_schema_serializer(component_name="Problem")
class ProblemShape(serializers.Serializer):
    """RFC 9457. `code` is stable; `detail` is for people and may change."""

    type = serializers.CharField(help_text="urn:viseme:problem: and the code.")
    title = serializers.CharField(help_text="The name of the HTTP status.")
    status = serializers.IntegerField(help_text="The HTTP status.")
    detail = serializers.CharField(help_text="What is wrong, for people; it may change.")
    code = serializers.CharField(help_text="Stable, for programs; docs/api.md lists them all.")
    hint = serializers.CharField(help_text="What to do about it; empty if `detail` says it.")
    request_id = serializers.CharField(
        required=False,
        help_text="Also in the header X-Request-Id; a 404 has it there alone.",
    )
    errors = ProblemDetail(  # type: ignore[assignment]
        many=True, required=False, help_text="Each complaint with its place in the request."
    )
    state = serializers.CharField(
        required=False, help_text="The job's state, where one is asked for its result."
    )
    job_id = serializers.CharField(
        required=False, help_text="The first job of an Idempotency-Key that was used before."
    )
