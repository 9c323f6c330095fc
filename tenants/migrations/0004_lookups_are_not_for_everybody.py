"""The lookup functions are the application's alone.

0002 revoked them from PUBLIC after they had been handed to viseme_lookup: as the former owner, who
may revoke nothing, and PostgreSQL only warns. So every role that could connect could call them.
"""

from django.db import migrations

EACH = "find_api_key(bytea), memberships_of(uuid)"
CLOSE = f"""
SET LOCAL ROLE viseme_lookup;
GRANT EXECUTE ON FUNCTION {EACH} TO viseme_app, viseme_operator;
REVOKE ALL ON FUNCTION {EACH} FROM PUBLIC;
RESET ROLE;
"""
OPEN = f"""
SET LOCAL ROLE viseme_lookup;
GRANT EXECUTE ON FUNCTION {EACH} TO PUBLIC;
RESET ROLE;
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0003_count_requests")]

    operations = [migrations.RunSQL(CLOSE, OPEN)]
