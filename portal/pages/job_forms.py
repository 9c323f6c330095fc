"""What the New job page sends: types alone; ranges and limits are the operations'."""

from typing import Any

from django import forms

CONSENT_LENGTH = 500


class JobForm(forms.Form):
    """How the job is to be made; `submission` is the page's own id, the same at each click."""

    steps = forms.IntegerField(required=False)
    guidance = forms.FloatField(required=False)
    consent_note = forms.CharField(required=False, max_length=CONSENT_LENGTH)
    deadline = forms.DateTimeField(required=False)
    submission = forms.UUIDField(required=False)

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
