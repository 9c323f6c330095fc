"""What the environment may say, and how it is refused."""

import json
import os
import re
import socket
import subprocess
import sys

import pytest

from portal.environment import ROOT

PRODUCTION = {
    "DATABASE_URL": "postgresql://viseme_app:secret@db.example:5432/viseme?sslmode=require",
    "SECRET_KEY": "a-key-of-production-that-is-longer-than-fifty-characters-0123456789",
    "ALLOWED_HOSTS": "viseme.example",
    "SITE_URL": "https://viseme.example",
    "AWS_REGION": "eu-central-1",
    "S3_INPUT_BUCKET": "inputs",
    "S3_OUTPUT_BUCKET": "outputs",
    "EMAIL_HOST": "mail.example",
}


def manage(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("INFERENCE_STEPS", "19", "INFERENCE_STEPS is '19'; it must be a whole number from 20"),
        ("INFERENCE_STEPS", "51", "from 20 to 50."),
        ("INFERENCE_STEPS", "many", "INFERENCE_STEPS is 'many'; it must be a whole number"),
        ("GUIDANCE_SCALE", "0.9", "GUIDANCE_SCALE is '0.9'; it must be a number from 1 to 3."),
        ("GUIDANCE_SCALE", "nan", "it must be a number from 1 to 3."),
        ("VISEME_MODE", "demo", "VISEME_MODE is 'demo'; it can be embedded or production."),
    ],
)
def test_a_value_outside_its_range_is_refused_in_one_sentence(name, value, sentence):
    done = manage("check", **{name: value})
    assert done.returncode == 1
    assert sentence in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_command_that_finds_no_database_says_in_one_sentence_what_to_do(tmp_path):
    with socket.socket() as closed:  # bound and not listening: nobody else gets the port
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        state = {"postgres": {"port": port, "app_password": "x", "owner_password": "x"}}
        (tmp_path / "state.json").write_text(json.dumps(state))
        done = manage("tenants", "list", VISEME_HOME=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == (
        f"manage.py: No database answers at 127.0.0.1:{port}: start bin/demo in another terminal, "
        "or name a database with DATABASE_URL.\n"
    )


@pytest.mark.parametrize("name", sorted(set(PRODUCTION) - {"DATABASE_URL"}))
def test_production_does_not_start_without_what_it_needs(name):
    done = manage("check", **{key: value for key, value in PRODUCTION.items() if key != name})
    assert done.returncode == 1
    assert done.stderr == (
        f"manage.py: Viseme does not start in production without {name}: "
        "set what is missing (docs/operations.md has the table).\n"
    )


def test_the_deployment_check_of_production_has_nothing_to_say():
    done = manage("check", "--deploy", "--fail-level", "INFO", **PRODUCTION)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout + done.stderr


def test_production_never_learns_the_owners_password_by_itself():
    ask = "from django.db import connections; print(sorted(connections))"
    done = manage("shell", "--no-imports", "-c", ask, **PRODUCTION)
    assert done.stdout.strip() == "['default']", done.stderr


def test_every_variable_that_is_read_is_in_the_table_and_no_other():
    source = "".join((ROOT / "portal" / f).read_text() for f in ("settings.py", "environment.py"))
    read = set(re.findall(r'(?:env\.\w+|number|bucket_or_folder)\(\s*"([A-Z][A-Z0-9_]+)"', source))
    text = (ROOT / "docs" / "operations.md").read_text()
    table = text.partition("## Settings")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == read
