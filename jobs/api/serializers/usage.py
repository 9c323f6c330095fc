"""What was delivered, by day and month."""

from rest_framework import serializers

VIDEOS = "Videos that were delivered."
SECONDS = "How long they last, together."
GPU_HOURS = "Hours of GPUs that they took; 0 where they were made without one."
BYTES = "Bytes of their files."


class UsageDay(serializers.Serializer):
    """What was delivered on one day."""

    day = serializers.DateField(help_text="A day of the tenant's time zone.")
    videos = serializers.IntegerField(help_text=VIDEOS)
    output_seconds = serializers.FloatField(help_text=SECONDS)
    gpu_hours = serializers.FloatField(help_text=GPU_HOURS)
    output_bytes = serializers.IntegerField(help_text=BYTES)


class UsageTotal(serializers.Serializer):
    """What was delivered in the whole month."""

    videos = serializers.IntegerField(help_text=VIDEOS)
    output_seconds = serializers.FloatField(help_text=SECONDS)
    gpu_hours = serializers.FloatField(help_text=GPU_HOURS)
    output_bytes = serializers.IntegerField(help_text=BYTES)


class UsageMonth(serializers.Serializer):
    """What was delivered in a month of the tenant's time zone, by day."""

    month = serializers.CharField(help_text="The month, as YYYY-MM.")
    time_zone = serializers.CharField(help_text="The tenant's time zone, whose days are counted.")
    total = UsageTotal(help_text="All days together.")
    stored_bytes = serializers.IntegerField(help_text="Bytes of all files that are kept now.")
    days = UsageDay(many=True, help_text="Each day of the month, those without a video too.")
