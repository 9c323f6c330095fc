"""`bundle fetch` against a server that speaks the hub's HTTP; the real one is out of reach here."""

import io
import json

import pytest
import torch

from inference.__main__ import main
from inference.bundle import hub as hub_module
from inference.bundle.book import Book
from inference.bundle.fetching import _alone, accept
from inference.bundle.hub import Hub, Patience
from inference.bundle.sources import INSIGHTFACE, MODELS, chosen
from inference.errors import FetchFailed, LicenseNotAccepted, UnreadableCheckpoint
from inference.model.checkpoint import load_bundle
from tests.inference import small
from tests.inference.bundle import downloads, hub_server

LATENTSYNC, VAE, FACES = (
    "ByteDance/LatentSync-1.6",
    "stabilityai/sd-vae-ft-mse",
    "public-data/insightface",
)
QUICK = Patience(tries=3, pause_seconds=0)  # the server here answers or breaks off, at once
BIG = bytes(range(256)) * 64


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setattr(hub_module, "Patience", lambda: QUICK)
    with hub_server.Hub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


@pytest.fixture
def published(server, tmp_path):
    """The server with everything that the table names, and the sizes of the small UNet."""
    recipe = downloads.make(tmp_path / "published")
    vae = recipe.vae / "diffusion_pytorch_model.safetensors"
    server.files = {
        (LATENTSYNC, "latentsync_unet.pt"): recipe.unet.read_bytes(),
        (LATENTSYNC, "whisper/tiny.pt"): recipe.whisper.read_bytes(),
        (VAE, "config.json"): (recipe.vae / "config.json").read_bytes(),
        (VAE, vae.name): vae.read_bytes(),
    }
    for name in ("det_10g.onnx", "2d106det.onnx"):
        path = f"models/buffalo_l/{name}"
        server.files[FACES, path] = (recipe.faces / name).read_bytes()
    (tmp_path / "sizes.json").write_text(json.dumps(small.UNET.to_mapping()))
    return server


@pytest.fixture
def fetch(tmp_path):
    """The command, accepting what is shown; its exit status."""

    def fetch(out, *more):
        sizes = ["--unet-config", str(tmp_path / "sizes.json")]
        return main(["bundle", "fetch", str(tmp_path / out), "--accept-licenses", *sizes, *more])

    return fetch


def test_one_command_makes_a_bundle_that_loads(published, fetch, tmp_path, capsys):
    assert fetch("models") == 0
    model = load_bundle(tmp_path / "models", torch.device("cpu"))
    assert (model.label, model.resolution, model.finder) == ("LatentSync 1.6", 512, "builtin")
    source = model.manifest["files"]["unet"]["source"]
    assert (source["repository"], source["revision"]) == (LATENTSYNC, hub_server.COMMIT)
    said = capsys.readouterr().err
    assert all(part.license in said and part.terms in said for part in MODELS["1.6"])
    assert "fetching latentsync_unet.pt" in said
    assert not (tmp_path / ".bundle-downloads").exists()


def test_the_token_goes_to_the_hub_and_not_to_where_the_bytes_lie(published, fetch):
    assert fetch("models") == 0
    assert {token for name, token in published.tokens if name == "hub"} == {"Bearer hf_secret"}
    assert {token for name, token in published.tokens if name == "store"} == {None}


def test_the_research_only_pair_comes_only_when_asked_for_and_is_called_so(
    published, fetch, tmp_path, capsys
):
    assert fetch("models", "--faces", "insightface") == 0
    manifest = json.loads((tmp_path / "models" / "manifest.json").read_text())
    assert manifest["finder"] == "insightface"
    assert manifest["files"]["face_detector"]["source"]["repository"] == FACES
    said = capsys.readouterr().err
    assert "commercial use: NOT allowed" in said
    assert "NOTICE: faces/det_10g.onnx, faces/2d106det.onnx: InsightFace publishes" in said


