"""The shape of report.json, for whoever reads one."""

import json
from pathlib import Path
from typing import Any

VERSION = 1  # raised when a figure goes or changes its meaning, not when one is added
PATH = Path(__file__).with_name("schema.json")


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of this version."""
    return dict(json.loads(PATH.read_text("utf-8")))
