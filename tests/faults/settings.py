"""The product's settings with a fast clock, for processes that tests start and kill.

All else that the tests want shorter comes by the environment, as it would in production.
"""

from portal.settings import *  # noqa: F403

TIMERS = [
    ("admission", 0.5, "jobs.admission.admit"),
    ("reconciler", 1, "jobs.reconciling.reconcile"),
]
