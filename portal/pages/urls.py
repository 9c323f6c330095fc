"""The portal's addresses."""

from django.urls import path

from portal.pages import entry, home, jobs, keys, uploads, usage

app_name = "portal"

urlpatterns = [
    path("", home.start, name="home"),
    path("latest/", home.latest, name="latest"),
    path("tenant/", entry.switch, name="switch"),
    path("jobs/", jobs.listing, name="jobs"),
    path("jobs/new/", uploads.new_job, name="new_job"),
    path("jobs/submit/", uploads.submit_job, name="submit_job"),
    path("jobs/<uuid:job_id>/", jobs.detail, name="job"),
    path("jobs/<uuid:job_id>/live/", jobs.live, name="job_live"),
    path("jobs/<uuid:job_id>/cancel/", jobs.cancel, name="cancel_job"),
    path("jobs/<uuid:job_id>/retry/", jobs.retry, name="retry_job"),
    path("jobs/<uuid:job_id>/download/", jobs.download, name="download"),
    path("uploads/", uploads.start_upload, name="start_upload"),
    path("uploads/<uuid:upload_id>/complete/", uploads.complete_upload, name="complete_upload"),
    path("sample/<str:kind>/", uploads.sample, name="sample"),
    path("usage/", usage.month, name="usage"),
    path("usage/<int:year>-<int:number>/", usage.month, name="usage_month"),
    path("usage/<int:year>-<int:number>/days.csv", usage.table, name="usage_csv"),
    path("keys/", keys.listing, name="keys"),
    path("keys/<uuid:key_id>/revoke/", keys.revoke, name="revoke_key"),
]
