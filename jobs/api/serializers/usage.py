"""What was delivered, by day and month."""

from rest_framework import serializers


class UsageDay(serializers.Serializer):
    day = serializers.DateField()
    videos = serializers.IntegerField()
    output_seconds = serializers.FloatField()
    gpu_hours = serializers.FloatField()
    output_bytes = serializers.IntegerField()


class UsageTotal(serializers.Serializer):
    videos = serializers.IntegerField()
    output_seconds = serializers.FloatField()
    gpu_hours = serializers.FloatField()
    output_bytes = serializers.IntegerField()


class UsageMonth(serializers.Serializer):
    """What was delivered in a month of the tenant's time zone, by day."""

    month = serializers.CharField()
    time_zone = serializers.CharField()
    total = UsageTotal()
    stored_bytes = serializers.IntegerField()
    days = UsageDay(many=True)
