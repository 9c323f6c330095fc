"""Hundreds of tenants, what they did last week, and as many waiting jobs as are asked for.

One job of each kind goes the real way; the others are its copies, made in bulk by the database
without asking triggers and foreign keys. So a new column is right here without anybody's thinking
of it.
"""

from typing import LiteralString
from uuid import UUID

import psycopg

from benchmarks.patterns import Patterns, make_patterns, store_inputs
from benchmarks.stage import Stage
from tests import database

LANES = 2  # of each tenant, as Limits has it by default

# {new} are the columns in which a copy differs. uuidv7(interval): as old as the job is.
COPY = """
INSERT INTO {table} SELECT made.* FROM {table} AS pattern, {rows},
    LATERAL jsonb_populate_record(pattern, jsonb_build_object({new})) AS made WHERE {of}
"""
TENANTS = ("generate_series(1, %(tenants)s::int) AS n", "pattern.slug = 'pattern'")
CROWD = """
CREATE TABLE crowd AS SELECT substr(slug, 7)::int - 1 AS number, t.id AS tenant_id,
    (SELECT id FROM jobs_upload u WHERE u.tenant_id = t.id AND kind = 'video') AS video_id,
    (SELECT id FROM jobs_upload u WHERE u.tenant_id = t.id AND kind = 'audio') AS audio_id
FROM tenants_tenant t WHERE slug LIKE 'crowd-%%';
ALTER TABLE crowd ADD PRIMARY KEY (number)
"""
JOBS = """generate_series(%(first)s::int, %(last)s::int) AS n
    JOIN crowd ON crowd.number = n %% %(tenants)s::int
    CROSS JOIN LATERAL (SELECT uuidv7(make_interval(secs => -n)) AS id,
        now() - make_interval(secs => n) AS at) AS new"""
JOB = {
    "id": "new.id",
    "tenant_id": "crowd.tenant_id",
    "video_id": "crowd.video_id",
    "audio_id": "crowd.audio_id",
    "created_at": "new.at",
    "queued_at": "new.at",
    "priority": "n %% 3",
}
SENT = {
    "id": "uuidv7()",
    "tenant_id": "j.tenant_id",
    "created_at": "j.queued_at",
    "sent_at": "j.queued_at",
    "dedup_id": "CASE WHEN pattern.dedup_id IS NOT NULL THEN j.id || '/1' END",
    "payload": "pattern.payload || jsonb_build_object('job_id', j.id, 'tenant_id', j.tenant_id)",
}


def set_up(stage: Stage, *, tenants: int, history: int, sizes: list[int]) -> dict[int, str]:
    """A database for each number of waiting jobs, by name; the inputs of all lie in the storage."""
    patterns = make_patterns()
    with stage.superuser(database.NAME) as connection:
        Crowd(connection, patterns, tenants).settle(history)
    store_inputs()
    names = {size: f"crowd_{size}" for size in sizes}
    for size, name in names.items():
        stage.copy(name)
        with stage.superuser(name) as connection:
            Crowd(connection, patterns, tenants).wait(size)
    return names


