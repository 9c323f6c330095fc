"""The Dockerfile, as far as it can be judged without a container engine."""

import re
from pathlib import Path

import pytest

from portal.environment import ROOT

TEXT = (ROOT / "Dockerfile").read_text()


def stage(name: str) -> str:
    """From its FROM line to the next stage's."""
    found = re.search(rf"^FROM \S+ AS {name}\n.*?(?=^FROM |\Z)", TEXT, flags=re.M | re.S)
    assert found
    return found[0]


def copied(*stages: str) -> set[str]:
    """What these stages copy out of the checkout."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", "".join(map(stage, stages)), flags=re.M)
    return {source for line in lines for source in line.split()[:-1]}


@pytest.mark.parametrize("target", ["web", "worker"])
def test_a_target_ends_as_an_account_that_is_not_root(target):
    accounts = re.findall(r"^USER (\d+)$", stage(target), flags=re.M)
    assert accounts and int(accounts[-1]) > 0


@pytest.mark.parametrize("target", ["web", "worker"])
def test_a_target_holds_every_app_of_ours(target):
    assert "COPY --from=platform /app ./" in stage(target)
    apps = {"messaging/", "tenants/", "billing/", "jobs/", "portal/"}
    assert apps <= copied("platform")


def test_everything_that_is_copied_is_there():
    sources = copied("base", "platform", "web", "worker")
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_the_web_image_installs_no_torch():
    assert "worker.txt" not in stage("web") and "dev.txt" not in stage("web")


def test_the_web_image_holds_all_of_the_engine_that_it_imports():
    held = copied("web")
    files = [file for app in ("jobs", "portal") for file in (ROOT / app).rglob("*.py")]
    files += [file for source in held for file in [ROOT / source, *(ROOT / source).rglob("*.py")]]
    names = set()
    for file in filter(Path.is_file, files):
        names |= set(re.findall(r"\bfrom (inference[\w.]*) import", file.read_text()))
    assert sorted(name for name in names if not is_held(name, held)) == []
    assert "inference.media" in names


def is_held(module: str, sources: set[str]) -> bool:
    path = module.replace(".", "/")
    folders = [source for source in sources if source.endswith("/")]
    return not sources.isdisjoint({f"{path}.py", f"{path}/__init__.py"}) or any(
        f"{path}/".startswith(folder) for folder in folders
    )


def test_what_lies_around_is_not_sent_to_the_builder():
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".viseme", ".git"} <= set(ignored)
