"""Who may have an account: nobody signs up, people are invited."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class Invited(DefaultAccountAdapter):
    """Accounts are made by the operator (`manage.py tenants create`), never by a stranger."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
