"""How many messages of a job died unheard, one after the other: after some, it is asked no more.

No rewrite, since all rows that are there have none, and a lock on the table for a moment only.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0003_since_when_nobody_hears")]

    operations = [
        migrations.AddField(
            model_name="job",
            name="dead_letters",
            field=models.PositiveIntegerField(
                db_default=0,
                default=0,
                help_text="How many of them, since somebody last heard of it.",
            ),
        ),
    ]
