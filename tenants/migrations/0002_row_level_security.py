"""Each tenant sees its own rows; three lookups find what must be found before a tenant is known.

The lookups are SECURITY DEFINER functions with a fixed search path, owned by a role that may read
these tables and nothing else: under FORCE the tables' own owner sees nothing.
"""

from django.db import migrations

from tenants import rls

REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: %', TG_TABLE_NAME, TG_ARGV[0]
        USING ERRCODE = 'restrict_violation';
END $$
"""

LOOKUPS = """
CREATE FUNCTION find_api_key(given bytea) RETURNS TABLE (
    key_id uuid, key_tenant_id uuid, key_prefix text, key_scopes text[], key_used_at timestamptz
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT k.id, k.tenant_id, k.prefix, ARRAY(SELECT jsonb_array_elements_text(k.scopes)),
           k.last_used_at
    FROM public.tenants_apikey k JOIN public.tenants_tenant t ON t.id = k.tenant_id
    WHERE k.secret_sha256 = given AND k.revoked_at IS NULL AND t.suspended_at IS NULL
      AND (k.expires_at IS NULL OR k.expires_at > now())
$$;

CREATE FUNCTION memberships_of(person uuid) RETURNS TABLE (
    tenant_id uuid, tenant_name text, tenant_slug text, time_zone text, role text
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT t.id, t.name, t.slug, t.time_zone, m.role
    FROM public.tenants_membership m JOIN public.tenants_tenant t ON t.id = m.tenant_id
    WHERE m.user_id = person AND t.suspended_at IS NULL
    ORDER BY t.name
$$;

ALTER FUNCTION find_api_key(bytea) OWNER TO viseme_lookup;
ALTER FUNCTION memberships_of(uuid) OWNER TO viseme_lookup;
REVOKE ALL ON FUNCTION find_api_key(bytea), memberships_of(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_api_key(bytea), memberships_of(uuid) TO viseme_app, viseme_operator;
"""

NO_LOOKUPS = """
SET LOCAL ROLE viseme_lookup;
DROP FUNCTION memberships_of(uuid);
DROP FUNCTION find_api_key(bytea);
RESET ROLE;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0001_initial"),
        ("messaging", "0002_row_level_security"),
    ]

    operations = [
        migrations.RunSQL(REFUSE_CHANGE, "DROP FUNCTION refuse_change()"),
        rls.protect("tenants_tenant", column="id"),
        rls.protect("tenants_membership"),
        rls.protect("tenants_apikey"),
        rls.protect("tenants_limits"),
        rls.protect("tenants_auditevent"),
        rls.let_look_up("tenants_tenant"),
        rls.let_look_up("tenants_membership"),
        rls.let_look_up("tenants_apikey"),
        migrations.RunSQL(LOOKUPS, NO_LOOKUPS),
        rls.forbid_changes(
            "tenants_auditevent", "audit_events_are_final", "write another event instead"
        ),
    ]
