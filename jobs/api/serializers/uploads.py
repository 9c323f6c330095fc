"""An upload: how it is announced, and how it is shown."""

from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from jobs.api.serializers.fields import Strict, time_field
from jobs.models import Upload, UploadKind, UploadState


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
