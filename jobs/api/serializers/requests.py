"""What a submission may say."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from inference.options import GUIDANCE_RANGE, SEED_RANGE, STEPS_RANGE
from jobs.api.serializers.fields import MomentField, Strict
from jobs.submission import CHOSEN_BY_USERS

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
        help_text="Denoising steps: more take longer. The operator's default if not given.",
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
        help_text="The same seed, inputs and model give the same video; 1247 if not given.",
    )
    project = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=100,
        help_text="Any name; groups jobs in usage reports.",
    )
    consent_note = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=500,
        help_text="Where the consent of the person shown is on file.",
    )
    priority = serializers.IntegerField(
        required=False,
        min_value=-100,
        max_value=100,
        help_text="Higher goes first, among your own jobs; 0 if not given.",
    )
    deadline = MomentField(
        required=False,
        help_text=(
            "A moment with its zone, such as 2026-12-01T18:00:00Z, at most 30 days ahead. "
            "What has not ended by then fails with deadline_passed and costs nothing."
        ),
    )

    @staticmethod
    def split(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The model's options, and the rest."""
        options = {name: given[name] for name in CHOSEN_BY_USERS if name in given}
        rest = {name: given[name] for name in NOT_FOR_THE_MODEL if name in given}
        return options, rest


class JobFromUploads(JobRequest):
    """Two uploads that are complete become a job."""

    how = (
        "Send a form with the files video and audio (curl: -F video=@face.mp4 -F audio=@voice.wav) "
        "or JSON with video_upload and audio_upload, the ids of two complete uploads."
    )

    video_upload = serializers.UUIDField(help_text="Id of a complete upload of the kind video.")
    audio_upload = serializers.UUIDField(help_text="Id of a complete upload of the kind audio.")


class JobFromForm(JobRequest):
    """Both files together have at most 8 MB; larger ones are uploaded in parts."""

    how = "A form has the files video and audio; with curl, -F video=@face.mp4 -F audio=@voice.wav."

    # An empty file is refused where all are, as upload_empty.
    video = serializers.FileField(
        allow_empty_file=True,
        error_messages=NO_FILE,
        help_text="The film with the face: MP4, MOV, MKV or WebM.",
    )
    audio = serializers.FileField(
        allow_empty_file=True,
        error_messages=NO_FILE,
        help_text="The voice: WAV, MP3, M4A, FLAC, OGG or a film's sound.",
    )
