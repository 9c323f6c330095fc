"""acting_for() and as_operator(): what each sees, and that nothing is seen without."""

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError, ProgrammingError

from jobs.models import Upload
from tenants import keys
from tenants.context import acting_for, as_operator, current, current_tenant
from tenants.errors import NoTenantContext
from tests import making

pytestmark = pytest.mark.django_db


def count(table: str) -> int:
    """Past the managers: what PostgreSQL itself lets through."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return cursor.fetchone()[0]


def test_the_tests_connect_as_a_role_that_row_level_security_binds():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
        )
        assert cursor.fetchone() == ("viseme_app", False, False)


def test_a_manager_outside_both_ways_says_what_to_do(acme):
    with pytest.raises(NoTenantContext, match="acting_for"):
        Upload.objects.count()


def test_what_belongs_to_a_tenant_is_not_made_by_the_operator_alone():
    with as_operator("make a key of nobody"), pytest.raises(NoTenantContext, match="acting_for"):
        keys.create("nobody's")


def test_without_a_context_the_database_shows_nothing(acme):
    with acting_for(acme.id):
        making.an_upload()
    assert (count("jobs_upload"), count("tenants_tenant")) == (0, 0)


def test_each_tenant_sees_its_own_rows_and_the_operator_all(acme, globex):
    with acting_for(acme.id):
        making.an_upload()
        making.an_upload()
    with acting_for(globex.id):
        making.an_upload()
        assert (Upload.objects.count(), count("jobs_upload")) == (1, 1)
    with acting_for(acme.id):
        assert (Upload.objects.count(), count("jobs_upload")) == (2, 2)
    with as_operator("count"):
        assert (Upload.objects.count(), count("jobs_upload")) == (3, 3)


def test_a_tenant_cannot_write_a_row_of_another(acme, globex):
    refused = pytest.raises(ProgrammingError, match="row-level security")
    with acting_for(acme.id), refused, transaction.atomic():
        making.an_upload(tenant_id=globex.id)


def test_a_tenant_cannot_change_or_delete_a_row_of_another(acme, globex):
    with acting_for(globex.id):
        upload = making.an_upload()
    with acting_for(acme.id), connection.cursor() as cursor:
        cursor.execute("UPDATE jobs_upload SET name = 'mine' WHERE id = %s", [upload.id])
        assert cursor.rowcount == 0
        cursor.execute("DELETE FROM jobs_upload WHERE id = %s", [upload.id])
        assert cursor.rowcount == 0


def test_a_row_cannot_be_handed_to_another_tenant(acme, globex):
    with acting_for(acme.id), pytest.raises(ProgrammingError, match="row-level security"):
        upload = making.an_upload()
        with transaction.atomic():
            Upload.objects.filter(id=upload.id).update(tenant_id=globex.id)


def test_an_inner_context_gives_way_to_the_outer_one(acme, globex):
    with acting_for(acme.id):
        making.an_upload()
        with acting_for(globex.id):
            assert count("jobs_upload") == 0
        assert (current_tenant(), count("jobs_upload")) == (acme.id, 1)
        with as_operator("look"):
            making.an_upload(tenant_id=globex.id)
        assert count("jobs_upload") == 1
    assert current() is None


def test_the_operators_role_ends_with_its_context_also_after_an_error(acme):
    with pytest.raises(ZeroDivisionError), as_operator("break"):
        1 / 0  # noqa: B018
    with acting_for(acme.id), connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == ("viseme_app",)


def test_the_application_has_the_operators_rights_in_no_other_way(acme):
    """The grant is WITH INHERIT FALSE: being a member gives nothing until the role is taken."""
    assert count("tenants_tenant") == 0


def test_a_tenant_cannot_read_the_operators_timers(acme):
    refused = pytest.raises(DatabaseError, match="permission denied")
    with acting_for(acme.id), refused, transaction.atomic():
        count("messaging_timerrun")


@pytest.mark.django_db(transaction=True)
def test_a_connection_goes_back_to_the_pool_with_nothing_set():
    acme = making.a_tenant("Acme")
    with acting_for(acme.id):
        making.an_upload()
    with as_operator("look"):
        pass
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, app_tenant_id()")
        assert cursor.fetchone() == ("viseme_app", None)
    assert count("jobs_upload") == 0
