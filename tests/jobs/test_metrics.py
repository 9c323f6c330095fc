"""What Prometheus sees."""

import socket
from urllib.request import urlopen

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest

from jobs import gpu, metrics
from jobs.metrics import ApiRequests, DemandCollector, GpuCollector


def exposition(collector) -> str:
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry).decode()


@pytest.mark.django_db(transaction=True)
def test_the_dispatcher_tells_how_many_jobs_wait_and_run():
    told = exposition(DemandCollector())
    assert "viseme_queue_size 0.0" in told
    assert "viseme_runnable_jobs 0.0" in told
    assert "viseme_active_jobs 0.0" in told


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
