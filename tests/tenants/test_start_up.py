"""Start-up refuses a database role that row-level security would not bind."""

from contextlib import contextmanager

import pytest
from django.db import connection, connections
from django.db.backends.signals import connection_created

from tenants import guard
from tenants.errors import WrongDatabaseRole
from tests import database

pytestmark = pytest.mark.django_db(databases=["default", "owner"])


class Answers:
    """Stands where Django's connection stands, over a connection of another role."""

    alias = "default"

    def __init__(self, raw):
        self._raw = raw

    def cursor(self):
        return self._raw.cursor()


@contextmanager
def asking_afresh(monkeypatch):
    monkeypatch.setattr(guard, "_seen_good", set())
    yield


def test_the_owner_of_the_tables_is_refused(monkeypatch):
    refused = pytest.raises(WrongDatabaseRole, match=r"viseme_owner, which owns tables")
    with asking_afresh(monkeypatch), database.owner() as raw, refused:
        guard.refuse_wrong_role(Answers(raw))


def test_the_applications_role_is_accepted_and_asked_once(monkeypatch):
    with asking_afresh(monkeypatch):
        guard.refuse_wrong_role(connection)
        assert guard._seen_good == {"default"}


def test_the_owners_alias_is_not_asked():
    """Migrations connect as the owner, and nothing else does."""
    guard.refuse_wrong_role(connections["owner"])


def test_every_new_connection_is_asked():
    assert any(key[0] == "tenants.guard" for key, *_ in connection_created.receivers)
