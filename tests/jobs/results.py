from typing import Any

# As the engine tells it: 251 frames at 25 a second.
RESULT: dict[str, Any] = {
    "frames": 251,
    "synced_frames": 251,
    "passed_through": [],
    "frame_rate": "25/1",
    "duration_numerator": 251,
    "duration_denominator": 25,
    "width": 1920,
    "height": 1080,
    "size_bytes": 1_234_567,
    "sha256": "0" * 64,
    "model": {"name": "demo", "label": "demo model", "version": "1", "demo": True},
    "device": "cpu",
    "steps": 20,
    "guidance": 1.5,
    "seed": 1247,
    "processing_seconds": 41.5,
}
KEY = "tenant/job/attempt.mp4"
