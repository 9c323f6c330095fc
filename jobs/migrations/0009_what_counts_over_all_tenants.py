"""Figures over all tenants' jobs that tell of no tenant: the scaler's demand, the line for a GPU,
and how long recent jobs took.

SECURITY DEFINER functions with a fixed search path, like those of tenants/migrations/0002 and with
the same owner, who may read the columns named here and no others. `viseme_scaler`, for the
autoscaler, may call viseme_demand() and do nothing else. The two indexes read jobs_job once under
a lock that writers wait for.
"""

from django.db import migrations

READ = """
GRANT SELECT (
    state, lane, fence, options, model_label, dispatched_at, finished_at,
    result_facts, result_seconds_numerator, result_seconds_denominator
) ON jobs_job TO viseme_lookup;
CREATE POLICY lookup_counts_all ON jobs_job FOR SELECT TO viseme_lookup USING (true);
GRANT SELECT (worker, ended_at) ON jobs_attempt TO viseme_lookup;
CREATE POLICY lookup_counts_all ON jobs_attempt FOR SELECT TO viseme_lookup USING (true);
"""
READ_NO_MORE = """
DROP POLICY lookup_counts_all ON jobs_attempt;
REVOKE SELECT (worker, ended_at) ON jobs_attempt FROM viseme_lookup;
DROP POLICY lookup_counts_all ON jobs_job;
REVOKE SELECT (
    state, lane, fence, options, model_label, dispatched_at, finished_at,
    result_facts, result_seconds_numerator, result_seconds_denominator
) ON jobs_job FROM viseme_lookup;
"""

# A job that was resumed or tried again has no whole time of its own: only first claims are learned
# from.
INDEXES = """
CREATE INDEX successes_by_kind ON jobs_job
    ((options ->> 'steps'), (coalesce(options ->> 'speed', 'exact')), finished_at DESC)
    WHERE state = 'succeeded' AND fence = 1;
CREATE INDEX successes_by_time ON jobs_job (finished_at DESC)
    WHERE state = 'succeeded' AND fence = 1;
"""
NO_INDEXES = "DROP INDEX successes_by_time; DROP INDEX successes_by_kind;"

# By the lane, which queued and processing jobs hold: an index knows those few, however many wait.
DEMAND = """
CREATE FUNCTION viseme_demand() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT greatest(count(*), 5 * count(*) FILTER (WHERE state = 'processing'))
    FROM public.jobs_job WHERE lane IS NOT NULL
$$;
"""

LINE = """
CREATE FUNCTION viseme_line(OUT runnable bigint, OUT workers bigint,
                            OUT known bigint, OUT low double precision, OUT high double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT
        (SELECT count(*) FROM public.jobs_job WHERE state = 'queued' AND lane IS NOT NULL),
        (SELECT count(DISTINCT worker) FROM public.jobs_attempt WHERE ended_at IS NULL),
        count(seconds),
        percentile_cont(0.2) WITHIN GROUP (ORDER BY seconds),
        percentile_cont(0.8) WITHIN GROUP (ORDER BY seconds)
    FROM (
        SELECT (result_facts ->> 'processing_seconds')::double precision AS seconds
        FROM public.jobs_job WHERE state = 'succeeded' AND fence = 1
        ORDER BY finished_at DESC LIMIT 50
    ) AS recent
$$;

CREATE FUNCTION viseme_ahead(moments timestamptz[]) RETURNS TABLE (moment timestamptz, jobs bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT each, (
        SELECT count(*) FROM public.jobs_job
        WHERE state = 'queued' AND lane IS NOT NULL AND dispatched_at < each
    ) FROM unnest(moments) AS each
$$;
"""

# What a new model or new hardware takes differs: only what the newest label did is learned from.
# Ordered by all that the index has: under row-level security PostgreSQL does not conclude from
# "steps = '20'" that the order by time is the index's own, and sorts every success there ever was.
PACE = """
CREATE FUNCTION viseme_pace(steps text, speed text, OUT known bigint,
                            OUT low double precision, OUT high double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    WITH recent AS (
        SELECT model_label, finished_at,
            (result_facts ->> 'processing_seconds')::double precision
                * result_seconds_denominator / result_seconds_numerator AS pace
        FROM public.jobs_job
        WHERE state = 'succeeded' AND fence = 1
            AND options ->> 'steps' = steps AND coalesce(options ->> 'speed', 'exact') = speed
        ORDER BY options ->> 'steps', coalesce(options ->> 'speed', 'exact'), finished_at DESC
        LIMIT 50
    )
    SELECT count(pace),
        percentile_cont(0.2) WITHIN GROUP (ORDER BY pace),
        percentile_cont(0.8) WITHIN GROUP (ORDER BY pace)
    FROM recent
    WHERE model_label = (SELECT model_label FROM recent ORDER BY finished_at DESC LIMIT 1)
$$;
"""

FUNCTIONS = (
    "viseme_demand()",
    "viseme_line()",
    "viseme_ahead(timestamptz[])",
    "viseme_pace(text, text)",
)
EACH = ", ".join(FUNCTIONS)
# First the rights and then the owner: a former owner can revoke nothing, and is only warned.
ALLOW = f"""
REVOKE ALL ON FUNCTION {EACH} FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {EACH} TO viseme_app, viseme_operator;
GRANT EXECUTE ON FUNCTION viseme_demand() TO viseme_scaler;
"""
HAND_OVER = "".join(f"ALTER FUNCTION {each} OWNER TO viseme_lookup;\n" for each in FUNCTIONS)
NO_FUNCTIONS = f"""
SET LOCAL ROLE viseme_lookup;
DROP FUNCTION {EACH};
RESET ROLE;
"""


class Migration(migrations.Migration):
    dependencies = [("jobs", "0008_the_state_machine")]

    operations = [
        migrations.RunSQL(READ, READ_NO_MORE),
        migrations.RunSQL(INDEXES, NO_INDEXES),
        migrations.RunSQL(DEMAND + LINE + PACE + ALLOW + HAND_OVER, NO_FUNCTIONS),
    ]
