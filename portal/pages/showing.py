"""A job as the pages show it: its states, stages and errors in plain words."""

from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property
from typing import Any

from django.urls import reverse

from jobs.failures import OURS, title_of
from jobs.models import Attempt, Job, State
from jobs.waiting import Wait
from portal.pages import media
from portal.pages.facts import Card, cards_of
from portal.templatetags.words import between

STATES = {
    State.VALIDATING: ("Checking", "clock"),
    State.QUEUED: ("Queued", "clock"),
    State.PROCESSING: ("Processing", "spark"),
    State.SUCCEEDED: ("Succeeded", "check"),
    State.FAILED: ("Failed", "alert"),
    State.CANCELED: ("Canceled", "stop"),
}
STEPS = {
    State.VALIDATING: ("Checking files", "Files checked"),
    State.QUEUED: ("Waiting its turn", "Worker found"),
    State.PROCESSING: ("Making the video", "Video made"),
    State.SUCCEEDED: ("Deliver", "Delivered"),
}
STAGES = {
    "fetch": "Fetching the files",
    "load": "Loading the model",
    "probe": "Reading the files",
    "audio": "Listening to the voice",
    "generate": "Making the video",
    "finish": "Writing the result",
}


class ShownJob:
    """Reads one job, with its uploads, for a template that asks the database for nothing.

    attempt: the newest, if it matters. wait: what it waits for. retried_by: the job that was made
    in its place, if it failed. sender: who sent it, in words.
    """

    def __init__(
        self,
        job: Job,
        attempt: Attempt | None = None,
        wait: Wait | None = None,
        retried_by: Job | None = None,
        sender: str = "",
    ) -> None:
        self.job = job
        self.wait = wait or Wait()
        self.newest, self.sender = attempt, sender
        self.id, self.short_id, self.state = job.id, job.short_id, job.state
        self.name, self.voice_name = job.video.name, job.audio.name
        self.percent, self.created_at = job.percent, job.created_at
        self.state_name, self.icon = STATES[State(job.state)]
        self.demo = job.model_is_demo and job.state == State.SUCCEEDED
        self.error_code, self.error_hint = job.error_code, job.error_hint
        self.error_message = job.error_message
        self.error_title = title_of(job.error_code)
        self.retry_of_id = job.retry_of_id
        self.retried_by_id = retried_by.id if retried_by else None
        self.failed_through_us = job.error_code in OURS
        self.can_retry = job.state == State.FAILED and retried_by is None
        self.warnings = (job.result_facts or {}).get("warnings") or []
        self.is_live = not job.is_final
        self.can_cancel = self.is_live
        self.cancel_requested = job.cancel_requested_at is not None
        self.has_result = job.state == State.SUCCEEDED
        self.result_bytes = job.result_size_bytes
        self.length_seconds = job.result_seconds

    @property
    def url(self) -> str:
        return reverse("portal:job", args=[self.id])

    @property
    def phase_name(self) -> str:
        if self.state == State.PROCESSING:
            return STAGES.get(self.job.phase, STEPS[State.PROCESSING][0])
        return STEPS[State(self.state)][0] if self.is_live else self.state_name

    @property
    def waits_for(self) -> str:
        if self.cancel_requested:
            return "It is being canceled; the worker stops at its next step."
        place = self.wait.position or 1
        before = f" Jobs of yours before it: {place - 1}." if place > 1 else ""
        return self.wait.sentence + before

    @property
    def retry_words(self) -> str:
        """What another try is, and what can be hoped of it."""
        if self.error_code == "deadline_passed":
            return "A new try has the same files and choices, but no deadline."
        if self.failed_through_us:
            return "With the same files and choices; nothing is uploaded again."
        return "A new try has the same files and choices, so it may well end the same way."

    @property
    def expected(self) -> str:
        """When the result may be there; empty where that can't be told."""
        finish = self.wait.finish
        return between(finish.earliest, finish.latest) if finish else ""

    @property
    def announcement(self) -> str:
        """For screen readers: every tenth percent, not each."""
        if not self.is_live:
            return f"{self.name}: {self.state_name}"
        return f"{self.phase_name}, {self.percent // 10 * 10} percent"

    @property
    def attempt(self) -> int:
        return self.newest.number if self.newest else 0

    @property
    def steps(self) -> Iterator[dict[str, str]]:
        order = list(STEPS)
        now = order.index(State(self.state)) if self.state in order else len(order)
        for place, (going_on, done) in enumerate(STEPS.values()):
            when = "past" if place < now else "now" if place == now else "next"
            yield {"name": going_on if when == "now" else done, "when": when}

    # --- pictures ---------------------------------------------------------------------------------

    @cached_property
    def poster_url(self) -> str:
        return media.poster(self.job.video)

    @cached_property
    def source_is_preview(self) -> bool:
        return bool(self.job.video.preview_key)

    @cached_property
    def source_url(self) -> str:
        return media.source(self.job.video)

    @cached_property
    def result_url(self) -> str:
        return media.result(self.job)

    @cached_property
    def picture(self) -> dict[str, Any]:
        return (self.job.video.media_info or {}).get("video") or {}

    @property
    def is_tall(self) -> bool:
        return self.picture.get("height", 0) > self.picture.get("width", 0)

    @property
    def frames_a_second(self) -> float:
        return float(Fraction((self.job.result_facts or {}).get("frame_rate") or "25/1"))

    @property
    def facts(self) -> list[Card]:
        return cards_of(self.job, self.newest, self.sender)
