"""Made-up successes that a forecast can learn from."""

from datetime import timedelta

from django.utils import timezone

from jobs.models import Job
from messaging.ids import new_id
from tests.jobs.results import RESULT
from tests.making import a_job, an_upload

OPTIONS = {"steps": 20, "guidance": 1.5, "seed": 1247}


def a_success(
    pace: float,
    *,
    output_seconds: int = 10,
    ago: float = 0,
    label: str = "LatentSync 1.6",
    **fields,
) -> Job:
    """A job that took `pace` seconds for each second of output and ended `ago` seconds ago. Inside
    acting_for()."""
    told = {
        "state": "succeeded",
        "fence": 1,
        "options": OPTIONS,
        "finished_at": timezone.now() - timedelta(seconds=ago),
        "result_key": f"results/{new_id()}",
        "result_size_bytes": 1000,
        "result_seconds_numerator": output_seconds,
        "result_seconds_denominator": 1,
        "result_facts": {**RESULT, "processing_seconds": pace * output_seconds},
        "model_label": label,
    }
    return a_job(**{**told, **fields})


def successes(*paces: float, **fields) -> None:
    """The newest last."""
    for place, pace in enumerate(paces):
        a_success(pace, **{"ago": len(paces) - place, **fields})


def looked_at(seconds: float, kind: str) -> dict:
    """An upload that the probe has found to last so long."""
    info = {"duration_seconds": seconds, "duration": f"{seconds}/1"}
    return {kind: an_upload(kind, media_info=info)}


def of_length(audio: float, video: float = 600) -> dict:
    return looked_at(video, "video") | looked_at(audio, "audio")
