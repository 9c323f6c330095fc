import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from inference.model.diffusion import denoise, scheduler, shared_noise
from inference.picture.align import Aligner
from inference.picture.paste import restore
from inference.sound.features import frame_windows, log_mel, rows_heard, speech_features
from inference.verify import CHECKS, run, verify
from inference.verify.folder import Folder
from inference.verify.networks import LOOPS
from inference.verify.rows import Verdict, attempt
from tests.inference import small

SHARED = Path(__file__).parents[3] / "shared" / "latentsync"
OFFICIAL = {
    "attention_head_dim": 2,
    "block_out_channels": [32, 32],
    "cross_attention_dim": 16,
    "down_block_types": ["DownBlock3D", "CrossAttnDownBlock3D"],
    "up_block_types": ["CrossAttnUpBlock3D", "UpBlock3D"],
    "in_channels": 13,
    "out_channels": 4,
    "layers_per_block": 1,
    "norm_eps": 1e-5,
    "norm_num_groups": 8,
    "use_motion_module": True,
    "motion_module_resolutions": [1, 2],
    "motion_module_kwargs": {
        "num_attention_heads": 2,
        "temporal_position_encoding_max_len": 24,
    },
}


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """Goldens that this engine made itself, at sizes which no official file has."""
    tmp_path = tmp_path_factory.mktemp("goldens")
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(21, 2, 8)).astype(np.float32)
    np.savez(
        tmp_path / "audio_chunks.npz",
        features=rows,
        chunks=frame_windows(torch.from_numpy(rows)).numpy(),
        indices=rows_heard(torch.arange(12) * 2, 21).numpy(),
    )
    wave = (rng.normal(size=9_000) * 3000).astype(np.int16)
    floats = wave.astype(np.float32) / 32768
    np.savez(tmp_path / "mel.npz", waveform=floats, log_mel=log_mel(floats).numpy())
    encoder = small.encoder()
    save_file(encoder.state_dict(), tmp_path / "audio_long_encoder.safetensors")
    heard = speech_features(floats, encoder).numpy()
    np.savez(
        tmp_path / "audio_long.npz",
        waveform_int16=wave,
        first7=heard[:7],
        middle_8_12=heard[8:12],
        last3=heard[-3:],
        n_features=len(heard),
    )
    (tmp_path / "loop_order.json").write_text(
        json.dumps([{"video_frames": 2, "audio_frames": 5, "order": [0, 1, 1, 0, 0]}])
    )
    (tmp_path / "audio_chunk_counts.json").write_text(json.dumps({"25": {"480": 242}}))
    make_faces(tmp_path, rng)
    make_network(tmp_path)
    (tmp_path / "README.md").write_text("for people")
    return tmp_path


@pytest.fixture
def folder(original, tmp_path):
    """A copy to spoil."""
    return shutil.copytree(original, tmp_path / "copy")


def make_faces(folder, rng):
    frame = rng.integers(0, 255, (90, 120, 3)).astype(np.uint8)
    points = np.array([[[50, 30], [70, 31], [60, 45]], [[51, 30], [72, 33], [61, 46]]], float)
    smooth, plain = Aligner(64), Aligner(64, smooth=False)
    matrices = [smooth.matrix(one) for one in points]
    generated = rng.uniform(-1, 1, (3, 64, 64)).astype(np.float32)
    np.savez(
        folder / "affine_64.npz",
        frame=frame,
        landmarks3=points,
        matrices=matrices,
        matrices_no_smooth=[plain.matrix(one) for one in points],
        box=[0, 0, *smooth.canvas],
        generated=generated,
        aligned_1=smooth.to_canvas(frame, matrices[1]),
        face_1=smooth.warp(frame, matrices[1]),
        restored_1=restore(frame, generated, matrices[1]),
    )


def make_network(folder):
    tiny = folder / "unet_tiny"
    tiny.mkdir()
    (tiny / "config.json").write_text(json.dumps(OFFICIAL))
    network = small.unet()
    save_file(network.state_dict(), tiny / "weights.safetensors")
    sample, audio = torch.randn(2, 13, 3, 8, 8), torch.randn(6, 50, 16)
    part, part_audio = sample[:, :, :2].contiguous(), audio[:4].clone()
    save_file(
        {
            "sample": sample,
            "audio": audio,
            "out_t300": network(sample, 300, audio).contiguous(),
            "sample_partial": part,
            "audio_partial": part_audio,
            "out_partial_t30": network(part, 30, part_audio).contiguous(),
        },
        tiny / "golden.safetensors",
    )
    shown, noise = torch.randn(1, 9, 3, 8, 8), shared_noise(1, 8)
    trace = []
    latents = denoise(
        network,
        noise,
        shown,
        audio[:3],
        steps=2,
        guidance=2.0,
        on_step=lambda _, step: trace.append(step[:, :, 0].contiguous()),
    )
    save_file(
        {
            "noise": noise,
            "mask_masked_ref": shown,
            "audio": audio[:3].clone(),
            "latents_steps2_guidance2.0": latents.contiguous(),
            "timesteps_steps2_guidance2.0": scheduler(2).timesteps,
            "trace_steps2_guidance2.0_1": trace[1],
        },
        tiny / "ddim.safetensors",
    )


