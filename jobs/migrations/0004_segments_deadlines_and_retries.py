"""Pieces of unfinished films, deadlines, retries; and the whole state machine in the database.

The trigger refuses every change of state that is not a move of jobs/lifecycle/transitions.py (a
test compares the two, move by move), a claim that does not raise the fence, and any change to what
has ended. What running code writes, it lets pass: old processes may go on while this runs. The
index and the two unique constraints read jobs_job once under a lock that writers wait for:
a moment for a million rows, in which the new columns are empty.
"""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import messaging.ids
from tenants import rls

MOVES = (
    ("validating", "queued"),
    ("validating", "failed"),
    ("validating", "canceled"),
    ("queued", "processing"),
    ("queued", "failed"),
    ("queued", "canceled"),
    ("processing", "queued"),
    ("processing", "succeeded"),
    ("processing", "failed"),
    ("processing", "canceled"),
)

GUARD_JOB = f"""
CREATE OR REPLACE FUNCTION guard_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN ({", ".join(map(str, MOVES))}) THEN
        RAISE EXCEPTION '%, and cannot become %', CASE
                WHEN OLD.state IN ('succeeded', 'failed', 'canceled')
                THEN format('job %s has ended as %s', OLD.id, OLD.state)
                ELSE format('job %s is %s', OLD.id, OLD.state)
            END, NEW.state
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.state IN ('succeeded', 'failed', 'canceled') AND
        (NEW.fence, NEW.dispatch_number, NEW.error_code, NEW.result_key, NEW.result_sha256,
         NEW.result_seconds_numerator, NEW.result_seconds_denominator)
        IS DISTINCT FROM
        (OLD.fence, OLD.dispatch_number, OLD.error_code, OLD.result_key, OLD.result_sha256,
         OLD.result_seconds_numerator, OLD.result_seconds_denominator) THEN
        RAISE EXCEPTION 'job % has ended: its end is final', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.fence < OLD.fence OR NEW.dispatch_number < OLD.dispatch_number THEN
        RAISE EXCEPTION 'fence and dispatch number of job % only grow', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.state = 'processing' AND OLD.state <> NEW.state AND NEW.fence = OLD.fence THEN
        RAISE EXCEPTION 'a claim of job % needs a new fence', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF (NEW.tenant_id, NEW.retry_of_id) IS DISTINCT FROM (OLD.tenant_id, OLD.retry_of_id) THEN
        RAISE EXCEPTION 'job % cannot change its tenant or what it retries', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""

# As it was in 0002.
GUARD_JOB_BEFORE = """
CREATE OR REPLACE FUNCTION guard_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state IN ('succeeded', 'failed', 'canceled') AND NEW.state <> OLD.state THEN
        RAISE EXCEPTION 'job % has ended as % and cannot become %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.fence < OLD.fence OR NEW.dispatch_number < OLD.dispatch_number THEN
        RAISE EXCEPTION 'fence and dispatch number of job % only grow', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.tenant_id <> OLD.tenant_id THEN
        RAISE EXCEPTION 'job % cannot change its tenant', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""

GUARD_ATTEMPT = """
CREATE FUNCTION guard_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL THEN
        RAISE EXCEPTION 'attempt % has ended as % and never changes again', OLD.id, OLD.outcome
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF (NEW.tenant_id, NEW.job_id, NEW.number, NEW.fence, NEW.worker)
        IS DISTINCT FROM (OLD.tenant_id, OLD.job_id, OLD.number, OLD.fence, OLD.worker) THEN
        RAISE EXCEPTION 'attempt % keeps its job, its number, its fence and its worker', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER an_ended_attempt_is_final BEFORE UPDATE ON jobs_attempt
    FOR EACH ROW EXECUTE FUNCTION guard_attempt();
"""
NO_GUARD_ATTEMPT = """
DROP TRIGGER an_ended_attempt_is_final ON jobs_attempt;
DROP FUNCTION guard_attempt();
"""

GUARD_RETRY = """
CREATE FUNCTION guard_retry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM jobs_job WHERE id = NEW.retry_of_id AND state = 'failed') THEN
        RAISE EXCEPTION 'job % has not failed, so nothing retries it', NEW.retry_of_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER only_a_failed_job_is_retried BEFORE INSERT ON jobs_job
    FOR EACH ROW WHEN (NEW.retry_of_id IS NOT NULL) EXECUTE FUNCTION guard_retry();
"""
NO_GUARD_RETRY = """
DROP TRIGGER only_a_failed_job_is_retried ON jobs_job;
DROP FUNCTION guard_retry();
"""

SAME_TENANT = """
ALTER TABLE jobs_job ADD CONSTRAINT a_retry_is_its_jobs_tenants
    FOREIGN KEY (tenant_id, retry_of_id) REFERENCES jobs_job (tenant_id, id);
ALTER TABLE jobs_segment ADD CONSTRAINT a_segment_is_its_jobs_tenants
    FOREIGN KEY (tenant_id, job_id) REFERENCES jobs_job (tenant_id, id);
ALTER TABLE jobs_segment ADD CONSTRAINT a_segment_is_of_an_attempt_at_its_job
    FOREIGN KEY (job_id, attempt_id) REFERENCES jobs_attempt (job_id, id);
"""
NO_SAME_TENANT = """
ALTER TABLE jobs_segment DROP CONSTRAINT a_segment_is_of_an_attempt_at_its_job;
ALTER TABLE jobs_segment DROP CONSTRAINT a_segment_is_its_jobs_tenants;
ALTER TABLE jobs_job DROP CONSTRAINT a_retry_is_its_jobs_tenants;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0003_since_when_nobody_hears"),
        ("tenants", "0003_count_requests"),
    ]

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
        migrations.AddField(
            model_name="job",
            name="deadline",
            field=models.DateTimeField(
                blank=True, help_text="What has not ended by then has failed.", null=True
            ),
        ),
        migrations.AddField(
            model_name="job",
            name="retry_of",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="retries",
                to="jobs.job",
            ),
        ),
        migrations.AddConstraint(
            model_name="job",
            constraint=models.UniqueConstraint(
                fields=("tenant", "retry_of"), name="one_retry_a_job"
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
        migrations.RunSQL(GUARD_JOB, GUARD_JOB_BEFORE),
        migrations.RunSQL(GUARD_ATTEMPT, NO_GUARD_ATTEMPT),
        migrations.RunSQL(GUARD_RETRY, NO_GUARD_RETRY),
    ]
