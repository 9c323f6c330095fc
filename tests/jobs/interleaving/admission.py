"""The way of a job to a lane: its files are looked at, and its tenant may have one."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from jobs import admission, lifecycle
from jobs.clock import database_now
from tenants.context import acting_for, as_operator
from tenants.models import Tenant
from tests.jobs.interleaving.owner import Owner
from tests.jobs.interleaving.story import anyone, tenants


class Admission(Owner):
    @rule(pick=anyone, good=st.booleans())
    def its_files_are(self, pick: int, good: bool) -> None:
        job = self.job(pick)
        with acting_for(job.tenant_id):
            if good:
                lifecycle.accept_probe(job.id)
            else:
                lifecycle.refuse(job.id, code="no_video_stream", message="No picture.")

    @rule()
    def admit(self) -> None:
        with as_operator("a test"):
            admission.admit()

    @rule(which=tenants, suspended=st.sampled_from([True, False, False]))
    def suspend_or_resume(self, which: int, suspended: bool) -> None:
        with as_operator("a test"):
            tenant = Tenant.objects.filter(id=self.tenants[which].id)
            tenant.update(suspended_at=database_now() if suspended else None)
