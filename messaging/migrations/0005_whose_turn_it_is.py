"""The dispatcher finds what is due line by line: what one tenant sends to one queue.

By time alone, a tenant that submitted thousands of jobs at once went before everybody else. Making
the index reads the table once, and writers wait meanwhile: well under a second, since what was sent
is kept for a week only.
"""

from uuid import UUID

from django.db import migrations, models
from django.db.models.functions import Coalesce


class Migration(migrations.Migration):
    dependencies = [("messaging", "0004_the_message_of_a_job")]

    operations = [
        migrations.AddIndex(
            model_name="outboxmessage",
            index=models.Index(
                "queue",
                Coalesce("tenant_id", models.Value(UUID(int=0)), output_field=models.UUIDField()),
                Coalesce("not_before", "created_at"),
                "id",
                condition=models.Q(("sent_at", None)),
                name="outbox_lines",
            ),
        ),
        migrations.RemoveIndex(model_name="outboxmessage", name="outbox_due"),
    ]
