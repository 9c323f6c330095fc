"""A job may have a deadline: what has not ended by then has failed, and its attempt has expired.

The index reads jobs_job and the constraint jobs_attempt once, under a lock that writers wait for: a
moment for a million rows. Backwards it refuses where an attempt has expired: what ran before does
not know the word.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0004_dead_letters_in_a_row")]

    operations = [
        migrations.AddField(
            model_name="job",
            name="deadline",
            field=models.DateTimeField(
                blank=True, help_text="What has not ended by then has failed.", null=True
            ),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                condition=models.Q(
                    ("deadline__isnull", False),
                    ("state__in", ["validating", "queued", "processing"]),
                ),
                fields=["deadline"],
                name="deadlines_that_may_pass",
            ),
        ),
        migrations.AlterField(
            model_name="attempt",
            name="outcome",
            field=models.CharField(
                blank=True,
                choices=[
                    ("succeeded", "Succeeded"),
                    ("failed", "Failed"),
                    ("released", "Released"),
                    ("lost", "Lost"),
                    ("canceled", "Canceled"),
                    ("expired", "Expired"),
                ],
                max_length=12,
            ),
        ),
        migrations.RemoveConstraint(model_name="attempt", name="an_ended_attempt_has_an_outcome"),
        migrations.AddConstraint(
            model_name="attempt",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at__isnull", True), ("outcome", "")),
                    models.Q(
                        ("ended_at__isnull", False),
                        (
                            "outcome__in",
                            ["succeeded", "failed", "released", "lost", "canceled", "expired"],
                        ),
                    ),
                    _connector="OR",
                ),
                name="an_ended_attempt_has_an_outcome",
            ),
        ),
    ]
