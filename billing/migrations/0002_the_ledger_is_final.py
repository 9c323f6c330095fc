"""Usage records are append-only for the table's owner too: it stops a migration made in a hurry.

A correction belongs to the record's own tenant, which a plain foreign key would not say.
"""

from django.db import migrations

from tenants import rls

SAME_TENANT = """
ALTER TABLE billing_usagerecord ADD CONSTRAINT a_correction_stays_with_its_tenant
    FOREIGN KEY (tenant_id, corrects_id) REFERENCES billing_usagerecord (tenant_id, id)
"""
NO_SAME_TENANT = (
    "ALTER TABLE billing_usagerecord DROP CONSTRAINT a_correction_stays_with_its_tenant"
)


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0001_initial"),
        ("tenants", "0002_row_level_security"),
    ]

    operations = [
        migrations.RunSQL(SAME_TENANT, NO_SAME_TENANT),
        rls.protect("billing_usagerecord"),
        rls.forbid_changes(
            "billing_usagerecord",
            "usage_records_are_final",
            "add a correction that names the record",
        ),
    ]
