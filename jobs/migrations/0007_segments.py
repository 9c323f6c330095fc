"""The finished pieces of an unfinished film, so that the next attempt goes on from them.

The new key of jobs_attempt reads that table once under a lock that writers wait for: a moment for a
million rows.
"""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import messaging.ids
from tenants import rls

SAME_TENANT = """
ALTER TABLE jobs_segment ADD CONSTRAINT a_segment_is_its_jobs_tenants
    FOREIGN KEY (tenant_id, job_id) REFERENCES jobs_job (tenant_id, id);
ALTER TABLE jobs_segment ADD CONSTRAINT a_segment_is_of_an_attempt_at_its_job
    FOREIGN KEY (job_id, attempt_id) REFERENCES jobs_attempt (job_id, id);
"""
NO_SAME_TENANT = """
ALTER TABLE jobs_segment DROP CONSTRAINT a_segment_is_of_an_attempt_at_its_job;
ALTER TABLE jobs_segment DROP CONSTRAINT a_segment_is_its_jobs_tenants;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0006_retries"),
        ("tenants", "0003_count_requests"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="attempt",
            constraint=models.UniqueConstraint(fields=("job", "id"), name="an_attempt_has_one_job"),
        ),
        migrations.CreateModel(
            name="Segment",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=messaging.ids.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                (
                    "key",
                    models.CharField(
                        help_text="The piece of film, in the output storage.", max_length=200
                    ),
                ),
                (
                    "record_key",
                    models.CharField(help_text="What the engine noted beside it.", max_length=200),
                ),
                ("size_bytes", models.PositiveBigIntegerField()),
                ("sha256", models.CharField(max_length=64)),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "job",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="segments",
                        to="jobs.job",
                    ),
                ),
                (
                    "attempt",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="segments",
                        to="jobs.attempt",
                    ),
                ),
            ],
            options={
                "ordering": ["job", "number"],
                "constraints": [
                    models.UniqueConstraint(fields=("job", "number"), name="one_segment_a_number"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("key", ""), _negated=True),
                            models.Q(("record_key", ""), _negated=True),
                        ),
                        name="a_segment_has_its_files",
                    ),
                ],
            },
        ),
        migrations.RunSQL(SAME_TENANT, NO_SAME_TENANT),
        rls.protect("jobs_segment"),
    ]
