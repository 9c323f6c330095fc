"""Words for what the engine and the worker call things."""

from jobs.producing import STAGES as TOLD
from portal.pages.showing import STAGES


def test_every_stage_that_a_worker_reports_has_words():
    assert set(TOLD) <= set(STAGES)
