"""A failed job is tried again as a job of its own, which names it: once, by its tenant alone.

The constraints read jobs_job once under a lock that writers wait for: a moment for a million rows,
in which the new column is empty.
"""

import django.db.models.deletion
from django.db import migrations, models

SAME_TENANT = """
ALTER TABLE jobs_job ADD CONSTRAINT a_retry_is_its_jobs_tenants
    FOREIGN KEY (tenant_id, retry_of_id) REFERENCES jobs_job (tenant_id, id);
"""
NO_SAME_TENANT = "ALTER TABLE jobs_job DROP CONSTRAINT a_retry_is_its_jobs_tenants"

GUARD = """
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
NO_GUARD = """
DROP TRIGGER only_a_failed_job_is_retried ON jobs_job;
DROP FUNCTION guard_retry();
"""


class Migration(migrations.Migration):
    dependencies = [("jobs", "0005_deadlines")]

    operations = [
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
        migrations.RunSQL(SAME_TENANT, NO_SAME_TENANT),
        migrations.RunSQL(GUARD, NO_GUARD),
    ]
