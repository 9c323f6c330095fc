"""What a bundle says of its files' licences. Notes for people, not legal advice: whoever runs a
model reads the licence at its publisher's."""

LATENTSYNC = (
    "LatentSync's weights (ByteDance): the licence that their model card names, Open RAIL++-M "
    "when this was written; its use restrictions bind whoever serves them"
)
WHISPER = "MIT (OpenAI, Whisper)"
VAE = "MIT (Stability AI, sd-vae-ft-mse)"
MASK = "Apache-2.0 (LatentSync's mask)"
INSIGHTFACE = "InsightFace's model licence: non-commercial research only"

NOTES = {
    "unet": LATENTSYNC,
    "encoder": WHISPER,
    "vae": VAE,
    "mask": MASK,
    "face_detector": INSIGHTFACE,
    "face_landmarks": INSIGHTFACE,
}

RESEARCH_ONLY = (
    "InsightFace publishes these weights for non-commercial research only. To serve customers with "
    "them, get a licence from InsightFace, or make the bundle without --faces."
)
NOTICES = {"face_detector": RESEARCH_ONLY, "face_landmarks": RESEARCH_ONLY}
