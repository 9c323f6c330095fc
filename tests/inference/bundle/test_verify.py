import json
import os

import pytest
import torch

from inference.__main__ import main
from inference.bundle.making import make
from inference.errors import BadCheckpoint
from inference.model.checkpoint import DEMO_BUNDLE, load_bundle
from tests.inference.bundle import downloads


@pytest.fixture
def bundle(tmp_path):
    make(downloads.make(tmp_path), tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.fixture
def verify(bundle, capsys):
    """Exit status and the lines on standard output."""

    def verify(folder=bundle):
        status = main(["bundle", "verify", str(folder)])
        return status, capsys.readouterr()

    return verify


def test_a_whole_bundle_has_a_line_a_file_and_says_which_model_it_is(verify):
    status, said = verify()
    lines = said.out.splitlines()
    files = ["unet.safetensors", "encoder.safetensors", "vae.safetensors", "mask.png"]
    files += ["faces/det_10g.onnx", "faces/2d106det.onnx"]
    assert status == 0
    assert [line.split()[:2] for line in lines[:6]] == [["ok", name] for name in files]
    assert lines[-1] == "LatentSync 1.6, version 1.6, 64 px (told), finder insightface: whole"
    assert "NOTICE: faces/det_10g.onnx" in said.err


def test_the_bundle_that_ships_is_whole(verify):
    assert verify(DEMO_BUNDLE)[0] == 0


def test_a_changed_file_is_bad_and_one_too_many_is_told_of(bundle, verify):
    content = bytearray((bundle / "vae.safetensors").read_bytes())
    content[-1] ^= 1
    (bundle / "vae.safetensors").write_bytes(content)
    (bundle / "old.pt").touch()
    status, said = verify()
    marked = [line.split()[:2] for line in said.out.splitlines() if line[:2] != "ok"]
    assert status == 1
    assert marked[:2] == [["BAD", "vae.safetensors"], ["--", "old.pt"]]
    assert said.out.splitlines()[-1].endswith("NOT usable")


def test_a_network_of_other_sizes_than_the_manifest_s_is_found(bundle, verify):
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["unet"]["layers_per_block"] = 2
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    status, said = verify()
    assert status == 1
    assert "BAD manifest.json" in said.out
    assert "unet.safetensors lacks weights" in said.out


def test_a_bundle_without_a_manifest_is_refused(verify, tmp_path):
    (tmp_path / "empty").mkdir()
    status, said = verify(tmp_path / "empty")
    assert status == 1
    assert said.err.startswith("bad_checkpoint: ")


@pytest.mark.parametrize(
    ("part", "name", "wrong"),
    [
        (("files", "unet"), "path", 5),
        (("files", "unet"), "path", "a\0b"),
        (("files", "unet"), "size_bytes", "12"),
        (("files", "unet"), "sha256", None),
        ((), "resolution", 0),
        ((), "resolution", 100),
        ((), "resolution", 1 << 40),
        (("encoder",), "width", "wide"),
        (("encoder",), "width", -5),
        (("vae",), "norm_num_groups", 0),
    ],
)
def test_what_no_manifest_can_mean_is_refused(bundle, verify, part, name, wrong):
    manifest = json.loads((bundle / "manifest.json").read_text())
    within = manifest
    for key in part:
        within = within[key]
    within[name] = wrong
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    status, said = verify()
    assert status == 1
    assert "BAD " in said.out or said.err.startswith("bad_checkpoint: ")
    assert "Traceback" not in said.err
    with pytest.raises(BadCheckpoint):
        load_bundle(bundle, torch.device("cpu"))


@pytest.mark.parametrize("place", ["a folder", "a pipe", "a link to itself", "a link to nowhere"])
def test_what_is_no_file_is_not_there(bundle, verify, place):
    file = bundle / "vae.safetensors"
    file.unlink()
    if place == "a folder":
        file.mkdir()
    elif place == "a pipe":
        os.mkfifo(file)
    else:
        file.symlink_to(file.name if place == "a link to itself" else "nowhere")
    status, said = verify()
    assert status == 1
    assert "BAD vae.safetensors  The file" in said.out
    assert "is not there" in said.out


@pytest.mark.parametrize("content", ["[" * 100_000, '{"name": "ti', "5", "\xff"])
def test_a_manifest_that_is_no_json_object_is_refused(bundle, verify, content):
    (bundle / "manifest.json").write_text(content, "latin-1")
    status, said = verify()
    assert (status, said.out) == (1, "")
    assert said.err.startswith("bad_checkpoint: ")
