"""Roles made by an administrator who is no superuser, as on RDS."""

import os
import subprocess
import sys

import psycopg
import pytest

from portal.embedded.postgres import Postgres
from portal.environment import ROOT


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Postgres(tmp_path_factory.mktemp("roles") / "home", durable=False) as server:
        with server.connect() as connection:
            connection.execute(
                "CREATE ROLE master LOGIN CREATEDB CREATEROLE PASSWORD 'of-the-master'"
            )
        yield server


def create_roles(server, database="shop"):
    place = f"127.0.0.1:{server.section['port']}"
    return subprocess.run(
        [sys.executable, "manage.py", "create_roles"],
        cwd=ROOT,
        env={
            **os.environ,
            "VISEME_MODE": "embedded",
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "DATABASE_ADMIN_URL": f"postgresql://master:of-the-master@{place}/postgres",
            "DATABASE_URL": f"postgresql://viseme_app:of-the-app@{place}/{database}",
            "DATABASE_OWNER_URL": f"postgresql://viseme_owner:of-the-owner@{place}/{database}",
        },
        capture_output=True,
        text=True,
        check=False,
    )


def connect(server, role, password):
    place = f"127.0.0.1:{server.section['port']}"
    return psycopg.connect(f"postgresql://{role}:{password}@{place}/shop", autocommit=True)


def test_an_administrator_makes_them_once_and_may_again(server):
    for _ in range(2):
        done = create_roles(server)
        assert done.returncode == 0, done.stderr
    with connect(server, "viseme_owner", "of-the-owner") as owner:
        owner.execute("CREATE TABLE thing AS SELECT 1 AS number")
    with connect(server, "viseme_app", "of-the-app") as app:
        assert app.execute("SELECT number FROM thing").fetchone() == (1,)


def test_the_application_keeps_nobody_waiting_for_ever_and_the_owner_migrates_in_peace(server):
    create_roles(server)
    names = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
    bounds = {}
    for role in ("app", "owner"):
        with connect(server, f"viseme_{role}", f"of-the-{role}") as connection:
            bounds[role] = [connection.execute(f"SHOW {name}").fetchone()[0] for name in names]
    assert bounds == {"app": ["10s", "1min", "1min"], "owner": ["0", "0", "0"]}


def test_the_application_is_no_superuser_owns_nothing_and_is_bound_by_policies(server):
    create_roles(server)
    with connect(server, "viseme_app", "of-the-app") as app:
        row = app.execute(
            "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole FROM pg_roles "
            "WHERE rolname = current_user"
        )
        assert row.fetchone() == (False, False, False, False)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("CREATE TABLE mine ()")


def test_what_the_operator_may_comes_by_set_role_alone(server):
    create_roles(server)
    with connect(server, "viseme_owner", "of-the-owner") as owner:
        owner.execute("DROP TABLE IF EXISTS secret")
        owner.execute("CREATE TABLE secret AS SELECT 1 AS number")
        owner.execute("REVOKE ALL ON secret FROM viseme_app")
    with connect(server, "viseme_app", "of-the-app") as app:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("SELECT * FROM secret")
        with app.transaction():
            app.execute("SET LOCAL ROLE viseme_operator")
            assert app.execute("SELECT number FROM secret").fetchone() == (1,)


def test_an_owner_may_hand_a_function_to_the_role_of_the_lookups(server):
    create_roles(server)
    with connect(server, "viseme_owner", "of-the-owner") as owner:
        owner.execute("CREATE OR REPLACE FUNCTION one() RETURNS int LANGUAGE sql RETURN 1")
        owner.execute("ALTER FUNCTION one() OWNER TO viseme_lookup")


def test_the_autoscaler_s_role_may_connect_and_make_nothing(server):
    create_roles(server)
    with connect(server, "viseme_owner", "of-the-owner") as owner:
        asked = "SELECT has_database_privilege('viseme_scaler', 'shop', %s)"
        may = [owner.execute(asked, [what]).fetchone()[0] for what in ("CONNECT", "TEMP", "CREATE")]
    assert may == [True, False, False]
