"""Work, for the operator's eyes: jobs with their attempts, uploads, and what was used."""

from jobs.admin.deliveries import DeliveriesAdmin
from jobs.admin.jobs import JobAdmin
from jobs.admin.work import AttemptAdmin, UploadAdmin

__all__ = ["AttemptAdmin", "DeliveriesAdmin", "JobAdmin", "UploadAdmin"]
