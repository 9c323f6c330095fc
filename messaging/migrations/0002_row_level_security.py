"""A tenant writes and reads its own outbox rows, only the operator sends them.

FORCE makes the policies bind the table's owner too. The roles are made before any migration, by
the statements of tenants/roles.py.
"""

from django.db import migrations

PROTECT = """
ALTER TABLE messaging_outboxmessage ENABLE ROW LEVEL SECURITY;
ALTER TABLE messaging_outboxmessage FORCE ROW LEVEL SECURITY;
REVOKE ALL ON messaging_outboxmessage FROM viseme_app;
GRANT SELECT, INSERT ON messaging_outboxmessage TO viseme_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON messaging_outboxmessage TO viseme_operator;
CREATE POLICY tenant_reads_its_own ON messaging_outboxmessage
    FOR SELECT TO viseme_app USING (tenant_id = app_tenant_id());
CREATE POLICY tenant_writes_its_own ON messaging_outboxmessage
    FOR INSERT TO viseme_app WITH CHECK (tenant_id = app_tenant_id());
CREATE POLICY operator_sees_all ON messaging_outboxmessage
    TO viseme_operator USING (true) WITH CHECK (true);

ALTER TABLE messaging_timerrun ENABLE ROW LEVEL SECURITY;
ALTER TABLE messaging_timerrun FORCE ROW LEVEL SECURITY;
REVOKE ALL ON messaging_timerrun FROM viseme_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON messaging_timerrun TO viseme_operator;
CREATE POLICY operator_sees_all ON messaging_timerrun
    TO viseme_operator USING (true) WITH CHECK (true);
"""

UNPROTECT = """
DROP POLICY operator_sees_all ON messaging_timerrun;
ALTER TABLE messaging_timerrun NO FORCE ROW LEVEL SECURITY;
ALTER TABLE messaging_timerrun DISABLE ROW LEVEL SECURITY;
DROP POLICY operator_sees_all ON messaging_outboxmessage;
DROP POLICY tenant_writes_its_own ON messaging_outboxmessage;
DROP POLICY tenant_reads_its_own ON messaging_outboxmessage;
ALTER TABLE messaging_outboxmessage NO FORCE ROW LEVEL SECURITY;
ALTER TABLE messaging_outboxmessage DISABLE ROW LEVEL SECURITY;
"""


class Migration(migrations.Migration):
    dependencies = [("messaging", "0001_initial")]

    operations = [migrations.RunSQL(PROTECT, UNPROTECT)]
