"""The addresses of the API. The first four are the deployment guide's; /v1 has all of them."""

from django.urls import path, re_path

from jobs import files
from jobs.api import jobs, schema, uploads, usage
from jobs.api.endpoint import Unknown

# An id is any text here: what is no id gets the same 404 as an id that never was.
urlpatterns = [
    path("process", jobs.Process.as_view(), name="api-process"),
    path("status/<str:job_id>", jobs.Status.as_view(), name="api-status"),
    path("result/<str:job_id>", jobs.Result.as_view(), name="api-result"),
    path("v1/jobs", jobs.Jobs.as_view(), name="api-jobs"),
    path("v1/jobs/<str:job_id>", jobs.Job.as_view(), name="api-job"),
    path("v1/jobs/<str:job_id>/result", jobs.JobResult.as_view(), name="api-job-result"),
    path("v1/jobs/<str:job_id>/cancel", jobs.Cancel.as_view(), name="api-cancel"),
    path("v1/jobs/<str:job_id>/retry", jobs.Retry.as_view(), name="api-retry"),
    path("v1/uploads", uploads.Uploads.as_view(), name="api-uploads"),
    path("v1/uploads/<str:upload_id>", uploads.OneUpload.as_view(), name="api-upload"),
    path("v1/uploads/<str:upload_id>/complete", uploads.Complete.as_view(), name="api-complete"),
    path("v1/usage", usage.Usage.as_view(), name="api-usage"),
    path("v1/schema", schema.Schema.as_view(), name="api-schema"),
    path("v1/docs", schema.Docs.as_view(), name="api-docs"),
    path("files/<str:token>", files.download, name="file"),
    path("parts/<str:token>", files.receive_part, name="part"),
    re_path(r"^(v1|process|status|result|files|parts)(/.*)?$", Unknown.as_view()),
]
