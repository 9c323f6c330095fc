"""Each wrong file in an operator's hands: its own error, which names it and says what to do."""

import json
import pickle
import shutil
from dataclasses import replace

import pytest
import torch

from inference.bundle.making import make
from inference.errors import (
    BadCheckpoint,
    CutOffDownload,
    MisshapenWeights,
    MissingCheckpoint,
    MissingVae,
    MissingWeights,
    PointerFile,
    UnknownWeights,
    UnreadableCheckpoint,
    UnsafePickle,
    WebPage,
    WrongDetector,
    WrongEncoder,
    WrongVae,
)
from tests.inference import small
from tests.inference.bundle import downloads

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 5072000000\n"


@pytest.fixture
def recipe(tmp_path):
    return downloads.make(tmp_path)


@pytest.fixture
def refused(recipe, tmp_path):
    """What making the bundle is refused with; nothing of it may be left."""

    def refused(error, **changes):
        with pytest.raises(error) as caught:
            make(replace(recipe, **changes), tmp_path / "out")
        assert not list(tmp_path.glob("*out*"))
        assert type(caught.value) is error
        assert caught.value.hint
        return str(caught.value)

    return refused


def save(weights, path):
    torch.save({"state_dict": weights}, path)


def test_missing_keys_are_counted_and_the_first_five_named(recipe, refused):
    weights = small.unet().state_dict()
    kept = {name: weights[name] for name in sorted(weights)[7:]}
    save(kept, recipe.unet)
    said = refused(MissingWeights)
    assert f"{recipe.unet} lacks weights, 7 in all" in said
    assert all(name in said for name in sorted(weights)[:5])
    assert sorted(weights)[5] not in said


def test_unexpected_keys_are_counted_and_named(recipe, refused):
    extra = {f"extra.{i}": torch.zeros(1) for i in range(9)}
    save(small.unet().state_dict() | extra, recipe.unet)
    said = refused(UnknownWeights)
    assert "9 in all: extra.0, extra.1, extra.2, extra.3, extra.4, ..." in said


def test_misshaped_keys_are_told_with_both_shapes(recipe, refused):
    save(small.unet().state_dict() | {"conv_in.bias": torch.zeros(31)}, recipe.unet)
    assert "1 in all: conv_in.bias (31,) instead of (32,)" in refused(MisshapenWeights)


def test_a_whisper_of_another_width_is_named_by_both(recipe, refused):
    torch.save(downloads.whisper(512), recipe.whisper)
    said = refused(WrongEncoder)
    assert f"{recipe.whisper} is a Whisper of width 512 (base)" in said
    assert "one of 16" in said


def test_a_vae_that_is_not_there_is_missed_by_name(recipe, refused):
    (recipe.vae / "diffusion_pytorch_model.safetensors").unlink()
    assert f"{recipe.vae} has no diffusion_pytorch_model.safetensors" in refused(MissingVae)


def test_a_vae_without_its_config_is_refused(recipe, refused):
    (recipe.vae / "config.json").unlink()
    assert "no config.json" in refused(MissingVae)


@pytest.mark.parametrize("wrong", [{"latent_channels": 16}, {"block_out_channels": [8, 8]}])
def test_a_vae_with_other_latents_is_refused(recipe, refused, wrong):
    (recipe.vae / "config.json").write_text(json.dumps(small.VAE | wrong))
    assert "config.json" in refused(WrongVae)


def test_a_file_that_is_not_there_is_named(recipe, refused, tmp_path):
    assert "nothing.pt is not there" in refused(MissingCheckpoint, unet=tmp_path / "nothing.pt")


@pytest.mark.parametrize("role", ["unet", "whisper", "mask"])
def test_a_folder_in_a_file_s_place_is_called_so(refused, tmp_path, role):
    (tmp_path / "folder").mkdir()
    assert "folder is a folder, not a file" in refused(
        MissingCheckpoint, **{role: tmp_path / "folder"}
    )


@pytest.mark.parametrize("role", ["unet", "whisper", "mask"])
def test_a_pointer_of_git_lfs_is_told_from_the_file(recipe, refused, role):
    getattr(recipe, role).write_text(POINTER)
    said = refused(PointerFile)
    assert str(getattr(recipe, role)) in said
    assert "5,072.0 MB" in said


def test_pointers_in_folders_are_found_too(recipe, refused):
    face = recipe.faces / "2d106det.onnx"
    face.write_text(POINTER)
    assert str(face) in refused(PointerFile)
    config = recipe.vae / "config.json"
    config.write_text(POINTER)
    assert str(config) in refused(PointerFile)


def test_a_web_page_in_a_file_s_place_is_called_so(recipe, refused):
    recipe.unet.write_text("<!DOCTYPE html><html><title>Sign in</title></html>")
    assert "is a web page" in refused(WebPage)


@pytest.mark.parametrize("kept", [0, 1000, -1])
def test_a_download_that_was_cut_off_is_called_so(recipe, refused, kept):
    for path in (
        recipe.unet,
        recipe.vae / "diffusion_pytorch_model.safetensors",
        recipe.faces / "det_10g.onnx",
    ):
        whole = path.read_bytes()
        path.write_bytes(whole[:kept] if kept < len(whole) else whole[:8])
        assert str(path) in refused(CutOffDownload)
        path.write_bytes(whole)


def test_a_download_of_the_old_format_that_was_cut_off_is_called_so(recipe, refused):
    torch.save(
        {"state_dict": small.unet().state_dict()},
        recipe.unet,
        _use_new_zipfile_serialization=False,
    )
    recipe.unet.write_bytes(recipe.unet.read_bytes()[:-100])
    refused(CutOffDownload)


class Trap:
    """Unpickled without care, it makes a file."""

    def __reduce__(self):
        return open, ("trap-was-sprung", "w")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")  # torch tells before it refuses
def test_a_pickle_that_wants_code_is_refused_with_the_code_s_name(recipe, refused, tmp_path):
    torch.save({"state_dict": Trap()}, recipe.unet)
    assert "asks to run code (io.open)" in refused(UnsafePickle)
    recipe.unet.write_bytes(pickle.dumps({"state_dict": Trap()}))
    assert "asks for more than weights" in refused(UnsafePickle)
    assert not (tmp_path / "trap-was-sprung").exists()


def test_what_is_nothing_of_all_that_is_still_named(recipe, refused):
    recipe.unet.write_text("hello, I am a model")
    assert str(recipe.unet) in refused(UnreadableCheckpoint)


def test_a_face_model_that_is_no_onnx_is_named(recipe, refused):
    face = recipe.faces / "2d106det.onnx"
    face.write_text("hello, I am a model")
    assert str(face) in refused(UnreadableCheckpoint)


def test_face_models_in_each_other_s_place_are_refused(recipe, refused):
    det, landmarks = recipe.faces / "det_10g.onnx", recipe.faces / "2d106det.onnx"
    shutil.copy(landmarks, det)
    assert str(det) in refused(WrongDetector)


def test_a_pack_of_faces_that_lacks_a_model_is_refused(recipe, refused, tmp_path):
    (recipe.faces / "2d106det.onnx").unlink()
    assert "has no 2d106det.onnx" in refused(MissingCheckpoint)
    shutil.rmtree(recipe.faces)
    assert "is not there" in refused(MissingCheckpoint)


def test_a_mask_that_is_no_picture_is_refused(recipe, refused):
    recipe.mask.write_bytes(b"hello")
    assert "mask.png" in refused(BadCheckpoint)
