"""The Dockerfile, as far as it can be judged without a container engine."""

import re

from portal.environment import ROOT

TEXT = (ROOT / "Dockerfile").read_text()


def test_every_target_ends_as_an_account_that_is_not_root():
    for target in re.split(r"^FROM ", TEXT, flags=re.M)[2:]:
        accounts = re.findall(r"^USER (\d+)$", target, flags=re.M)
        assert accounts and int(accounts[-1]) > 0


def test_everything_that_is_copied_is_there():
    for line in re.findall(r"^COPY (.+)$", TEXT, flags=re.M):
        *sources, _ = line.split()
        for source in sources:
            assert (ROOT / source).exists(), source


def test_the_web_image_installs_no_torch():
    web = TEXT[TEXT.index("AS web") : TEXT.index("AS worker")]
    assert "worker.txt" not in web and "dev.txt" not in web


def test_what_lies_around_is_not_sent_to_the_builder():
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".viseme", ".git"} <= set(ignored)