def test_hashes_are_written_down_at_first_use_and_hold_ever_after(
    published, fetch, tmp_path, capsys
):
    assert fetch("first") == 0
    book = json.loads((tmp_path / "bundle-hashes.json").read_text())
    assert book[LATENTSYNC]["revision"] == hub_server.COMMIT
    assert book[VAE]["files"].keys() == {"config.json", "diffusion_pytorch_model.safetensors"}
    capsys.readouterr()
    assert fetch("second") == 0
    assert "first use" not in capsys.readouterr().err
    name = (LATENTSYNC, "latentsync_unet.pt")
    published.files[name] = published.files[name][:-1] + b"!"
    assert fetch("third") == 1
    assert (
        "fetch_failed: ByteDance/LatentSync-1.6/latentsync_unet.pt is not the file of the first"
        in (capsys.readouterr().err)
    )
    assert not (tmp_path / "third").exists()


def test_a_small_file_that_changed_is_found_out_too(published, fetch, tmp_path, capsys):
    assert fetch("first") == 0
    published.files[VAE, "config.json"] += b" "
    assert fetch("second") == 1
    assert "config.json is not the file of the first time" in capsys.readouterr().err


def test_the_commit_of_the_first_time_is_asked_for_ever_after(published, fetch, capsys):
    assert fetch("first") == 0
    published.commit = "2e" * 20
    assert fetch("second") == 1
    assert "the revision is not there any more" in capsys.readouterr().err


def test_a_command_that_was_stopped_goes_on_where_it_was(published, fetch, tmp_path):
    size = len(published.files[LATENTSYNC, "latentsync_unet.pt"])
    published.cuts = [size // 2, 0, 0, 0]
    assert fetch("models") == 1
    assert not (tmp_path / "models").exists()
    published.asked.clear()
    assert fetch("models") == 0
    assert published.fetched()[0] == ("latentsync_unet.pt", f"bytes={size // 2}-")


def test_what_was_brought_is_not_brought_again(published, fetch, tmp_path):
    whisper = published.files[LATENTSYNC, "whisper/tiny.pt"]
    published.files[LATENTSYNC, "whisper/tiny.pt"] = b"<html>" + whisper
    assert fetch("models") == 1
    assert not (tmp_path / "bundle-hashes.json").exists()
    published.files[LATENTSYNC, "whisper/tiny.pt"] = whisper
    published.asked.clear()
    assert fetch("models") == 0
    assert published.fetched() == [("tiny.pt", None)]


def test_two_commands_do_not_spoil_each_other_s_downloads(published, fetch, tmp_path, capsys):
    (tmp_path / ".bundle-downloads").mkdir()
    with _alone(tmp_path / ".bundle-downloads"):
        assert fetch("models") == 2
    assert "bad_option: Another command fetches into" in capsys.readouterr().err
    assert fetch("models") == 0


@pytest.fixture
def client(server):
    server.files["a/b", "c.bin"] = BIG
    return Hub(server.endpoint, QUICK)


def bring(client, target):
    seen = []
    remote = client.look("a/b", "c.bin", "main")
    client.fetch(remote, target, seen.append)
    return seen


def test_a_connection_that_breaks_is_taken_up_again(server, client, tmp_path):
    server.cuts = [5000, 5000]
    assert bring(client, tmp_path / "c.bin")[-1] == len(BIG)
    assert (tmp_path / "c.bin").read_bytes() == BIG
    assert [wanted for _, wanted in server.fetched()] == [None, "bytes=5000-", "bytes=10000-"]
    assert [path.name for path in tmp_path.glob("c*")] == ["c.bin"]


def test_a_server_that_knows_no_ranges_sends_the_whole_again(server, client, tmp_path):
    server.cuts, server.knows_ranges = [5000], False
    bring(client, tmp_path / "c.bin")
    assert (tmp_path / "c.bin").read_bytes() == BIG


def test_bytes_that_are_not_the_promised_ones_are_thrown_away(server, client, tmp_path):
    remote = client.look("a/b", "c.bin", "main")
    server.files["a/b", "c.bin"] = BIG[:-1] + b"!"
    with pytest.raises(FetchFailed, match="came damaged"):
        client.fetch(remote, tmp_path / "c.bin", lambda _: None)
    assert not list(tmp_path.glob("c*"))


def test_the_tries_have_an_end(server, client, tmp_path):
    server.cuts = [0] * 10
    with pytest.raises(FetchFailed, match="could not be fetched"):
        bring(client, tmp_path / "c.bin")
    assert len(server.fetched()) == QUICK.tries


def test_a_server_that_only_drips_is_given_up_and_what_came_is_kept(server, tmp_path):
    server.files["a/b", "c.bin"] = BIG
    server.drips = True
    impatient = Hub(server.endpoint, Patience(tries=1, slow_seconds=0.3))
    with pytest.raises(FetchFailed, match="bytes in"):
        bring(impatient, tmp_path / "c.bin")
    (part,) = tmp_path.glob("c.bin.*.part")
    assert BIG.startswith(part.read_bytes())


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ({"gated": True}, "only to those who accepted its terms"),
        ({"files": {}}, "is not there"),
        ({"status": 500}, "the server answered 500"),
        ({"status": 418}, "the server answered 418"),
    ],
)
def test_what_the_hub_refuses_is_told_with_what_to_do(server, client, trouble, said):
    for name, value in trouble.items():
        setattr(server, name, value)
    with pytest.raises(FetchFailed, match=said) as failed:
        client.look("a/b", "c.bin", "main")
    assert failed.value.hint


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ("turns in a circle", "Exceeded"),
        ("an etag that is a path", "does not answer as a Hugging Face hub does"),
        ("packed by whom", "decompress"),
        ("without an end", "came damaged"),
    ],
)
def test_what_no_hub_answers_is_refused_and_nothing_is_kept(server, client, tmp_path, odd, said):
    server.odd = odd
    with pytest.raises(FetchFailed, match=said) as failed:
        bring(client, tmp_path / "c.bin")
    assert failed.value.hint
    assert not [path for path in tmp_path.glob("c*") if path.stat().st_size]


