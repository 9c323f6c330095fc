"""The one table of what `bundle fetch` brings: repository, revision, files, licence, use.

The names are the publishers' own as their documentation and users' threads give them; the hub
itself could not be reached where this was written. A revision is the branch that is followed at
first use: from then on the book of hashes holds the commit and every file's SHA-256.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from inference.bundle import licenses


@dataclass(frozen=True)
class Source:
    """Files of one publisher under one licence. role: of the recipe. files: each with the role it
    has in the manifest, "" for none. terms: where to read the licence."""

    role: str
    repository: str
    revision: str
    files: Mapping[str, str]
    license: str
    commercial: str
    terms: str


def _latentsync(version: str) -> tuple[Source, ...]:
    repository = f"ByteDance/LatentSync-{version}"
    return (
        Source(
            role="unet",
            repository=repository,
            revision="main",
            files={"latentsync_unet.pt": "unet"},
            license=licenses.LATENTSYNC,
            commercial="allowed within the licence's use restrictions; read them",
            terms=f"https://huggingface.co/{repository}",
        ),
        Source(
            role="whisper",
            repository=repository,
            revision="main",
            files={"whisper/tiny.pt": "encoder"},
            license=licenses.WHISPER,
            commercial="allowed",
            terms="https://github.com/openai/whisper/blob/main/LICENSE",
        ),
        Source(
            role="vae",
            repository="stabilityai/sd-vae-ft-mse",
            revision="main",
            files={"config.json": "", "diffusion_pytorch_model.safetensors": "vae"},
            license=licenses.VAE,
            commercial="allowed",
            terms="https://huggingface.co/stabilityai/sd-vae-ft-mse",
        ),
    )


MODELS = {"1.6": _latentsync("1.6"), "1.5": _latentsync("1.5")}  # the default first

INSIGHTFACE = Source(
    role="faces",
    repository="public-data/insightface",
    revision="main",
    files={
        "models/buffalo_l/det_10g.onnx": "face_detector",
        "models/buffalo_l/2d106det.onnx": "face_landmarks",
    },
    license=licenses.INSIGHTFACE,
    commercial="NOT allowed without a licence from InsightFace",
    terms="https://github.com/deepinsight/insightface#license",
)


def chosen(model: str, *, insightface: bool) -> tuple[Source, ...]:
    return MODELS[model] + ((INSIGHTFACE,) if insightface else ())
