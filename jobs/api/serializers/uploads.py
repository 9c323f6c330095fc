"""An upload: how it is announced, and how it is shown."""

from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from jobs.api.serializers.fields import Strict, time_field
from jobs.models import Upload, UploadKind, UploadState

STATES = "open: parts may come; ready: it is complete, a job can have it; aborted: it was given up."


class UploadRequest(Strict):
    """A file that is to be sent in parts."""

    how = 'Send JSON like {"kind": "video", "name": "face.mp4", "size_bytes": 20000000}.'

    kind = serializers.ChoiceField(
        choices=UploadKind.choices,
        error_messages={"invalid_choice": "{input} is not one of " + ", ".join(UploadKind) + "."},
        help_text="What it is for: the picture or the voice.",
    )
    name = serializers.CharField(max_length=255, help_text="The file's name; the result's follows.")
    size_bytes = serializers.IntegerField(
        min_value=1, max_value=2**50, help_text="Bytes of the whole file; fixed from here on."
    )


class Part(serializers.Serializer):
    """A part that is missing, and where its bytes go."""

    number = serializers.IntegerField(help_text="From 1 on, in the order of the file.")
    size_bytes = serializers.IntegerField(help_text="So many bytes of the file, no more or fewer.")
    method = serializers.CharField(help_text="The HTTP method to send it with.")
    url = serializers.URLField(help_text="Where the bytes of the part go; good for an hour.")


@extend_schema_serializer(component_name="Upload")
class UploadShape(serializers.Serializer):
    """An upload; `parts` are those still missing, each with where to send it."""

    id = serializers.UUIDField(help_text="The upload's id: a job is submitted with it.")
    kind = serializers.ChoiceField(
        choices=UploadKind.choices, help_text="What it is for: the picture or the voice."
    )
    name = serializers.CharField(help_text="The file's name.")
    size_bytes = serializers.IntegerField(help_text="Bytes of the whole file.")
    state = serializers.ChoiceField(choices=UploadState.choices, help_text=STATES)
    part_size_bytes = serializers.IntegerField(
        source="part_bytes", help_text="Bytes of each part but the last, which has the rest."
    )
    part_count = serializers.IntegerField(help_text="How many parts the file has.")
    parts = serializers.SerializerMethodField()
    created_at = time_field("When it was announced.", null=False)
    completed_at = time_field("When all of it was there; null before.")

    @extend_schema_field(Part(many=True, help_text="The parts that are still missing."))
    def get_parts(self, upload: Upload) -> Any:
        return self.context.get("missing", [])
