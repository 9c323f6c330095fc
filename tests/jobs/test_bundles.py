"""The worker's side of a model that lies in S3_MODELS_BUCKET."""

import hashlib
import json
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from jobs import bundles, model_shelf
from jobs.child import ModelChild
from jobs.model_events import EngineFailed
from messaging.ids import new_id

BACKENDS = {
    "folder": "django.core.files.storage.FileSystemStorage",
    "bucket": "storages.backends.s3.S3Storage",
}
LARGE = bytes(range(256)) * 12_000  # three chunks
FILES = {"unet.safetensors": LARGE, "faces/det_10g.onnx": b"a graph"}


def manifest(files=FILES):
    def entry(path, content):
        sha256 = hashlib.sha256(content).hexdigest()
        return {"path": path, "sha256": sha256, "size_bytes": len(content)}

    return json.dumps({"files": {path: entry(path, c) for path, c in files.items()}}).encode()


@pytest.fixture(params=["folder", "bucket"])
def shelf(request, settings, tmp_path):
    """Somewhere for bundles: put(key, content)."""
    settings.MODEL_CACHE = tmp_path / "cache"
    options = {"location": tmp_path / "shelf"}
    if request.param == "bucket":
        options = request.getfixturevalue("bucket")
    shelves = {"models": {"BACKEND": BACKENDS[request.param], "OPTIONS": options}}
    settings.STORAGES = {**settings.STORAGES, **shelves}

    def put(key, content):
        from django.core.files.base import ContentFile
        from django.core.files.storage import storages

        storages["models"].delete(key)
        storages["models"].save(key, ContentFile(content))

    for path, content in FILES.items():
        put(f"models/latentsync/{path}", content)
    put("models/latentsync/manifest.json", manifest())
    return put


@pytest.fixture(scope="module")
def server():
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(server):
    """One of the test's own: what moto's servers keep, they keep together, queues as well."""
    import boto3

    name = f"models-{new_id()}"
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    client = boto3.client("s3", endpoint_url=server, region_name="us-east-1", **keys)
    client.create_bucket(Bucket=name)
    told = {"endpoint_url": server, "region_name": "us-east-1", "bucket_name": name}
    return {**told, "access_key": "test", "secret_key": "test", "file_overwrite": True}


