"""Submissions, messages, claims and finished jobs, in real processes around one database."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg

from benchmarks.crowd import free_lanes
from benchmarks.running import Caller, Running, timed
from benchmarks.stage import Stage
from jobs import lifecycle, submission
from messaging.ids import new_id
from tenants.context import acting_for
from tests.faults.processes import until

CLIENTS = 4  # threads that submit at the same time
WORKERS = 2
FREED = 100  # tenants with one free lane: each end of a job lets another in, however many wait
PAUSE_SECONDS = 0.3  # longer than the dispatcher rests between two turns of admission
PATIENCE_SECONDS = 60
SCRAPE = "a metrics scrape"

LATENCIES = """
SELECT extract(epoch FROM o.created_at - j.queued_at), extract(epoch FROM o.sent_at - o.created_at),
    extract(epoch FROM a.started_at - o.sent_at), extract(epoch FROM j.finished_at - a.started_at)
FROM jobs_job j JOIN jobs_attempt a ON a.job_id = j.id
    JOIN messaging_outboxmessage o ON o.dedup_id = j.id || '/1'
WHERE j.id = ANY(%s) AND a.number = 1
"""
# Of the attempts, whose ids grow with time: asked of the jobs, it would read all that wait, again
# and again beside those that are measured.
ENDS = """
SELECT extract(epoch FROM ended_at) FROM jobs_attempt
WHERE id > %s AND outcome = 'succeeded' ORDER BY ended_at
"""
FILES = """
SELECT u.tenant_id, kind, u.id FROM jobs_upload u JOIN tenants_tenant t ON t.id = u.tenant_id
WHERE slug = 'pattern'
"""


@dataclass(frozen=True)
class Amounts:
    """How much of each is done for one sample of each figure."""

    submissions: int = 200
    reads: int = 200
    singles: int = 30  # jobs that find an idle worker
    jobs: int = 100  # through the whole engine
    scrapes: int = 20


Figures = dict[str, float]


class Engine:
    """One database with its processes; measures in the order of its methods."""

    def __init__(
        self,
        stage: Stage,
        name: str,
        house: Running,
        amounts: Amounts,
        connection: psycopg.Connection,
    ) -> None:
        self.house = house
        self.amounts = amounts
        self.connection = connection
        self.tenants = self.connection.execute(
            "SELECT number, tenant_id, video_id, audio_id FROM crowd ORDER BY number"
        ).fetchall()
        stage.enter(name)

    def submissions(self) -> Figures:
        """Through the API by clients of many tenants, each on a connection of its own."""
        share = self.amounts.submissions // CLIENTS

        def submit(client: int) -> list[float]:
            caller, times = self.house.caller(""), []
            for number in range(client * share, (client + 1) * share):
                times.append(self._submit(caller, number))
            return times

        begun = time.perf_counter()
        with ThreadPoolExecutor(CLIENTS) as pool:
            times = [each for found in pool.map(submit, range(CLIENTS)) for each in found]
        seconds = time.perf_counter() - begun
        return {
            "accepted submissions a second": len(times) / seconds,
            "a submission": median(times),
        }

    def reads(self) -> Figures:
        """GET /status of a job that waits, by its tenant."""
        waiting = self.connection.execute(
            "SELECT DISTINCT ON (tenant_id) number, j.id FROM jobs_job j JOIN crowd USING "
            "(tenant_id) WHERE state = 'queued' AND lane IS NULL LIMIT %s",
            [self.amounts.reads],
        ).fetchall()
        caller, times = self.house.caller(""), []
        for number, job_id in waiting:
            caller.key = key(number)
            times.append(timed(partial(caller.ask, "GET", f"/status/{job_id}")))
        return {"a status read": median(times)}

    def scrapes(self) -> Figures:
        until(self.house.is_scraped, "the dispatcher answers")
        times = [timed(self.house.scrape) for _ in range(self.amounts.scrapes)]
        return {SCRAPE: median(times)}

    def singles(self) -> Figures:
        """Jobs that come one by one and find a free lane and an idle worker."""
        jobs = [self._single(number) for number in range(self.amounts.singles)]
        rows = self.connection.execute(LATENCIES, [jobs]).fetchall()
        assert len(rows) == len(jobs), f"{len(rows)} of {len(jobs)} jobs were claimed at once"
        to_lane, to_queue, to_claim, work = (
            median(map(float, each)) for each in zip(*rows, strict=True)
        )
        return {
            "ready to admitted": to_lane,
            "outbox to queue": to_queue,
            "queue to claim": to_claim,
            "claim to result": work,
        }

    def throughput(self) -> Figures:
        """Jobs a second while more wait than the workers can do; the first ones don't count."""
        begun = new_id()
        free_lanes(self.connection, FREED)
        skipped = self.amounts.jobs // 5
        wanted = self.amounts.jobs + skipped
        until(lambda: len(self._ends(begun)) >= wanted, "they succeed", seconds=PATIENCE_SECONDS)
        ends = self._ends(begun)
        return {"jobs a second": (wanted - skipped) / (ends[wanted - 1] - ends[skipped - 1])}

    def _submit(self, caller: Caller, number: int) -> float:
        order, _, video, audio = self.tenants[number % len(self.tenants)]
        caller.key = key(order)
        body = {"video_upload": str(video), "audio_upload": str(audio), "project": "benchmark"}
        told = {"Idempotency-Key": str(uuid4())}
        return timed(lambda: caller.ask("POST", "/v1/jobs", body, **told))

    def _single(self, number: int) -> UUID:
        """Of a tenant with nothing else to do; returns when it has ended."""
        rows = self.connection.execute(FILES).fetchall()
        tenant_id, files = rows[0][0], {f"{kind}_id": upload for _, kind, upload in rows}
        with acting_for(tenant_id):
            job, _ = submission.submit(**files, options={}, submitted_by=f"benchmark {number}")
            lifecycle.accept_probe(job.id)
        until(lambda: self._has_ended(job.id), "the job ends", seconds=PATIENCE_SECONDS)
        time.sleep(PAUSE_SECONDS)
        return job.id

    def _has_ended(self, job_id: UUID) -> bool:
        query = "SELECT finished_at IS NOT NULL FROM jobs_job WHERE id = %s"
        return bool(self._one(query, job_id))

    def _one(self, query: LiteralString, *told: object) -> Any:
        row = self.connection.execute(query, told).fetchone()
        assert row is not None
        return row[0]

    def _ends(self, since: UUID) -> list[float]:
        return [float(end) for (end,) in self.connection.execute(ENDS, [since])]


@contextmanager
def engine(stage: Stage, name: str, house: Running, amounts: Amounts) -> Iterator[Engine]:
    with stage.superuser(name) as connection:
        yield Engine(stage, name, house, amounts, connection)


def measure(engine: Engine) -> Figures:
    """All figures of one database; its processes are started as they are needed."""
    house = engine.house
    # A call costs the strict server 0.2 ms of CPU and moto 8.5: with moto, the jobs a second of the
    # whole engine would be those of moto.
    house.start_queues("strict")
    house.plan(steps=0)
    web = house.start_web()
    found = engine.submissions() | engine.reads()
    web.terminate()
    house.start_dispatcher()
    for _ in range(WORKERS):
        house.start("gpu-worker")
    return found | engine.singles() | engine.scrapes() | engine.throughput()


def key(number: int) -> str:
    """The API key of the crowd's tenant with this number."""
    return f"vsm_live_crowd-{number + 1}"
