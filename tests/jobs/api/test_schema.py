from io import StringIO

import yaml
from django.core.management import call_command
from django.urls import get_resolver
from drf_spectacular.drainage import GENERATOR_STATS

OPERATIONS = {
    "process",
    "status",
    "result",
    "create_job",
    "list_jobs",
    "get_job",
    "get_job_result",
    "cancel_job",
    "retry_job",
    "create_upload",
    "get_upload",
    "abort_upload",
    "complete_upload",
    "get_usage",
}


def document():
    """Raises SystemExit or CommandError where the generator warns."""
    GENERATOR_STATS.reset()
    out = StringIO()
    call_command("spectacular", fail_on_warn=True, validate=True, stdout=out)
    return yaml.safe_load(out.getvalue())


def test_the_document_is_made_without_a_warning_and_names_every_operation():
    paths = document()["paths"]
    found = {operation["operationId"] for path in paths.values() for operation in path.values()}
    assert found == OPERATIONS


def test_every_error_has_the_one_shape():
    for path in document()["paths"].values():
        for operation in path.values():
            for status, answer in operation["responses"].items():
                if status >= "400":
                    schema = answer["content"]["application/problem+json"]["schema"]
                    assert schema == {"$ref": "#/components/schemas/Problem"}


def test_every_address_of_the_api_is_in_the_document():
    public = {"/v1/schema", "/v1/docs"}
    routes = {
        "/" + template.replace("%(", "{").replace(")s", "}")
        for name, (forms, *_) in get_resolver().reverse_dict.items()
        if isinstance(name, str) and name.startswith("api-")
        for template, _ in forms
    }
    assert routes == set(document()["paths"]) | public


def test_document_and_page_are_public(db, client):
    assert client.get("/v1/schema").status_code == 200
    page = client.get("/v1/docs")
    assert page.status_code == 200
    policy = page["Content-Security-Policy"]
    scripts = next(rule for rule in policy.split(";") if rule.strip().startswith("script-src"))
    assert "unsafe" not in scripts
