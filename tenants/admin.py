"""Who, for the operator: tenants and their limits, people, keys, and who did what."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from tenants import audit, keys, operating, people
from tenants.errors import LastOwner, TenantError
from tenants.models import (
    ApiKey,
    AuditEvent,
    Limits,
    Membership,
    Role,
    Tenant,
    User,
    check_time_zone,
)
from tenants.readonly import ReadOnlyAdmin, ReadOnlyInline


class NewTenant(forms.ModelForm):
    time_zone = forms.CharField(initial="UTC", validators=[check_time_zone])

    class Meta:
        model = Tenant
        fields = ["name", "slug", "time_zone"]


class LimitsInline(ReadOnlyInline):
    model = Limits


class MembersInline(ReadOnlyInline):
    model = Membership
    fields = ["user", "role", "created_at"]
    readonly_fields = ["created_at"]


@admin.register(Tenant)
class TenantAdmin(admin.ModelAdmin):
    """Made here or by `manage.py tenants create`; suspended, never deleted."""

    form = NewTenant
    list_display = ["name", "slug", "time_zone", "jobs_at_once", "suspended_at", "created_at"]
    list_select_related = ["limits"]
    list_filter = [("suspended_at", admin.EmptyFieldListFilter)]
    search_fields = ["name", "slug"]
    inlines = [LimitsInline, MembersInline]
    actions = ["suspend", "resume"]

    def get_readonly_fields(self, request: HttpRequest, obj: Tenant | None = None) -> list[str]:
        # Months that were reported in the old zone would silently be others.
        return ["slug", "time_zone"] if obj else []

    def get_inlines(self, request: HttpRequest, obj: Tenant | None) -> list[Any]:
        return self.inlines if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Tenant, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            Limits.objects.create(tenant=obj)
        audit.note(
            "tenant.renamed" if change else "tenant.created",
            obj.name,
            by=_person(request),
            tenant_id=obj.id,
        )

    @admin.display(description="jobs at once")
    def jobs_at_once(self, tenant: Tenant) -> int:
        return tenant.limits.jobs_at_once

    @admin.action(description="Suspend: refuse keys and members from now on")
    def suspend(self, request: HttpRequest, tenants: QuerySet[Tenant]) -> None:
        for tenant in tenants:
            operating.suspend(tenant.id, by=_person(request))

    @admin.action(description="Resume: let keys and members in again")
    def resume(self, request: HttpRequest, tenants: QuerySet[Tenant]) -> None:
        for tenant in tenants:
            operating.resume(tenant.id, by=_person(request))


@admin.register(Limits)
class LimitsAdmin(admin.ModelAdmin):
    list_display = ["tenant", *operating.LIMITS]
    list_select_related = ["tenant"]
    search_fields = ["tenant__name", "tenant__slug"]
    readonly_fields = ["tenant"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Limits, form: Any, change: bool) -> None:
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        operating.change_limits(obj.tenant_id, by=_person(request), **changes)


class NewMember(forms.ModelForm):
    email = forms.EmailField()
    role = forms.ChoiceField(choices=Role.choices)

    class Meta:
        model = Membership
        fields = ["tenant", "role"]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        email = (given.get("email") or "").strip().lower()
        if Membership.objects.filter(user__email=email, tenant=given.get("tenant")).exists():
            raise forms.ValidationError(f"{email} is a member of this tenant already.")
        return given


class ChangedRole(forms.ModelForm):
    class Meta:
        model = Membership
        fields = ["role"]

    def clean_role(self) -> str:
        role: str = self.cleaned_data["role"]
        if role != Role.OWNER and people.is_last_owner(self.instance):
            raise forms.ValidationError(str(LastOwner(self.instance.user.email)))
        return role


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    """Added, given another role, removed; the last owner of a tenant is none of the last two."""

    list_display = ["user", "tenant", "role", "created_at"]
    list_select_related = ["user", "tenant"]
    list_filter = ["role", "tenant"]
    search_fields = ["user__email", "tenant__name"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("tenants.add_membership")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("tenants.change_membership")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = request.user.has_perm("tenants.delete_membership")
        return may and not (obj is not None and people.is_last_owner(obj))

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any
    ) -> Any:
        return ChangedRole if obj else NewMember

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["user", "tenant", "role", "created_at"] if obj else ["tenant", "email", "role"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["user", "tenant", "created_at"] if obj else []

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        people.remove_member(obj.id, by=_person(request))

    def delete_queryset(self, request: HttpRequest, chosen: QuerySet[Membership]) -> None:
        for membership in chosen:
            try:
                people.remove_member(membership.id, by=_person(request))
            except LastOwner as refusal:  # both owners were chosen
                messages.error(request, str(refusal))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        given = form.cleaned_data
        if change:
            people.change_role(obj.id, given["role"], by=_person(request))
            return
        membership, password = people.add_member(given["tenant"], given["email"], given["role"])
        obj.pk, obj.user = membership.pk, membership.user
        if password:
            messages.warning(
                request, f"The password of {membership.user} is {password} - not shown again."
            )


@admin.register(User)
class UserAdmin(admin.ModelAdmin):
    """People come in by a membership. Here they are switched off, or made operators."""

    list_display = ["email", "name", "is_active", "is_staff", "last_login"]
    list_filter = ["is_active", "is_staff"]
    search_fields = ["email", "name"]
    fields = ["email", "name", "is_active", "is_staff", "is_superuser", "last_login"]
    readonly_fields = ["email", "last_login"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    list_display = ["name", "prefix", "tenant", "last_used_at", "expires_at", "revoked_at"]
    list_select_related = ["tenant"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter), "tenant"]
    search_fields = ["name", "prefix"]
    exclude = ["secret_sha256"]
    actions = ["revoke"]

    @admin.action(description="Revoke the selected keys")
    def revoke(self, request: HttpRequest, chosen: QuerySet[ApiKey]) -> None:
        for key in chosen:
            try:
                keys.revoke(key.id, by=_person(request))
            except TenantError as refusal:
                messages.error(request, f"{key}: {refusal}")


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "tenant", "actor", "action", "subject"]
    list_select_related = ["tenant"]
    list_filter = ["action", "tenant"]
    search_fields = ["actor", "subject"]
    date_hierarchy = "created_at"


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
