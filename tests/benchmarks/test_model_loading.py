"""The benchmark of the official files, at toy size and in one process."""

import torch

from benchmarks import model_loading
from benchmarks.networks import TINY


def test_files_of_the_official_layout_are_made_into_a_bundle_and_loaded(tmp_path):
    model_loading.make_files(tmp_path, TINY)
    made = model_loading.run_make(tmp_path)
    half = model_loading.run_bundle(torch.float16)(tmp_path)
    full = model_loading.run_bundle(torch.float32)(tmp_path)
    assert full["weights"] == 2 * half["weights"]
    assert half["weights"] < made["weights"]  # headers
    # The UNet is nearly all of it, in the official files' single precision.
    assert half["weights"] < model_loading.run_file(tmp_path)["weights"] < full["weights"]
