"""The state machine in the database: a change of state is a move, and what has ended is final.

The trigger refuses every change that is not a move of jobs/lifecycle/transitions.py (a test
compares them, move by move), a claim that does not raise the fence, and any change to what has
ended. What running code writes, it lets pass: old processes may go on while this runs.
"""

from django.db import migrations

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


class Migration(migrations.Migration):
    dependencies = [("jobs", "0007_segments")]

    operations = [
        migrations.RunSQL(GUARD_JOB, GUARD_JOB_BEFORE),
        migrations.RunSQL(GUARD_ATTEMPT, NO_GUARD_ATTEMPT),
    ]
