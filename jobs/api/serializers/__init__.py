"""What the API reads and what it shows. The OpenAPI document is made from these."""

from jobs.api.serializers.fields import address
from jobs.api.serializers.jobs import JobPage, JobShape
from jobs.api.serializers.problems import ProblemShape
from jobs.api.serializers.requests import JobFromForm, JobFromUploads, JobRequest
from jobs.api.serializers.uploads import UploadRequest, UploadShape
from jobs.api.serializers.usage import UsageMonth

__all__ = [
    "JobFromForm",
    "JobFromUploads",
    "JobPage",
    "JobRequest",
    "JobShape",
    "ProblemShape",
    "UploadRequest",
    "UploadShape",
    "UsageMonth",
    "address",
]
