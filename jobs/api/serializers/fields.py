"""What several of them are made of."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from rest_framework import serializers


def time_field(means: str, *, null: bool = True) -> serializers.DateTimeField:
    """UTC with a Z, whatever zone the viewer's browser is in."""
    return serializers.DateTimeField(default_timezone=UTC, allow_null=null, help_text=means)


class MomentField(serializers.DateTimeField):
    """A moment of RFC 3339. Without its zone it would be another one for each reader: refused."""

    default_error_messages = {
        "invalid": "This is no moment such as 2026-12-01T18:00:00Z.",
        "date": "This is a day; a moment has a time too, such as 2026-12-01T18:00:00Z.",
        "no_zone": "This moment has no zone: end it with Z for UTC, or with its offset (+01:00).",
        "overflow": "No calendar here goes so far.",
    }

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            self.fail("no_zone")
        try:
            return value.astimezone(UTC)
        except OverflowError:
            self.fail("overflow")


class Strict(serializers.Serializer):
    """Refuses what it doesn't know: a misspelled option must not be silently ignored.

    `how` is what a right request looks like: the hint of one that lacks fields or has others.
    """

    how = ""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (unknown := sorted(set(data) - set(self.fields))):
            known = ", ".join(self.fields)
            told = f"There is no such field; there are {known}."
            refusal = serializers.ErrorDetail(told, "unknown_field")
            raise serializers.ValidationError({name: [refusal] for name in unknown})
        return super().to_internal_value(data)


def address(route: str, *arguments: Any) -> str:
    return str(settings.SITE_URL) + reverse(route, args=arguments)
