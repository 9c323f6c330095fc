import json

import pytest
import torch
from safetensors.torch import save_file

from inference.errors import (
    BadCheckpoint,
    BadManifest,
    MisshapenWeights,
    MissingCheckpoint,
    MissingWeights,
    UnknownWeights,
    UnreadableCheckpoint,
    WrongChecksum,
    WrongEncoder,
)
from inference.faces.finders import FINDERS
from inference.files import sha256_of
from inference.model.checkpoint import load_bundle
from inference.model.manifest import FINDER_ROLES
from inference.model.network_files import load_encoder, load_unet, load_vae
from inference.model.unet.config import UNetConfig
from inference.model.unet.network import VideoUNet
from tests.inference import small


@pytest.fixture
def bundle(tmp_path):
    files = {"unet": small.unet(), "encoder": small.encoder(), "vae": small.vae()}
    for role, network in files.items():
        save_file(network.half().state_dict(), tmp_path / f"{role}.safetensors")
    manifest = {
        "name": "tiny",
        "label": "test model",
        "version": "1",
        "demo": True,
        "resolution": 64,
        "finder": "builtin",
        "files": {role: entry(tmp_path / f"{role}.safetensors") for role in files},
        "unet": small.UNET.to_mapping(),
        "encoder": small.ENCODER.to_mapping(),
        "vae": small.VAE,
    }
    return write(tmp_path, manifest)


def entry(path):
    return {
        "path": path.name,
        "sha256": sha256_of(path),
        "size_bytes": path.stat().st_size,
        "license": "Apache-2.0",
    }


def write(folder, manifest):
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def change(folder, **values):
    return write(folder, json.loads((folder / "manifest.json").read_text()) | values)


def load(folder):
    return load_bundle(folder, torch.device("cpu"))


def test_a_bundle_loads_whole_in_fp32_on_a_cpu(bundle):
    model = load(bundle)
    assert model.to_mapping() == {
        "name": "tiny",
        "label": "test model",
        "version": "1",
        "demo": True,
    }
    assert model.mask.shape == (64, 64)
    expected = small.unet().half().float().state_dict()
    found = model.unet.state_dict()
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert not any(weight.requires_grad for weight in model.unet.parameters())


def test_a_file_changed_by_one_byte_is_refused_by_name(bundle):
    path = bundle / "vae.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(WrongChecksum, match=r"vae\.safetensors"):
        load(bundle)


def test_a_file_cut_short_is_refused_with_both_sizes(bundle):
    path = bundle / "unet.safetensors"
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(WrongChecksum, match=f"{size - 10} bytes.*{size}"):
        load(bundle)


def test_a_file_that_is_not_there_is_named(bundle):
    (bundle / "encoder.safetensors").unlink()
    with pytest.raises(MissingCheckpoint, match=r"encoder\.safetensors"):
        load(bundle)


