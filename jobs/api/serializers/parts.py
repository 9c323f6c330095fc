"""What a job's answer is made of."""

from rest_framework import serializers

from jobs.api.serializers.fields import time_field
from jobs.failures import FAILURES
from jobs.waiting import SENTENCES, Reason

CODES = "Why it failed; more may come. " + "; ".join(
    f"{code}: {failure.means}" for code, failure in FAILURES.items()
)
PHASES = (
    "What the worker is at: load (the model), fetch (the files), probe, audio, generate, finish; "
    "more may come. Empty while no worker has the job and until its first word; a job that failed "
    "or was canceled keeps the last one."
)
WAITS = "Why nothing is happening just now; empty when something is. More may come. " + " ".join(
    f"{reason}: {SENTENCES[reason]}" for reason in Reason if reason
)
FINISH = (
    "When the result may be there, learned from recent jobs of its kind; "
    "null while too little is known, and once the job has ended."
)


class JobError(serializers.Serializer):
    """Why a job failed."""

    code = serializers.CharField(source="error_code", help_text=f"{CODES}.")
    message = serializers.CharField(
        source="error_message", help_text="The reason in a sentence, for people; it may change."
    )
    hint = serializers.CharField(
        source="error_hint", help_text="What to do about it; empty where nothing can be done."
    )


class JobOptions(serializers.Serializer):
    """The model's options as the job is, or was, made with them."""

    steps = serializers.IntegerField(help_text="Denoising steps of each window.")
    guidance = serializers.FloatField(help_text="How strongly the voice drives the lips.")
    seed = serializers.IntegerField(help_text="Of the noise that the picture is made from.")


class JobModel(serializers.Serializer):
    """Which model made the result. With `demo` it was the demo model, not LatentSync's own."""

    label = serializers.CharField(  # type: ignore[assignment]
        source="model_label", help_text="Name and version of the model, for people."
    )
    demo = serializers.BooleanField(
        source="model_is_demo", help_text="True for the small demo model that ships with Viseme."
    )


class JobResult(serializers.Serializer):
    """The finished file, which GET /result/{id} leads to."""

    size_bytes = serializers.IntegerField(
        source="result_size_bytes", help_text="Bytes of the file."
    )
    sha256 = serializers.CharField(
        source="result_sha256", help_text="SHA-256 of the file, in hexadecimal."
    )
    seconds = serializers.FloatField(source="result_seconds", help_text="How long it lasts.")


class JobFinish(serializers.Serializer):
    """A range that six in ten of the jobs before kept to."""

    earliest = time_field("Not before then.", null=False)
    latest = time_field("Not after then.", null=False)


class JobLinks(serializers.Serializer):
    """Addresses of one job; each needs the key."""

    status = serializers.URLField(help_text="GET: the job as it is then.")
    result = serializers.URLField(help_text="GET: to the video, once the job has succeeded.")
    cancel = serializers.URLField(help_text="POST: cancel the job.")
    retry = serializers.URLField(help_text="POST: make a new job in the place of a failed one.")
