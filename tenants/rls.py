"""Row-level security as a migration operation: one line for each tenant table."""

from django.db import migrations

_PROTECT = """
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO viseme_app, viseme_operator;
CREATE POLICY tenant_sees_its_own ON {table} TO viseme_app
    USING ({column} = app_tenant_id()) WITH CHECK ({column} = app_tenant_id());
CREATE POLICY operator_sees_all ON {table} TO viseme_operator USING (true) WITH CHECK (true);
"""
_UNPROTECT = """
DROP POLICY operator_sees_all ON {table};
DROP POLICY tenant_sees_its_own ON {table};
ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;
ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;
"""
_LOOK_UP = """
GRANT SELECT ON {table} TO viseme_lookup;
CREATE POLICY lookup_reads_all ON {table} FOR SELECT TO viseme_lookup USING (true);
"""
_NO_LOOK_UP = """
DROP POLICY lookup_reads_all ON {table};
REVOKE SELECT ON {table} FROM viseme_lookup;
"""


def protect(table: str, column: str = "tenant_id") -> migrations.RunSQL:
    """A tenant sees and writes its own rows, the operator all, the table's owner none (FORCE)."""
    names = {"table": table, "column": column}
    return migrations.RunSQL(_PROTECT.format(**names), _UNPROTECT.format(**names))


def let_look_up(table: str) -> migrations.RunSQL:
    """The owner of the lookup functions may read this table; see tenants/migrations/0002."""
    return migrations.RunSQL(_LOOK_UP.format(table=table), _NO_LOOK_UP.format(table=table))


def forbid_changes(table: str, trigger: str, advice: str) -> migrations.RunSQL:
    """Refuse UPDATE, DELETE and TRUNCATE to everybody, the table's owner included.

    For each statement, because a row trigger never sees TRUNCATE.
    """
    return migrations.RunSQL(
        f"""CREATE TRIGGER {trigger} BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('{advice}')""",
        f"DROP TRIGGER {trigger} ON {table}",
    )