def test_a_rest_that_is_not_given_is_no_reason_to_give_up(server, client, tmp_path):
    """Or every command from then on would ask for it in vain."""
    server.cuts, server.odd = [5000], "no rest"
    bring(client, tmp_path / "c.bin")
    assert (tmp_path / "c.bin").read_bytes() == BIG
    assert [wanted for _, wanted in server.fetched()] == [None, "bytes=5000-", None]


def test_a_token_that_is_none_is_told_without_being_shown(server, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_żółty")
    with pytest.raises(FetchFailed) as failed:
        Hub(server.endpoint, QUICK).look("a/b", "c.bin", "main")
    assert "HF_TOKEN" in failed.value.hint
    assert "hf_" not in str(failed.value)


@pytest.mark.parametrize(
    "entry",
    [
        5,
        {"revision": "main"},
        {"files": {}},
        {"revision": "main", "files": {"c.bin": 5}},
        {"revision": "main", "files": {"c.bin": {"sha256": "12"}}},
    ],
)
def test_a_book_that_is_none_is_refused_with_what_to_do(tmp_path, entry):
    (tmp_path / "book.json").write_text(json.dumps({"a/b": entry}))
    with pytest.raises(
        UnreadableCheckpoint, match="no book of hashes: what it says of a/b"
    ) as wrong:
        Book(tmp_path / "book.json")
    assert "remove the repository" in wrong.value.hint


def test_a_hub_that_is_not_there_is_given_up_in_time():
    with pytest.raises(FetchFailed, match="could not be fetched"):
        Hub("http://127.0.0.1:9", QUICK).look("a/b", "c.bin", "main")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_each_licence_wants_its_own_yes():
    sources, said = chosen("1.6", insightface=True), []
    accept(sources, accepted=False, ask=Terminal("y\nyes\nY\ny\n"), say=said.append)
    assert sum("Do you accept it?" in line for line in said) == 4
    with pytest.raises(LicenseNotAccepted, match=INSIGHTFACE.repository):
        accept(sources, accepted=False, ask=Terminal("y\ny\ny\n\n"), say=said.append)


def test_nobody_at_the_terminal_is_no_yes(fetch, published, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("y\ny\ny\n"))
    assert main(["bundle", "fetch", str(tmp_path / "models")]) == 2
    said = capsys.readouterr().err
    assert all(part.license in said for part in MODELS["1.6"])
    assert "license_not_accepted" in said
    assert published.tokens == []


def test_a_model_that_is_not_in_the_table_is_refused(fetch, server, tmp_path, capsys):
    (tmp_path / "sizes.json").write_text("{}")
    assert fetch("models", "--model", "2.0") == 2
    assert "there is 1.6, 1.5" in capsys.readouterr().err
