"""The dispatcher finds what is due, whatever else waits.

The index before was by id, so each look passed all rows that are to be sent later: after an outage
of the queue, every message of it. Making it reads the table once, and writers wait meanwhile: well
under a second, since what was sent is kept for a week only.
"""

from django.db import migrations, models
from django.db.models.functions import Coalesce


class Migration(migrations.Migration):
    dependencies = [("messaging", "0002_row_level_security")]

    operations = [
        migrations.AddIndex(
            model_name="outboxmessage",
            index=models.Index(
                Coalesce("not_before", "created_at"),
                "id",
                condition=models.Q(("sent_at", None)),
                name="outbox_due",
            ),
        ),
        migrations.RemoveIndex(model_name="outboxmessage", name="outbox_unsent"),
    ]
