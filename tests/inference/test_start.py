"""What a process of the engine pays before it works."""

import subprocess
import sys
from pathlib import Path

from tests.inference import clips
from tests.inference.runs import SIZE

ROOT = Path(__file__).parents[2]
RUN = """
import sys
from pathlib import Path
from inference.model.stand_ins import stand_in
from inference.options import SyncOptions
from inference.pipeline.lipsync import sync

folder = Path(sys.argv[1])
files = (folder / name for name in ("a.mp4", "a.wav", "out.mp4"))
sync(*files, model=stand_in("identity"), options=SyncOptions(), workdir=folder)
print(*sorted({"diffusers", "transformers", "torch._dynamo", "sympy", "django"} & set(sys.modules)))
"""


def test_a_run_without_a_model_imports_neither_diffusers_nor_a_compiler(tmp_path):
    clips.film(tmp_path / "a.mp4", clips.faces(20, *SIZE))
    clips.sound(tmp_path / "a.wav", 0.8)
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    assert done.stdout.split() == []
    assert (tmp_path / "out.mp4").exists()
