"""A web process's part in a submission, by itself, so that it can be killed in the middle of it.

python -m tests.faults.submitter TENANT VIDEO AUDIO IDEMPOTENCY_KEY
"""

import os
import sys
from uuid import UUID

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.faults.settings")
django.setup()

from jobs import submission  # noqa: E402 - they need the apps
from tenants.context import acting_for  # noqa: E402

if __name__ == "__main__":
    tenant, video, audio = (UUID(word) for word in sys.argv[1:4])
    with acting_for(tenant):
        job, _ = submission.submit(
            video_id=video,
            audio_id=audio,
            options={},
            submitted_by="a test",
            idempotency_key=sys.argv[4],
        )
    print(job.id, flush=True)
