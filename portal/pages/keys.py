"""API keys: made here and shown once, listed, revoked."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from portal.pages.entry import MemberRequest, for_tenant
from tenants import keys
from tenants.models import ApiKey
from tenants.people import MAY_MANAGE_KEYS

LIFETIMES = [("30", "in 30 days"), ("90", "in 90 days"), ("365", "in a year"), ("never", "never")]
SCOPES = [(scope, f"{words} ({scope})") for scope, words in keys.SCOPES.items()]


class KeyForm(forms.Form):
    name = forms.CharField(max_length=100, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    expires = forms.ChoiceField(choices=LIFETIMES, initial="90")
    scopes = forms.MultipleChoiceField(
        choices=SCOPES, widget=forms.CheckboxSelectMultiple, initial=list(keys.SCOPES)
    )

    def expires_at(self) -> datetime | None:
        days = self.cleaned_data["expires"]
        return None if days == "never" else timezone.now() + timedelta(days=int(days))


@require_http_methods(["GET", "POST"])
@never_cache
@for_tenant(MAY_MANAGE_KEYS)
def listing(request: MemberRequest) -> HttpResponse:
    """The keys; a POST makes one, and its answer is the only page that shows the secret."""
    form = KeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return render(request, "pages/keys/list.html", page(KeyForm(), create(form, request)))
    status = 400 if form.errors else 200
    return render(request, "pages/keys/list.html", page(form), status=status)


def create(form: KeyForm, request: MemberRequest) -> dict[str, str]:
    name, scopes = form.cleaned_data["name"], form.cleaned_data["scopes"]
    key, secret = keys.create(name, scopes=scopes, expires_at=form.expires_at(), by=request.user)
    return {"name": key.name, "secret": secret}


def page(form: KeyForm, fresh: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "form": form,
        "fresh": fresh,
        "keys": ApiKey.objects.order_by("revoked_at", "-created_at").all(),
        "now": timezone.now(),
        "site_url": settings.SITE_URL,
    }


@require_POST
@for_tenant(MAY_MANAGE_KEYS)
def revoke(request: MemberRequest, key_id: UUID) -> HttpResponse:
    try:
        key = keys.revoke(key_id, by=request.user)
    except ApiKey.DoesNotExist:
        raise Http404 from None
    messages.success(request, f'"{key.name}" is revoked; it is refused from now on.')
    return redirect("portal:keys")