class Crowd:
    """The rows of one database, written by the superuser. Begin with `settle()`."""

    def __init__(self, connection: psycopg.Connection, patterns: Patterns, tenants: int) -> None:
        self.connection = connection
        self.patterns = patterns
        self.tenants = tenants
        connection.execute("SET session_replication_role = replica")  # no triggers, no keys

    def settle(self, history: int) -> None:
        """The tenants, each with a key and two files, all lanes taken, and jobs of last week."""
        self._tenants()
        self.connection.execute(CROWD.replace("%%", "%"))
        taken = {"lane": "n / %(tenants)s::int", "dispatched_at": "now()"}
        self._jobs(self.patterns.dispatched, LANES * self.tenants, **taken)
        self._sent(self.patterns.dispatched, "j.lane IS NOT NULL")
        spread = f"new.at + n * make_interval(secs => -{7 * 86400 // max(history, 1)})"
        self._jobs(self.patterns.ended, history, finished_at=spread, queued_at=spread)
        self._ended(
            "jobs_attempt",
            "job_id",
            job_id="j.id",
            started_at="j.queued_at",
            ended_at="j.finished_at",
            lease_expires_at="j.finished_at",
        )
        self._ended(
            "billing_usagerecord",
            "source_id",
            source_id="j.id",
            event_id="'job:' || j.id || ':output_seconds'",
            occurred_at="j.finished_at",
        )
        self._sent(self.patterns.ended, "j.state = 'succeeded'")

    def wait(self, number: int) -> None:
        """So many jobs wait for a lane, the tenants' by turns."""
        self._jobs(self.patterns.waiting, number)
        _cancel(
            self.connection, "tenant_id = %s", self.patterns.tenant
        )  # Pattern has nothing to do
        self.connection.execute("VACUUM (ANALYZE)")

    def _tenants(self) -> None:
        new = {"id": "uuidv7()", "name": "'Crowd ' || n", "slug": "'crowd-' || n"}
        self._copy("tenants_tenant", *TENANTS, new)
        crowd, of = (
            "tenants_tenant AS t",
            "t.slug LIKE 'crowd-%%' AND pattern.tenant_id = %(tenant)s",
        )
        whose = {"tenant_id": "t.id"}
        most = {"jobs_waiting": "1000000", "requests_per_minute": "1000000"}
        self._copy("tenants_limits", crowd, of, {**whose, **most})
        secret = "convert_to('vsm_live_' || t.slug, 'UTF8')"
        hashed = {"secret_sha256": rf"'\x' || encode(sha256({secret}), 'hex')"}
        self._copy("tenants_apikey", crowd, of, {"id": "uuidv7()", **whose, **hashed})
        each = "(pattern.created_at - t.created_at) * 0"  # else one id would do for both files
        files = f"{crowd}, LATERAL (SELECT uuidv7({each}) AS id) AS new"
        named = {"id": "new.id", "key": "t.id || '/' || new.id || '-' || pattern.kind"}
        self._copy("jobs_upload", files, of, {**whose, **named})

    def _jobs(self, pattern: UUID, number: int, **new: str) -> None:
        told = {"first": 0, "last": number - 1, "pattern": pattern}
        self._copy("jobs_job", JOBS, "pattern.id = %(pattern)s", {**JOB, **new}, **told)

    def _ended(self, table: str, job_column: str, **new: str) -> None:
        of = f"pattern.{job_column} = %(ended)s AND j.state = 'succeeded' AND j.id <> %(ended)s"
        always = {"id": "uuidv7()", "tenant_id": "j.tenant_id", "created_at": "j.queued_at"}
        self._copy(table, "jobs_job AS j", of, {**always, **new})

    def _sent(self, pattern: UUID, jobs: str) -> None:
        of = f"pattern.payload->>'job_id' = %(job)s AND j.id <> %(pattern)s AND {jobs}"
        told = {"job": str(pattern), "pattern": pattern}
        self._copy("messaging_outboxmessage", "jobs_job AS j", of, SENT, **told)

    def _copy(self, table: str, rows: str, of: str, new: dict[str, str], **told: object) -> None:
        columns = ", ".join(f"'{name}', {value}" for name, value in new.items())
        query = COPY.format(table=table, rows=rows, new=columns, of=of)
        everything = {"tenants": self.tenants, **vars(self.patterns), **told}
        self.connection.execute(query.encode(), everything)


def free_lanes(connection: psycopg.Connection, tenants: int) -> None:
    """One lane each of the first so many tenants: what held it is canceled."""
    _cancel(
        connection,
        "lane = 0 AND tenant_id IN (SELECT tenant_id FROM crowd WHERE number < %s)",
        tenants,
    )


def _cancel(connection: psycopg.Connection, which: LiteralString, *told: object) -> None:
    connection.execute(
        "UPDATE jobs_job SET state = 'canceled', lane = NULL, finished_at = now() "
        "WHERE state = 'queued' AND " + which,
        told,
    )
