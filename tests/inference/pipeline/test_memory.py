import subprocess
import sys
from pathlib import Path

import pytest

from tests.inference import clips

ROOT = Path(__file__).parents[3]

# A short film first, then one six times as long: whatever grows with length raises the peak.
PROGRAM = """
import resource, sys
from pathlib import Path
import torch
from inference.options import SyncOptions
from inference.pipeline.lipsync import sync
from tests.inference import models
torch.set_num_threads(1)
folder, model = Path(sys.argv[1]), models.model()
for voice in ("short", "short", "long"):
    sync(folder / "a.mp4", folder / f"{voice}.wav", folder / "out.mp4", model=model,
         options=SyncOptions(steps=1, guidance=1.0), workdir=folder)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.timeout(900)
def test_memory_does_not_grow_with_length(tmp_path):
    clips.film(tmp_path / "a.mp4", clips.faces(25, 320, 240))
    clips.sound(tmp_path / "short.wav", 1.0)
    clips.sound(tmp_path / "long.wav", 6.0)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=800,
    )
    assert done.returncode == 0, done.stderr
    _, short, long = map(int, done.stdout.split())
    assert long - short <= 30
