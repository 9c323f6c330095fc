"""What is asked every second costs the same with a hundred thousand waiting jobs as with none.

benchmarks/jobs.py measures it, tests/benchmarks/test_plans.py sees each index used. Before, the
reconciler passed every queued job to find the few that have a lane, admission sorted what waits
equally long, and how much a tenant had lately was looked for in all attempts ever made. Each index
reads its table once under a lock that writers wait for: about a second for a million rows.
"""

from django.db import migrations, models

# Of another app's table, which knows no jobs: only here is it known that payloads name one.
MESSAGES = "CREATE INDEX messages_of_a_job ON messaging_outboxmessage ((payload ->> 'job_id'))"


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0009_what_counts_over_all_tenants"),
        ("messaging", "0003_what_is_due"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="job", name="jobs_waiting_for_a_lane"),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                condition=models.Q(("lane__isnull", True), ("state", "queued")),
                fields=["tenant", "-priority", "queued_at", "id"],
                name="jobs_in_line_for_a_lane",
            ),
        ),
        migrations.RemoveIndex(model_name="job", name="jobs_unfinished"),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                condition=models.Q(("state__in", ["validating", "queued", "processing"])),
                fields=["tenant", "state"],
                name="jobs_unfinished_by_tenant",
            ),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                condition=models.Q(("lane__isnull", False), ("state", "queued")),
                fields=["dispatched_at"],
                name="dispatches_unheard",
            ),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                condition=models.Q(("state", "validating")),
                fields=["dispatched_at"],
                name="probes_unheard",
            ),
        ),
        migrations.AddIndex(
            model_name="attempt",
            index=models.Index(fields=["tenant", "ended_at"], name="attempts_by_their_end"),
        ),
        migrations.RunSQL(MESSAGES, "DROP INDEX messages_of_a_job"),
    ]
