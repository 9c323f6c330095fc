"""The ledger: told twice it writes once, and nothing that is written ever changes."""

from datetime import UTC, datetime
from fractions import Fraction

import pytest
from django.db import IntegrityError, transaction
from django.db.utils import DatabaseError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import ledger
from billing.errors import EventConflict
from billing.models import UsageRecord
from messaging.ids import new_id
from tenants.context import acting_for, as_operator
from tests import database

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
SOURCE = new_id()
QUANTITIES = st.fractions(min_value=0, max_value=10_000, max_denominator=100_000)


def told(tenant, **changes):
    fact = {
        "event_id": f"job:{SOURCE}:output",
        "metric": "output_seconds",
        "quantity": Fraction(251, 25),
        "unit": "second",
        "source_id": SOURCE,
        "occurred_at": NOON,
    }
    return ledger.record(tenant.id, **{**fact, **changes})


@pytest.fixture
def in_acme(acme):
    with acting_for(acme.id):
        yield acme


def test_a_quantity_is_kept_as_an_exact_fraction(in_acme):
    told(in_acme)
    assert UsageRecord.objects.get().quantity == Fraction(251, 25)


def test_an_event_told_four_times_is_one_record(in_acme):
    first = told(in_acme)
    later = datetime(2026, 5, 10, tzinfo=UTC)
    again = [told(in_acme), told(in_acme), told(in_acme, occurred_at=later)]
    assert again == [first] * 3
    assert UsageRecord.objects.count() == 1
    assert UsageRecord.objects.get().occurred_at == NOON


@pytest.mark.parametrize(
    "change",
    [
        {"quantity": Fraction(252, 25)},
        {"metric": "videos"},
        {"unit": "minute"},
        {"source_id": new_id()},
    ],
)
def test_the_same_event_with_other_content_is_refused(in_acme, change):
    told(in_acme)
    with pytest.raises(EventConflict, match="correction"):
        told(in_acme, **change)
    assert ledger.total(UsageRecord.objects.all()) == Fraction(251, 25)


def test_two_tenants_may_use_one_event_id(acme, globex):
    for tenant in (acme, globex):
        with acting_for(tenant.id):
            told(tenant)
    with as_operator("count"):
        assert UsageRecord.objects.count() == 2


def test_a_correction_names_its_record_which_stays(in_acme):
    wrong = told(in_acme)
    right = ledger.correct(
        wrong, by=Fraction(-1, 25), reason="a frame too many", event_id="fix-1", occurred_at=NOON
    )
    assert right.corrects == wrong
    assert ledger.total(UsageRecord.objects.all()) == Fraction(250, 25)


def test_only_a_correction_takes_away(in_acme):
    with pytest.raises(IntegrityError, match="only_a_correction_is_negative"), transaction.atomic():
        told(in_acme, quantity=Fraction(-1))


def test_a_correction_stays_with_its_tenant(acme, globex):
    with acting_for(acme.id):
        wrong = told(acme)
    with as_operator("cross"), pytest.raises(IntegrityError), transaction.atomic():
        wrong.tenant_id = globex.id
        ledger.correct(wrong, by=Fraction(1), reason="", event_id="fix", occurred_at=NOON)
        with transaction.get_connection().cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE billing_usagerecord SET quantity_numerator = 0",
        "DELETE FROM billing_usagerecord",
        "UPDATE billing_usagerecord SET quantity_numerator = 0 WHERE false",
    ],
)
def test_the_application_cannot_change_a_record(in_acme, sql):
    told(in_acme)
    cursor = transaction.get_connection().cursor()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        cursor.execute(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE billing_usagerecord SET quantity_numerator = 0",
        "DELETE FROM billing_usagerecord",
        "TRUNCATE billing_usagerecord CASCADE",
    ],
)
def test_the_owner_of_the_table_cannot_either(in_acme, sql):
    """Row-level security hides every row from it, so a trigger for each row would never fire."""
    with database.owner() as connection, pytest.raises(Exception, match="append-only"):
        connection.execute("SET lock_timeout = '5s'")
        connection.execute(sql)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(quantities=st.lists(QUANTITIES, max_size=8))
def test_a_sum_is_exact_in_whatever_order_and_however_often_it_was_told(acme, quantities):
    with transaction.atomic():
        with acting_for(acme.id):
            events = [(str(new_id()), quantity) for quantity in quantities]
            for event, quantity in [*events, *reversed(events)]:
                told(acme, event_id=event, quantity=quantity)
            assert ledger.total(UsageRecord.objects.all()) == sum(quantities, Fraction(0))
        transaction.set_rollback(True)
