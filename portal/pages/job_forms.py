"""What the New job page sends: types alone; ranges and limits are the operations'."""

from datetime import UTC, datetime
from typing import Any

from django import forms

CONSENT_LENGTH = 500
NO_MOMENT = "This is no day and time. Write it like 2026-12-01 18:00, or leave it empty."


class JobForm(forms.Form):
    """How the job is to be made; `submission` is the page's own id, the same at each click."""

    steps = forms.IntegerField(required=False)
    guidance = forms.FloatField(required=False)
    consent_note = forms.CharField(required=False, max_length=CONSENT_LENGTH)
    deadline = forms.DateTimeField(required=False, error_messages={"invalid": NO_MOMENT})
    submission = forms.UUIDField(required=False)

    def clean_deadline(self) -> datetime | None:
        """In the viewer's zone, which may put the first and the last of all days out of reach."""
        deadline: datetime | None = self.cleaned_data["deadline"]
        try:
            return deadline and deadline.astimezone(UTC)
        except OverflowError:
            raise forms.ValidationError(NO_MOMENT) from None

    def options(self) -> dict[str, Any]:
        given = {name: self.cleaned_data[name] for name in ("steps", "guidance")}
        return {name: value for name, value in given.items() if value is not None}


class UploadForm(forms.Form):
    kind = forms.ChoiceField(choices=[("video", "video"), ("audio", "audio")])
    name = forms.CharField(max_length=255)
    size_bytes = forms.IntegerField(min_value=1)
    resume = forms.UUIDField(required=False)


class PairForm(JobForm):
    video = forms.UUIDField()
    audio = forms.UUIDField()


class FilesForm(JobForm):
    """The way without JavaScript: both files in the form, small ones only."""

    video = forms.FileField()
    audio = forms.FileField()
