from django.contrib import admin

from jobs.admin.tables import moment
from jobs.models import Attempt, Upload
from tenants.readonly import ReadOnlyAdmin


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    list_display = ["job", "number", "tenant", "worker", moment("started_at"), moment("ended_at")]
    list_display += ["outcome", "error_code", "took"]
    list_select_related = ["job", "tenant"]
    list_filter = ["outcome", "error_code", "tenant"]
    search_fields = ["job__id__endswith", "worker"]
    date_hierarchy = "started_at"

    @admin.display(description="took", ordering="processing_seconds")
    def took(self, attempt: Attempt) -> str:
        seconds = attempt.processing_seconds
        return "-" if seconds is None else f"{seconds:.1f}\N{NO-BREAK SPACE}s"


@admin.register(Upload)
class UploadAdmin(ReadOnlyAdmin):
    list_display = ["name", "kind", "tenant", "size_bytes", "state", "created_at"]
    list_select_related = ["tenant"]
    list_filter = ["kind", "state", "tenant"]
    search_fields = ["id__endswith", "name"]
    date_hierarchy = "created_at"
