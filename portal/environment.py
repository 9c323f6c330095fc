"""How settings.py reads the environment: types, ranges, addresses, and the embedded servers' state.

Two modes. `embedded` (no DATABASE_URL): the servers that bin/demo starts, whose ports and passwords
stand in `.viseme/state.json`. `production` (DATABASE_URL is set): everything is named by the
environment, and what is missing is refused.
"""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from environs import Env, EnvError

ROOT = Path(__file__).parents[1]
MODES = ("embedded", "production")

# A database whose machine vanished is noticed within half a minute; the kernel's own patience is a
# quarter of an hour for what was sent and two hours for what is awaited. And one that lets nobody
# write, as for a while after a fail-over, is as good as away: a connection that was made then could
# not write later on either, and the pool would keep it for an hour.
PATIENCE: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,  # milliseconds
    "target_session_attrs": "read-write",
}

env = Env()


def mode() -> str:
    """VISEME_MODE, or what the presence of DATABASE_URL says."""
    chosen = env.str("VISEME_MODE", "production" if env.str("DATABASE_URL", "") else "embedded")
    if chosen not in MODES:
        raise ImproperlyConfigured(f"VISEME_MODE is {chosen!r}; it can be {' or '.join(MODES)}.")
    return chosen


def home() -> Path:
    return Path(env.str("VISEME_HOME", str(ROOT / ".viseme"))).absolute()


def embedded_state() -> Mapping[str, Any]:
    """What the launcher wrote down; empty before its first start."""
    try:
        return json.loads((home() / "state.json").read_text())
    except FileNotFoundError:
        return {}


def require(names: Iterable[str]) -> None:
    """Raises ImproperlyConfigured, in one sentence, for the variables that are not set."""
    if missing := [name for name in names if not os.environ.get(name)]:
        raise ImproperlyConfigured(
            f"Viseme does not start in production without {', '.join(missing)}: "
            "set what is missing (docs/operations.md has the table)."
        )


def number(name: str, default: float, low: float, high: float, *, whole: bool = False) -> Any:
    """A number of the environment within [low, high]. Raises ImproperlyConfigured outside."""
    kind, wanted = (env.int, "a whole number") if whole else (env.float, "a number")
    try:
        value = kind(name, default)
    except EnvError:
        value = None
    if value is None or not low <= value <= high:
        raise ImproperlyConfigured(
            f"{name} is {os.environ.get(name)!r}; it must be {wanted} from {low:g} to {high:g}."
        )
    return value


def database(address: str, **options: Any) -> dict[str, Any]:
    """Django's settings for `postgresql://user:password@host:port/name?sslmode=require`."""
    parts = urlsplit(address)
    if parts.scheme not in ("postgres", "postgresql"):
        raise ImproperlyConfigured("A database address begins with postgresql://.")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": parts.hostname or "",
        "PORT": parts.port or 5432,
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "OPTIONS": {**PATIENCE, **dict(parse_qsl(parts.query)), **options},
    }
