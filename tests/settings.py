"""The product's settings over a home of the tests' own, which the processes they start inherit."""

import fcntl
import os
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[1]
_held: list[IO[str]] = []  # as long as this process lives


def free_home() -> str:
    """A home that no other test run uses now. It is kept: a server made before starts faster."""
    above = Path(os.environ.get("VISEME_TESTS", os.environ.get("VISEME_HOME", ROOT / ".viseme")))
    os.environ["VISEME_TESTS"] = str(above)
    for number in range(1, 100):
        home = above / f"test-{number}"
        home.mkdir(parents=True, exist_ok=True)
        lock = (home / "tests.lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        _held.append(lock)
        return str(home)
    raise RuntimeError("A hundred test runs at once?")


# Processes that tests start share the home; xdist's workers, which inherit it too, must not.
worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
if os.environ.get("VISEME_TEST_WORKER") != worker:
    os.environ.update(VISEME_TEST_WORKER=worker, VISEME_TEST_HOME=free_home())
os.environ["VISEME_HOME"] = os.environ["VISEME_TEST_HOME"]
os.environ.setdefault("VISEME_MODE", "embedded")  # with a DATABASE_URL too: its server is used

from portal.settings import *  # noqa: E402, F403

SECRET_KEY = "only-for-tests-and-longer-than-fifty-characters-as-checks-demand"
# Argon2 costs 50 ms on purpose; tests sign in a hundred times.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # noqa: F405 - WhiteNoise warns of each client else
