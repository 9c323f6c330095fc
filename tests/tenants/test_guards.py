"""What people forget: a tenant's table without a policy, a function that trusts the search path."""

import pytest
from django.apps import apps
from django.db import connection

from tenants.models import TenantOwned

pytestmark = pytest.mark.django_db

# Secrets and keys of our own making, random and long: that one exists tells nobody anything.
UNIQUE_OVER_ALL_TENANTS = {
    "tenants_apikey_secret_sha256",
    "jobs_upload_key",
    "tenants_tenant_slug",  # chosen by the operator, who alone makes tenants
}


def rows(sql: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def tenant_tables() -> set[str]:
    """By the catalog and by the models: a table is caught if either knows it."""
    catalog = rows(
        "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
        "WHERE c.relkind = 'r' AND a.attname = 'tenant_id' AND NOT a.attisdropped"
    )
    models = (model for model in apps.get_models() if issubclass(model, TenantOwned))
    return {table for (table,) in catalog} | {m._meta.db_table for m in models} | {"tenants_tenant"}


def test_the_guards_know_the_tables_they_guard():
    assert tenant_tables() >= {
        "tenants_tenant",
        "tenants_membership",
        "tenants_apikey",
        "tenants_limits",
        "tenants_auditevent",
        "jobs_upload",
        "jobs_job",
        "jobs_attempt",
        "jobs_segment",
        "billing_usagerecord",
        "messaging_outboxmessage",
    }


def test_every_tenant_table_is_under_forced_row_level_security():
    bound = rows("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")
    assert tenant_tables() - {table for (table,) in bound} == set()


def test_every_policy_of_the_application_asks_for_the_tenant_and_nothing_else():
    policies = rows(
        "SELECT tablename, policyname, qual, with_check FROM pg_policies "
        "WHERE roles && '{viseme_app,public}'::name[]"
    )
    assert tenant_tables() - {table for table, *_ in policies} == set()
    for table, name, reads, writes in policies:
        column = "id" if table == "tenants_tenant" else "tenant_id"
        wanted = f"({column} = app_tenant_id())"
        assert {reads or wanted, writes or wanted} == {wanted}, f"{name} on {table}"


def test_no_table_of_a_tenant_belongs_to_a_role_that_the_application_can_take():
    owners = rows(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
        "AND relkind = 'r' AND pg_has_role('viseme_app', relowner, 'MEMBER')"
    )
    assert owners == []


def test_functions_with_their_owners_rights_have_a_narrow_owner_and_a_fixed_search_path():
    functions = rows(
        "SELECT proname, pg_get_userbyid(proowner), proconfig FROM pg_proc "
        "WHERE prosecdef AND pronamespace = 'public'::regnamespace"
    )
    assert {name for name, *_ in functions} >= {"find_api_key", "memberships_of"}
    for name, owner, config in functions:
        assert owner == "viseme_lookup", name
        assert any(setting.startswith("search_path=pg_catalog") for setting in config or []), name


def test_no_function_with_its_owners_rights_is_open_to_everybody():
    """Without an access list it would be: PostgreSQL lets PUBLIC call what is new."""
    functions = rows(
        "SELECT p.proname, a.grantee::regrole::text FROM pg_proc p "
        "CROSS JOIN aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a "
        "WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace AND a.grantee <> p.proowner"
    )
    application = {"viseme_app", "viseme_operator"}
    for name in {name for name, _ in functions}:
        may = {grantee for function, grantee in functions if function == name}
        assert may - ({"viseme_scaler"} if name == "viseme_demand" else set()) == application, name


def test_the_owner_of_the_lookups_reads_three_tables_and_writes_none():
    grants = rows(
        "SELECT relname, p FROM pg_class, unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) p "
        "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace "
        "AND has_table_privilege('viseme_lookup', oid, p) ORDER BY 1, 2"
    )
    wanted = ("tenants_apikey", "tenants_membership", "tenants_tenant")
    assert grants == [(table, "SELECT") for table in wanted]


def test_of_jobs_the_owner_of_the_lookups_reads_what_is_counted_and_nothing_of_a_tenant():
    columns = rows(
        "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
        "WHERE c.relkind = 'r' AND c.relname LIKE 'jobs_%' AND a.attnum > 0 AND NOT attisdropped "
        "AND has_column_privilege('viseme_lookup', c.oid, a.attnum, 'SELECT')"
    )
    assert {"state", "lane"} <= {column for table, column in columns if table == "jobs_job"}
    theirs = {"id", "tenant_id", "job_id", "project", "submitted_by", "consent_note", "result_key"}
    assert theirs & {column for _, column in columns} == set()


def test_no_view_shows_rows_with_its_owners_rights():
    views = rows(
        "SELECT relname FROM pg_class WHERE relkind IN ('v', 'm') "
        "AND relnamespace = 'public'::regnamespace "
        "AND NOT coalesce('security_invoker=true' = ANY(reloptions), false)"
    )
    assert views == []


def test_a_unique_key_of_a_tenants_table_includes_the_tenant():
    """A global one would tell a tenant that another has the same value."""
    for model in apps.get_models():
        if not issubclass(model, TenantOwned):
            continue
        for field in model._meta.fields:
            name = f"{model._meta.db_table}_{field.name}"
            assert not field.unique or field.primary_key or name in UNIQUE_OVER_ALL_TENANTS, name
        for constraint in model._meta.total_unique_constraints:
            # A job is one tenant's by a foreign key that names both.
            assert {"tenant", "job"} & set(constraint.fields), constraint.name
