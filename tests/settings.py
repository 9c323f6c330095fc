"""The product's settings over a home of the tests' own, which its processes inherit."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[1]
os.environ["VISEME_HOME"] = os.environ.get("VISEME_TEST_HOME", str(ROOT / ".viseme" / "test"))
os.environ.setdefault("VISEME_MODE", "embedded")  # also with a DATABASE_URL, whose server is used

from portal.settings import *  # noqa: E402, F403

SECRET_KEY = "only-for-tests-and-longer-than-fifty-characters-as-checks-demand"
# Argon2 costs 50 ms on purpose; tests sign in a hundred times.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