def inside(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_bundle_is_brought_whole_and_once(shelf, monkeypatch):
    seen = []
    folder = bundles.bring("models/latentsync/", lambda done, total: seen.append((done, total)))
    assert inside(folder) == {**FILES, "manifest.json": manifest()}
    total = sum(len(content) for content in FILES.values())
    assert seen[-1] == (total, total)
    monkeypatch.setattr(model_shelf, "_receive", None)
    assert bundles.bring("models/latentsync") == folder


def test_a_new_bundle_under_the_same_prefix_gets_a_folder_of_its_own(shelf):
    before = bundles.bring("models/latentsync")
    shelf("models/latentsync/unet.safetensors", b"better")
    shelf("models/latentsync/manifest.json", manifest({**FILES, "unet.safetensors": b"better"}))
    after = bundles.bring("models/latentsync")
    assert after != before
    assert (after / "unet.safetensors").read_bytes() == b"better"
    assert (before / "unet.safetensors").read_bytes() == LARGE


def test_what_an_earlier_start_left_is_gone_on_with(shelf, settings, monkeypatch):
    real, started = model_shelf._from, []

    def breaks(where, key, start):
        started.append(start)
        for count, chunk in enumerate(real(where, key, start)):
            if count:
                raise KeyboardInterrupt
            yield chunk

    monkeypatch.setattr(model_shelf, "_from", breaks)
    with pytest.raises(KeyboardInterrupt):
        bundles.bring("models/latentsync")
    assert not [path for path in settings.MODEL_CACHE.iterdir() if path.name[0] != "."]
    monkeypatch.setattr(
        model_shelf, "_from", lambda *asked: started.append(asked[2]) or real(*asked)
    )
    assert (bundles.bring("models/latentsync") / "unet.safetensors").read_bytes() == LARGE
    assert started[:2] == [0, model_shelf.CHUNK_BYTES]


def test_a_connection_that_breaks_is_taken_up_again(shelf, monkeypatch):
    real, started = model_shelf._from, []

    def breaks(where, key, start):
        started.append(start)
        yield next(real(where, key, start))
        if len(started) < 3:
            raise ConnectionResetError("peer")
        yield from list(real(where, key, start))[1:]

    monkeypatch.setattr(model_shelf, "_from", breaks)
    monkeypatch.setattr(model_shelf, "PAUSE_SECONDS", 0)
    assert (bundles.bring("models/latentsync") / "unet.safetensors").read_bytes() == LARGE
    assert started[:3] == [0, model_shelf.CHUNK_BYTES, 2 * model_shelf.CHUNK_BYTES]


def test_a_bucket_that_is_away_for_a_moment_is_asked_again(shelf, monkeypatch):
    real, asked = model_shelf.Storage.open, []

    def open_later(storage, name, mode="rb"):
        asked.append(name)
        if len(asked) < 3:
            raise ConnectionResetError("peer")
        return real(storage, name, mode)

    monkeypatch.setattr(model_shelf.Storage, "open", open_later)
    monkeypatch.setattr(model_shelf, "PAUSE_SECONDS", 0)
    assert bundles.bring("models/latentsync").is_dir()
    assert asked[:3] == ["models/latentsync/manifest.json"] * 3


@pytest.mark.parametrize("away", ["manifest.json", "unet.safetensors"])
def test_a_bucket_that_stays_away_is_given_up_after_five_tries(shelf, monkeypatch, away):
    asked = []

    def gone(*where):
        asked.append(where)
        raise ConnectionResetError("peer")

    monkeypatch.setattr(model_shelf, "PAUSE_SECONDS", 0)
    if away == "manifest.json":
        monkeypatch.setattr(model_shelf.Storage, "open", gone)
    else:
        monkeypatch.setattr(model_shelf, "_from", gone)
    with refused(f"models/latentsync/{away} can't be brought from .*: peer"):
        bundles.bring("models/latentsync")
    assert len(asked) == model_shelf.TRIES


def refused(said):
    return pytest.raises(EngineFailed, match=said)


def test_a_file_that_is_not_the_manifest_s_is_refused_and_not_kept(shelf, settings):
    shelf("models/latentsync/unet.safetensors", LARGE[:-1] + b"!")
    with refused("unet.safetensors in .* is not the file"):
        bundles.bring("models/latentsync")
    assert not [path for path in settings.MODEL_CACHE.iterdir() if path.name[0] != "."]
    shelf("models/latentsync/unet.safetensors", LARGE)
    assert inside(bundles.bring("models/latentsync"))["unet.safetensors"] == LARGE


def test_what_is_not_there_is_named(shelf):
    with refused("has no models/other/manifest.json"):
        bundles.bring("models/other")
    shelf("models/latentsync/manifest.json", manifest({**FILES, "vae.safetensors": b"x"}))
    with refused("has no models/latentsync/vae.safetensors"):
        bundles.bring("models/latentsync")


@pytest.mark.parametrize("content", [b"hello", b"[]", b'{"files": {"unet": {"path": "x"}}}'])
def test_a_manifest_that_says_nothing_is_refused(shelf, content):
    shelf("models/latentsync/manifest.json", content)
    with refused("is no manifest"):
        bundles.bring("models/latentsync")


@pytest.mark.parametrize("path", ["../evil", "/etc/evil", "a/../../evil"])
def test_a_manifest_may_not_reach_outside_the_bundle(shelf, path):
    shelf("models/latentsync/manifest.json", manifest({path: b"x"}))
    with refused("outside the bundle"):
        bundles.bring("models/latentsync")


@pytest.fixture
def worker(settings, monkeypatch, tmp_path):
    """A worker whose model lies under a prefix of the models' folder."""
    monkeypatch.setenv("MEDIA_ROOT", str(tmp_path))
    monkeypatch.setenv("MODEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    settings.MODEL_CHILD_MODULE = "tests.stub_child"
    settings.MODEL_PREFIX = "stub"
    child = ModelChild()
    yield child
    child.kill()


def request_of(folder: Path):
    video = folder / "v.mp4"
    video.write_bytes(b"a video, as far as the stub knows")
    return {name: str(video) for name in ("video", "audio")} | {"out": str(folder / "out.mp4")}


def test_the_model_starts_from_the_bucket_and_without_our_keys(worker, tmp_path):
    shelf = tmp_path / "models" / "stub"
    shelf.mkdir(parents=True)
    plan = json.dumps({"steps": 7}).encode()
    (shelf / "stub.json").write_bytes(plan)
    (shelf / "manifest.json").write_bytes(manifest({"stub.json": plan}))
    with capture_logs() as logs:
        worker.begin("a", **request_of(tmp_path))
        assert worker.next_event(10)["total"] == 7
    (ready,) = [line for line in logs if line["event"] == "model_ready"]
    assert (ready["name"], ready["version"]) == ("stub", "1")
    environment = Path(f"/proc/{worker._process.pid}/environ").read_bytes()
    assert b"AWS_SECRET_ACCESS_KEY" not in environment
    assert b"PATH=" in environment


def test_a_bundle_that_is_not_there_is_the_model_s_failure_and_in_the_log(worker, tmp_path):
    with (
        capture_logs() as logs,
        pytest.raises(EngineFailed, match="has no stub/manifest") as failed,
    ):
        worker.begin("a", **request_of(tmp_path))
    assert (failed.value.code, failed.value.refusal) == ("bad_checkpoint", False)
    assert "model_not_loaded" in [line["event"] for line in logs]
