"""What the database refuses, whatever the code does: a tenant's job on another's upload, an ended
job that changes, a fence that goes back. And row-level security, as for every tenant table."""

from django.db import migrations

from tenants import rls

SAME_TENANT = """
ALTER TABLE jobs_job ADD CONSTRAINT a_jobs_video_is_its_tenants
    FOREIGN KEY (tenant_id, video_id) REFERENCES jobs_upload (tenant_id, id);
ALTER TABLE jobs_job ADD CONSTRAINT a_jobs_audio_is_its_tenants
    FOREIGN KEY (tenant_id, audio_id) REFERENCES jobs_upload (tenant_id, id);
ALTER TABLE jobs_attempt ADD CONSTRAINT an_attempt_is_its_jobs_tenants
    FOREIGN KEY (tenant_id, job_id) REFERENCES jobs_job (tenant_id, id);
"""
NO_SAME_TENANT = """
ALTER TABLE jobs_attempt DROP CONSTRAINT an_attempt_is_its_jobs_tenants;
ALTER TABLE jobs_job DROP CONSTRAINT a_jobs_audio_is_its_tenants;
ALTER TABLE jobs_job DROP CONSTRAINT a_jobs_video_is_its_tenants;
"""

GUARD = """
CREATE FUNCTION guard_job() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER an_ended_job_is_final BEFORE UPDATE ON jobs_job
    FOR EACH ROW EXECUTE FUNCTION guard_job();
"""
NO_GUARD = """
DROP TRIGGER an_ended_job_is_final ON jobs_job;
DROP FUNCTION guard_job();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0001_initial"),
        ("tenants", "0002_row_level_security"),
    ]

    operations = [
        migrations.RunSQL(SAME_TENANT, NO_SAME_TENANT),
        migrations.RunSQL(GUARD, NO_GUARD),
        rls.protect("jobs_upload"),
        rls.protect("jobs_job"),
        rls.protect("jobs_attempt"),
    ]
