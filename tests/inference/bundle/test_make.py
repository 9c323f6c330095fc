import json
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open

from inference.bundle.identity import identify
from inference.bundle.making import make
from inference.bundle.whole import whole_or_nothing
from inference.errors import BadOption, EngineFault, UnfitNumbers
from inference.model.checkpoint import load_bundle
from inference.model.manifest import notices
from tests.inference import small
from tests.inference.bundle import downloads


@pytest.fixture
def recipe(tmp_path):
    return downloads.make(tmp_path)


def left(folder):
    """What a command left beside the files that it was given."""
    given = {"LatentSync-1.6", "sd-vae-ft-mse", "buffalo_l", "mask.png"}
    return sorted(path.name for path in folder.iterdir() if path.name not in given)


def test_downloads_become_a_bundle_that_loads(recipe, tmp_path):
    manifest = make(recipe, tmp_path / "out")
    model = load_bundle(tmp_path / "out", torch.device("cpu"))
    assert json.loads((tmp_path / "out" / "manifest.json").read_text()) == manifest
    assert (model.resolution, model.finder, model.label) == (64, "insightface", "LatentSync 1.6")
    assert model.mask[0, 0] == 1
    assert model.mask[-1, -1] == 0
    assert model.files["face_detector"].name == "det_10g.onnx"
    expected = small.unet().half().float().state_dict()
    assert all(
        torch.equal(model.unet.state_dict()[name], value) for name, value in expected.items()
    )
    assert model.vae.config["scaling_factor"] == 0.18215
    assert left(tmp_path) == ["out"]


def test_every_network_is_kept_in_half_precision_and_the_library_reads_it(recipe, tmp_path):
    make(recipe, tmp_path / "out")
    for name, network in (
        ("unet", small.unet()),
        ("encoder", small.encoder()),
        ("vae", small.vae()),
    ):
        with safe_open(tmp_path / "out" / f"{name}.safetensors", framework="pt") as file:
            assert set(file.keys()) == set(network.state_dict())
            assert {file.get_tensor(key).dtype for key in network.state_dict()} == {torch.float16}


def test_the_manifest_says_licence_hash_and_size_of_each_file(recipe, tmp_path):
    manifest = make(replace(recipe, licenses={"unet": "our own"}), tmp_path / "out")
    roles = {"unet", "encoder", "vae", "mask", "face_detector", "face_landmarks"}
    assert manifest["files"].keys() == roles
    assert manifest["files"]["unet"]["license"] == "our own"
    for entry in manifest["files"].values():
        assert entry["size_bytes"] == (tmp_path / "out" / entry["path"]).stat().st_size
        assert entry["license"]


def test_faces_for_research_only_are_told_of_and_the_built_in_finder_is_not(recipe, tmp_path):
    (told,) = notices(make(recipe, tmp_path / "research"))
    assert "faces/det_10g.onnx, faces/2d106det.onnx" in told
    assert "research only" in told
    plain = make(replace(recipe, faces=None), tmp_path / "plain")
    assert (plain["finder"], notices(plain)) == ("builtin", [])


def test_a_failure_in_the_middle_leaves_nothing(recipe, tmp_path, monkeypatch):
    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("inference.bundle.making._copy", fail)
    with pytest.raises(KeyboardInterrupt):
        make(recipe, tmp_path / "out")
    assert left(tmp_path) == []


def test_what_a_killed_command_left_is_cleared(recipe, tmp_path):
    work = tmp_path / ".out.making"
    (work / "faces").mkdir(parents=True)
    (work / "unet.safetensors").write_bytes(b"half of it")
    make(recipe, tmp_path / "out")
    assert left(tmp_path) == ["out"]


def test_a_place_that_is_taken_is_refused(recipe, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(BadOption, match="is there already"):
        make(recipe, tmp_path / "out")
    with pytest.raises(BadOption, match="nowhere is missing"):
        make(recipe, tmp_path / "nowhere" / "out")


def test_two_commands_do_not_make_the_same_bundle_at_once(tmp_path):
    with whole_or_nothing(tmp_path / "out") as folder:
        (folder / "file").touch()
        with (
            pytest.raises(BadOption, match="another command"),
            whole_or_nothing(tmp_path / "out"),
        ):
            raise AssertionError("both think that they are alone")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["file"]


def test_numbers_that_half_precision_cannot_hold_are_refused(recipe, tmp_path):
    weights = small.unet().state_dict()
    weights["conv_in.bias"][3] = 70_000.0
    weights["conv_out.bias"][0] = float("nan")
    torch.save({"state_dict": weights}, recipe.unet)
    with pytest.raises(UnfitNumbers, match=r"latentsync_unet\.pt.*2 in all.*conv_in\.bias"):
        make(recipe, tmp_path / "out")
    assert left(tmp_path) == []


def test_a_disk_that_is_too_full_is_told_of_beforehand(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(EngineFault, match="may need"):
        make(recipe, tmp_path / "out")
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("path", "told", "expected"),
    [
        ("x/latentsync_unet.pt", {}, ("1.6", 512, "assumed")),
        ("x/latentsync_unet.pt", {"resolution": 256}, ("1.5", 256, "told")),
        ("x/latentsync_unet.pt", {"version": "1.5"}, ("1.5", 256, "told")),
        ("/models/LatentSync-1.5/latentsync_unet.pt", {}, ("1.5", 256, "found")),
        ("/models/1.6/checkpoints/latentsync_unet.pt", {}, ("1.6", 512, "found")),
        ("/data-11.6/latentsync_unet.pt", {}, ("1.6", 512, "assumed")),
        ("/LatentSync-1.5/unet.pt", {"resolution": 512}, ("1.6", 512, "told")),
        ("x/unet.pt", {"resolution": 128, "version": "ours"}, ("ours", 128, "told")),
        ("x/unet.pt", {"resolution": 128}, ("unnamed", 128, "told")),
    ],
)
def test_the_resolution_is_told_or_found_or_said_to_be_assumed(tmp_path, path, told, expected):
    found = identify(tmp_path / path, **told)
    assert (found.version, found.resolution) == expected[:2]
    assert found.how.startswith(expected[2])


@pytest.mark.parametrize("resolution", [0, -64, 300, 64 << 20])
def test_a_resolution_that_the_network_cannot_halve_or_no_card_can_hold_is_refused(resolution):
    with pytest.raises(BadOption, match="multiple of 64 from 64 to 4096"):
        identify(downloads.Path("unet.pt"), resolution=resolution)