def verdicts(folder):
    return {row.name: row.verdict for row in verify(folder)}


def move(path, name, by):
    """Move one value of one array."""
    with np.load(path) as held:
        arrays = dict(held)
    arrays[name].flat[1] += by
    np.savez(path, **arrays)


def test_a_folder_of_other_sizes_passes_and_what_it_lacks_is_absent(folder, capsys):
    assert run(folder) == 0
    found = verdicts(folder)
    assert {name for name, verdict in found.items() if verdict is Verdict.ABSENT} == {
        "unet_state_dict.json",
        "whisper_tiny_encoder_state_dict.json",
        "masks.npz",
        "affine_256.npz",
        "affine_512.npz",
    }
    assert set(found.values()) == {Verdict.OK, Verdict.ABSENT}
    for row in ("restored_1", "out_t300", "out_partial_t30", "trace_steps2_guidance2.0_1", "last3"):
        assert any(name.endswith(row) for name in found), row
    assert "affine_64.npz box" in capsys.readouterr().out


def test_what_is_absent_fails_when_asked_to_be_strict(folder):
    assert run(folder, strict=True) == 1


def test_a_file_and_an_array_that_nobody_knows_are_rows(folder):
    (folder / "unet_tiny" / "later.bin").write_bytes(b"?")
    with np.load(folder / "mel.npz") as held:
        np.savez(folder / "mel.npz", **held, louder=1)
    found = verdicts(folder)
    assert found["unet_tiny/later.bin"] is Verdict.UNKNOWN
    assert found["mel.npz louder"] is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("file", "name", "by"),
    [
        ("audio_chunks.npz", "chunks", 1e-3),
        ("audio_chunks.npz", "indices", 1),
        ("mel.npz", "log_mel", 2e-3),
        ("audio_long.npz", "first7", 1e-3),
        ("affine_64.npz", "matrices", 1e-2),
        ("affine_64.npz", "box", 1),
        ("affine_64.npz", "aligned_1", 20),
        ("affine_64.npz", "restored_1", 20),
    ],
)
def test_one_moved_value_fails_its_own_row_and_no_other(folder, file, name, by):
    move(folder / file, name, by)
    failed = [row for row, verdict in verdicts(folder).items() if verdict is Verdict.FAIL]
    assert failed == [f"{file} {name}"]
    assert run(folder) == 1


def test_a_damaged_file_fails_instead_of_stopping_the_rest(folder):
    (folder / "mel.npz").write_bytes(b"PK nonsense")
    found = verdicts(folder)
    assert found["mel.npz"] is Verdict.FAIL
    assert found["audio_chunks.npz chunks"] is Verdict.OK


def test_a_golden_whose_input_is_missing_is_not_passed_over(folder):
    (folder / "audio_long_encoder.safetensors").unlink()
    found = verdicts(folder)
    assert found["audio_long_encoder.safetensors"] is Verdict.ABSENT
    assert found["audio_long.npz"] is Verdict.ABSENT


def test_not_a_number_fails(folder):
    move(folder / "mel.npz", "log_mel", np.nan)
    assert verdicts(folder)["mel.npz log_mel"] is Verdict.FAIL


def test_an_empty_folder_proves_nothing(tmp_path):
    assert run(tmp_path) == 1


def official():
    """The denoising loops take minutes on two cores."""
    golden = [check.files[-1] for check in CHECKS]
    marks = [pytest.mark.long if file == LOOPS else () for file in golden]
    return [
        pytest.param(check, id=file, marks=mark)
        for check, file, mark in zip(CHECKS, golden, marks, strict=True)
    ]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("check", official())
def test_the_engine_computes_what_latentsync_computes(check):
    if not SHARED.is_dir():
        pytest.skip("the golden data of LatentSync is not beside this checkout")
    rows = list(attempt(check.files[-1], lambda: check.rows(Folder(SHARED))))
    assert rows
    assert [row for row in rows if row.verdict is not Verdict.OK] == []
