"""Since when a job's messages die unheard: what decides whether a dead letter asks again.

Null for all rows that are there: no rewrite, and a lock on the table for a moment only.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0002_what_must_never_be")]

    operations = [
        migrations.AddField(
            model_name="job",
            name="unheard_since",
            field=models.DateTimeField(
                blank=True,
                help_text="Its messages have died since then; nobody began it.",
                null=True,
            ),
        ),
    ]
