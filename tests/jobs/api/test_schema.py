from io import StringIO

import yaml
from django.core.management import call_command
from django.urls import get_resolver
from drf_spectacular.drainage import GENERATOR_STATS

from jobs.producing import STAGES
from jobs.waiting import Reason

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
TOLD = ("summary", "description")


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


def undescribed(document):
    """Where something stands in the document without a word of what it means."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            place = f"{method} {path}"
            yield from (f"{place} {part}" for part in TOLD if not operation.get(part))
            named = {each["name"]: each for each in operation.get("parameters", [])}
            for name, each in {**named, **operation["responses"]}.items():
                if not each.get("description"):
                    yield f"{place} {name}"
    for name, schema in document["components"]["schemas"].items():
        if not schema.get("description"):
            yield name
        for field, each in schema.get("properties", {}).items():
            if not each.get("description"):
                yield f"{name}.{field}"


def test_every_operation_answer_parameter_and_field_says_what_it_is():
    assert list(undescribed(document())) == []


def test_the_document_says_what_a_job_may_wait_for_and_be_at():
    job = document()["components"]["schemas"]["Job"]["properties"]
    waits = job["waiting_for"]["description"]
    assert [reason for reason in Reason if reason and f"{reason}:" not in waits] == []
    for phase in STAGES:
        assert phase in job["phase"]["description"]


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
