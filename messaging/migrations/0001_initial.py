"""The outbox and the timers' memory, and the SQL function that every row-level policy calls.

The function lives here because this app is the first in the order of imports: the tenant tables of
all the apps above have policies that name it.
"""

import django.db.models.functions.datetime
from django.db import migrations, models

import messaging.ids

TENANT_ID = """
CREATE FUNCTION app_tenant_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT nullif(current_setting('app.tenant_id', true), '')::uuid $$
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.RunSQL(TENANT_ID, "DROP FUNCTION app_tenant_id()"),
        migrations.CreateModel(
            name="TimerRun",
            fields=[
                ("name", models.CharField(max_length=80, primary_key=True, serialize=False)),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
                ("last_error", models.TextField(blank=True)),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="OutboxMessage",
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
                ("tenant_id", models.UUIDField(null=True)),
                ("actor", models.CharField(max_length=100)),
                (
                    "queue",
                    models.CharField(help_text="A key of settings.SQS_QUEUES.", max_length=80),
                ),
                ("payload", models.JSONField()),
                ("group_id", models.CharField(max_length=128, null=True)),
                ("dedup_id", models.CharField(max_length=128, null=True)),
                ("not_before", models.DateTimeField(null=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "claimed_until",
                    models.DateTimeField(help_text="A dispatcher is sending it now.", null=True),
                ),
                ("sent_at", models.DateTimeField(null=True)),
                ("send_attempts", models.PositiveIntegerField(default=0)),
                ("last_error", models.TextField(blank=True)),
            ],
            options={
                "ordering": ["id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("sent_at", None)), fields=["id"], name="outbox_unsent"
                    ),
                    models.Index(
                        condition=models.Q(("sent_at__isnull", False)),
                        fields=["sent_at"],
                        name="outbox_sent",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("dedup_id__isnull", True), ("group_id__isnull", True)),
                            models.Q(("dedup_id__isnull", False), ("group_id__isnull", False)),
                            _connector="OR",
                        ),
                        name="a_group_has_a_dedup_id_and_the_reverse",
                    )
                ],
            },
        ),
    ]
