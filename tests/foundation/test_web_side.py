"""The web's side runs in an image that has no torch."""

import subprocess
import sys

from portal.environment import ROOT

WITHOUT_TORCH = """
import sys

class Absent:
    names = {"torch", "diffusers", "transformers", "safetensors", "cv2", "ai_edge_litert"}

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"{name} is not part of the web's image", name=name)

sys.meta_path.insert(0, Absent())
from portal.wsgi import application
from django.urls import get_resolver
assert get_resolver().url_patterns
"""


def test_the_portal_and_the_api_import_where_torch_is_missing():
    run_without_torch(WITHOUT_TORCH)


def test_task_worker_and_dispatcher_import_where_torch_is_missing():
    run_without_torch(WITHOUT_TORCH + "import portal.worker, messaging.dispatcher, jobs.admission")


def run_without_torch(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
