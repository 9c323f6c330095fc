"""The product's settings with a fast clock, for processes that tests start and kill.

All else that the tests want shorter comes by the environment, as it would in production.
"""

import os

from portal.settings import *  # noqa: F403

TIMERS = [
    ("admission", 0.25, "jobs.admission.admit"),
    ("reconciler", 0.5, "jobs.reconciling.reconcile"),
]
# Shorter than production may choose: a worker that is to die soon leaves a short wait behind.
JOB_LEASE_SECONDS = float(os.environ["FAULTS_LEASE_SECONDS"])
HEARTBEAT_SECONDS = JOB_LEASE_SECONDS / 3
SQS_VISIBILITY_SECONDS = max(1, int(JOB_LEASE_SECONDS))
JOB_STALL_SECONDS = float(os.environ.get("FAULTS_STALL_SECONDS", 60))
if "FAULTS_STORAGE" in os.environ:
    for shelf, backend in (("inputs", "Inputs"), ("outputs", "Outputs")):
        STORAGES[shelf]["BACKEND"] = f"tests.faults.storage.{backend}"  # noqa: F405
