"""A row a tenant counts its requests of the present minute. Its loss would cost nothing."""

import django.db.models.deletion
from django.db import migrations, models

from tenants import rls


class Migration(migrations.Migration):
    dependencies = [("tenants", "0002_row_level_security")]

    operations = [
        migrations.CreateModel(
            name="RequestCount",
            fields=[
                (
                    "tenant",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to="tenants.tenant",
                    ),
                ),
                ("minute", models.DateTimeField()),
                ("used", models.PositiveIntegerField()),
            ],
        ),
        rls.protect("tenants_requestcount"),
    ]
