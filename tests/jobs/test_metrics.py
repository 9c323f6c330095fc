"""What Prometheus sees."""

import socket
from datetime import timedelta
from urllib.request import urlopen

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest

from jobs import gpu, lifecycle, metrics
from jobs.clock import database_now
from jobs.metrics import ApiRequests, DemandCollector, GpuCollector
from messaging.models import OutboxMessage, TimerRun
from tenants.context import acting_for, as_operator
from tests.making import a_job, a_queued_job, a_tenant


def exposition(collector) -> str:
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry).decode()


def told_by_the_dispatcher() -> dict[str, float]:
    lines = exposition(DemandCollector()).splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


@pytest.mark.django_db(transaction=True)
def test_the_dispatcher_tells_how_many_jobs_wait_and_run():
    assert set(told_by_the_dispatcher().values()) == {0.0}
    acme = a_tenant("Acme")
    with acting_for(acme.id):
        a_job()
        for lane in (None, None, 0, 1, 2):
            job = a_queued_job(lane=lane)
        lifecycle.claim(job.id, worker="gpu-1", lease=60)
    told = told_by_the_dispatcher()
    assert told["viseme_queue_size"] == 4
    assert told["viseme_runnable_jobs"] == 2
    assert told["viseme_active_jobs"] == 1
    assert told["viseme_demand"] == 5


@pytest.mark.django_db(transaction=True)
def test_the_dispatcher_tells_what_does_not_leave_and_who_does_not_dispatch():
    with as_operator("an outage"):
        old = database_now() - timedelta(minutes=11)
        OutboxMessage.objects.create(actor="x", queue="tasks", payload={}, created_at=old)
        TimerRun.objects.create(name="admission", started_at=old)
    told = told_by_the_dispatcher()
    assert told["viseme_late_messages"] == 1
    assert told['viseme_timer_age_seconds{timer="admission"}'] >= 660


def test_a_machine_without_a_gpu_tells_nothing_of_one(monkeypatch):
    monkeypatch.setattr(gpu, "_library", lambda: None)
    assert exposition(GpuCollector()) == ""


def test_the_gpu_is_a_share_from_0_to_1(monkeypatch):
    monkeypatch.setattr(gpu, "utilization", lambda: 0.42)
    assert "viseme_gpu_utilization_ratio 0.42" in exposition(GpuCollector())


def test_the_metrics_of_the_guide_have_their_names():
    names = {family.name for family in REGISTRY.collect()}
    assert names >= {
        "viseme_videos_processed",
        "viseme_failed_jobs",
        "viseme_processing_seconds",
        "viseme_api_requests",
        "viseme_worker_busy",
    }


def test_what_the_engine_mends_hands_over_and_gives_up_is_counted():
    names = {family.name for family in REGISTRY.collect()}
    assert names >= {
        "viseme_repairs",
        "viseme_failed_repairs",
        "viseme_handed_over_jobs",
        "viseme_put_pieces",
        "viseme_resumed_pieces",
        "viseme_dead_letters",
        "viseme_dead_lettered_jobs",
        "viseme_swept_files",
    }


def test_requests_to_the_api_are_counted_by_route_and_not_by_address():
    def count():
        return REGISTRY.get_sample_value(
            "viseme_api_requests_total",
            {"route": "status/<uuid:job_id>", "method": "GET", "status": "404"},
        )

    class Match:
        route = "status/<uuid:job_id>"

    request = RequestFactory().get("/status/0190b5a0-0000-7000-8000-000000000001")
    request.resolver_match = Match()
    before = count() or 0
    ApiRequests(lambda _: HttpResponse(status=404))(request)
    assert count() == before + 1


def test_pages_are_not_counted_as_api_requests():
    request = RequestFactory().get("/jobs/")
    request.resolver_match = type("Match", (), {"route": "jobs/"})()
    before = sum(m.value for f in metrics.api_requests.collect() for m in f.samples)
    ApiRequests(lambda _: HttpResponse())(request)
    assert sum(m.value for f in metrics.api_requests.collect() for m in f.samples) == before


def test_the_internal_port_answers_get_metrics(settings):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        settings.METRICS_PORT = probe.getsockname()[1]
    server, thread = metrics.serve()
    try:
        with urlopen(f"http://127.0.0.1:{settings.METRICS_PORT}/metrics") as answer:
            assert b"viseme_videos_processed_total" in answer.read()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_port_0_means_no_server(settings):
    settings.METRICS_PORT = 0
    assert metrics.serve() is None