def test_a_manifest_may_not_reach_outside_its_folder(bundle, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "unet.safetensors"
    outside.write_bytes((bundle / "unet.safetensors").read_bytes())
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["files"]["unet"]["path"] = f"../{outside.parent.name}/{outside.name}"
    with pytest.raises(BadManifest, match="outside"):
        load(write(bundle, manifest))


@pytest.mark.parametrize(
    "wrong", [{"label": None}, {"resolution": "64"}, {"files": {}}, {"unet": {"width": 3}}]
)
def test_a_manifest_that_lacks_something_is_refused(bundle, wrong):
    with pytest.raises(BadManifest):
        load(change(bundle, **wrong))


def test_a_finder_that_is_not_known_or_lacks_its_files_is_refused(bundle):
    with pytest.raises(BadManifest, match="'cascade'; there is builtin, insightface"):
        load(change(bundle, finder="cascade"))
    with pytest.raises(BadManifest, match="'face_detector'"):
        load(change(bundle, finder="insightface"))


def test_manifests_and_finders_have_the_same_names():
    assert FINDER_ROLES.keys() == FINDERS.keys()


def test_a_bundle_says_what_must_be_said_whenever_it_is_served(bundle):
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["files"]["vae"]["notice"] = "Not on Sundays."
    told = load(write(bundle, manifest)).describe()
    assert told["notices"] == ["vae.safetensors: Not on Sundays."]
    facts = {"name": "tiny", "version": "1", "resolution": 64, "finder": "builtin"}
    assert told.items() >= (facts | {"device": "cpu", "precision": "float32"}).items()


def test_an_encoder_that_the_unet_does_not_listen_to_is_refused(bundle):
    manifest = json.loads((bundle / "manifest.json").read_text())
    other = UNetConfig.from_mapping(manifest["unet"] | {"audio_width": 24})
    with torch.random.fork_rng():
        save_file(VideoUNet(other).state_dict(), bundle / "unet.safetensors")
    manifest["files"]["unet"] = entry(bundle / "unet.safetensors")
    manifest["unet"] = other.to_mapping()
    with pytest.raises(WrongEncoder, match="width 16; the UNet listens to one of 24"):
        load(write(bundle, manifest))


def test_the_official_way_of_wrapping_a_unet_is_understood(tmp_path):
    network = small.unet()
    path = tmp_path / "latentsync_unet.pt"
    torch.save({"state_dict": network.state_dict(), "global_step": 9}, path)
    loaded = load_unet(path, small.UNET)
    assert torch.equal(loaded.conv_out.bias, network.conv_out.bias)


def test_whisper_s_file_says_its_own_sizes_and_its_decoder_is_left_alone(tmp_path):
    network = small.encoder()
    weights = {f"encoder.{name}": value for name, value in network.state_dict().items()}
    dims = {"n_mels": 80, "n_audio_ctx": 1500, "n_audio_state": 16, "n_audio_head": 2}
    held = {"dims": dims | {"n_audio_layer": 1}, "model_state_dict": weights}
    held["model_state_dict"]["decoder.ln.weight"] = torch.zeros(3)
    torch.save(held, tmp_path / "tiny.pt")
    assert load_encoder(tmp_path / "tiny.pt").config == small.ENCODER


def test_a_vae_saved_with_diffusers_old_names_loads_with_latentsync_s_scaling(tmp_path):
    new = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    weights = {}
    for name, value in small.vae().state_dict().items():
        for modern, old in new.items():
            name = name.replace(f".{modern}.", f".{old}.")
        weights[name] = value
    assert any(".query." in name for name in weights)
    save_file(weights, tmp_path / "diffusion_pytorch_model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(small.VAE))
    assert load_vae(tmp_path).config["scaling_factor"] == 0.18215


def test_missing_weights_are_counted_and_the_first_five_named(tmp_path):
    save_file({"conv_in.bias": torch.zeros(32)}, tmp_path / "empty.safetensors")
    with pytest.raises(MissingWeights) as caught:
        load_unet(tmp_path / "empty.safetensors", small.UNET)
    assert caught.value.count == len(small.unet().state_dict()) - 1
    assert len(caught.value.first) == 5
    assert "empty.safetensors" in str(caught.value)
    assert str(caught.value.count) in str(caught.value)


def changed(tmp_path, **weights):
    path = tmp_path / "unet.safetensors"
    save_file(small.unet().state_dict() | weights, path)
    return path


def test_a_weight_too_many_is_refused(tmp_path):
    with pytest.raises(UnknownWeights, match=r"unet\.safetensors.*extra\.weight"):
        load_unet(changed(tmp_path, **{"extra.weight": torch.zeros(2)}), small.UNET)


def test_a_weight_of_another_shape_or_kind_is_refused(tmp_path):
    for wrong in (torch.zeros(31), torch.zeros(32, dtype=torch.int32)):
        with pytest.raises(MisshapenWeights, match=r"conv_in\.bias"):
            load_unet(changed(tmp_path, **{"conv_in.bias": wrong}), small.UNET)


def test_a_file_of_text_is_no_checkpoint(tmp_path):
    for name in ("model.pt", "model.safetensors"):
        (tmp_path / name).write_text("hello, I am a model")
        with pytest.raises(UnreadableCheckpoint, match=name):
            load_unet(tmp_path / name)


class Trap:
    """Unpickled without care, it makes a file."""

    def __reduce__(self):
        return open, ("trap-was-sprung", "w")


def test_code_hidden_in_a_checkpoint_is_never_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Trap()}, tmp_path / "evil.pt")
    with pytest.raises(UnreadableCheckpoint):
        load_unet(tmp_path / "evil.pt")
    assert not (tmp_path / "trap-was-sprung").exists()


def test_every_broken_model_file_is_one_kind_of_error():
    kinds = [MissingWeights, UnknownWeights, MisshapenWeights, WrongChecksum, BadManifest]
    assert all(issubclass(kind, BadCheckpoint) and not kind.refusal for kind in kinds)
