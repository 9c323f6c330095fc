"""An unsent message is found by its deduplication id, however many others wait to be sent."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("messaging", "0003_what_is_due")]

    operations = [
        migrations.AddIndex(
            model_name="outboxmessage",
            index=models.Index(
                fields=["dedup_id"],
                condition=models.Q(("sent_at", None)),
                name="outbox_unsent_by_id",
            ),
        ),
    ]
