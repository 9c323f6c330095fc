"""What Prometheus reads, on an internal port of each process: `GET /metrics`.

Counters and the histogram count what this process did; sum them over all. What the database knows
is asked at each scrape by the dispatcher alone: each of its replicas tells the same.
"""

import os
from collections.abc import Callable, Iterator
from threading import Thread
from wsgiref.simple_server import WSGIServer

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    start_http_server,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from jobs import gpu
from jobs.clock import database_now
from tenants.context import as_operator

videos_processed = Counter("viseme_videos_processed", "Videos delivered by this worker.")
failed_jobs = Counter("viseme_failed_jobs", "Jobs that ended as failed, by error code.", ["code"])
failed_attempts = Counter(
    "viseme_failed_attempts", "Attempts that ended without a result, by error code.", ["code"]
)
lost_attempts = Counter("viseme_lost_attempts", "Attempts that a living worker lost.")
handed_over_jobs = Counter("viseme_handed_over_jobs", "Jobs that a stopping worker handed on.")
put_pieces = Counter("viseme_put_pieces", "Finished pieces of videos that were put and recorded.")
resumed_pieces = Counter("viseme_resumed_pieces", "Pieces that a later attempt did not make anew.")
dead_letters = Counter("viseme_dead_letters", "Messages that died of a job that still waited.")
dead_lettered_jobs = Counter(
    "viseme_dead_lettered_jobs", "Jobs that failed since nobody could begin them. Ring an alarm."
)
repairs = Counter("viseme_repairs", "What the reconciler set right, by kind.", ["kind"])
failed_repairs = Counter("viseme_failed_repairs", "Repairs that raised, by kind.", ["kind"])
swept_files = Counter("viseme_swept_files", "Files that no row owned, removed.", ["kind"])
processing_seconds = Histogram(
    "viseme_processing_seconds",
    "From the claim of a job to its result in storage.",
    buckets=(5, 10, 20, 30, 60, 90, 120, 180, 300, 600, 1200, 1800, 3600),
)
working = Gauge("viseme_worker_busy", "1 while this worker has a job.", multiprocess_mode="livesum")
api_requests = Counter("viseme_api_requests", "Requests to the API.", ["route", "method", "status"])


class ApiRequests:
    """Django middleware: counts what the API answered, by route and not by address."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        route = getattr(request.resolver_match, "route", None)
        if route is not None and route.startswith(API_ROUTES):
            api_requests.labels(route, request.method, response.status_code).inc()
        return response


API_ROUTES = ("v1/", "process", "status/", "result/")


class DemandCollector(Collector):
    """What only the database knows, at the moment of the scrape. Each question has its index, and
    none passes over more rows than it counts."""

    def describe(self) -> list[Metric]:
        return []  # else registering it would ask the database

    def collect(self) -> Iterator[Metric]:
        # Not above: ApiRequests is loaded before the apps are.
        from jobs import dispatches, reports
        from messaging import timers

        try:
            demand, wanted = reports.demand(), reports.scaling_demand()
            with as_operator("metrics"):
                now = database_now()
                late, ages = dispatches.late(now), timers.ages(now)
        finally:
            connection.close()  # each scrape has a thread of its own
        yield _gauge("viseme_queue_size", "Jobs that wait for a worker.", demand.queued)
        yield _gauge("viseme_runnable_jobs", "Those of them that have a lane.", demand.runnable)
        yield _gauge("viseme_active_jobs", "Jobs that a worker has in hand.", demand.processing)
        yield _gauge("viseme_demand", "What the autoscaler is told.", wanted)
        yield _gauge("viseme_late_messages", "In the outbox for ten minutes; up to 1000.", late)
        told = "Seconds since each timer last began: who dispatches lets none grow old."
        family = GaugeMetricFamily("viseme_timer_age_seconds", told, labels=["timer"])
        for name, seconds in ages.items():
            family.add_metric([name], seconds)
        yield family


class GpuCollector(Collector):
    """How busy this worker's GPU is; nothing where there is none."""

    def collect(self) -> Iterator[Metric]:
        busy = gpu.utilization()
        if busy is not None:
            yield _gauge("viseme_gpu_utilization_ratio", "Share of time the GPU computes.", busy)


def serve(*collectors: Collector) -> tuple[WSGIServer, Thread] | None:
    """Answer `GET /metrics` on METRICS_PORT, from a thread; 0 means not at all.

    Where PROMETHEUS_MULTIPROC_DIR is set (gunicorn with several processes), the answer is the sum
    over the processes that write there.
    """
    if not settings.METRICS_PORT:
        return None
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    for collector in collectors:
        registry.register(collector)
    return start_http_server(
        settings.METRICS_PORT, addr=settings.METRICS_ADDRESS, registry=registry
    )


def serve_dispatcher() -> None:
    """The dispatcher's metrics, with those that only the database knows."""
    serve(DemandCollector())


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)
