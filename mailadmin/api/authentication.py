"""Who asks: a token in `Authorization: Bearer mla_…` (RFC 6750), and nothing else; no cookie opens the API.

What each operation needs stands in one table. An operation that is not in it cannot be made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connections, router
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from ninja.security import HttpBearer

from mailadmin.core.clients import Scope, digest
from mailadmin.delivery.keyed import Fetch
from mailadmin.models import ApiClient

from .allowance import spend
from .problems import Problem


@dataclass(frozen=True)
class Need:
    """What an operation asks of a token: one of `scopes`; and how many messages of the day it costs."""

    scopes: tuple[Scope, ...]
    messages: int = 0


NEEDS: Mapping[str, Need] = {
    "send_message": Need((Scope.SEND,), messages=1),
    "list_messages": Need((Scope.READ, Scope.SEND)),
    "read_message": Need((Scope.READ, Scope.SEND)),
    "cancel_message": Need((Scope.MANAGE,)),
    "resend_message": Need((Scope.MANAGE,), messages=1),
    "test_connection": Need((Scope.TEST,)),
    "read_health": Need((Scope.HEALTH,)),
}
DESCRIPTION = Need(tuple(Scope))  # the description of the API is for everybody with a token


class ApiToken(HttpBearer):
    """Lets in whoever shows a valid token with a scope that the operation `name` needs."""

    openapi_description = "The token of an API client, which the console shows once when it is made."

    def __init__(self, name: str) -> None:
        super().__init__()
        self.need = NEEDS[name]

    def __call__(self, request: HttpRequest) -> ApiClient:
        """Return the client. Raises Problem."""
        return client_of(request, self.need)

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        """Do nothing: the library asks for this method, and we read the header ourselves."""
        raise NotImplementedError


@sensitive_variables()
def client_of(request: HttpRequest, need: Need) -> ApiClient:
    """Return the client whose token the request shows, its request counted. Raises Problem: 401 without a valid token,
    429 when it asks too often, 403 when it may not do this. A token that nobody has costs as much as one that is
    known: one look by its digest."""
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        text = _("Send the token of an API client in the header “Authorization: Bearer mla_…”.")
        raise _unknown(text, "token-missing")
    client = _with_digest(digest(token.strip()))
    if client is None:
        raise _unknown(_("This token is not known. Make a new one in the console, under API clients."), "token-unknown")
    _refuse_inactive(client)
    allowed = not {str(scope) for scope in need.scopes}.isdisjoint(client.scopes)
    spend(client, need.messages if allowed else 0)
    if not allowed:
        raise _too_small(client, need)
    return client


_COLUMNS = tuple(field.attname for field in ApiClient._meta.concrete_fields)
_fetch = Fetch(lambda key: ApiClient.objects.filter(token_digest=key).order_by().values_list(*_COLUMNS), str)


def _with_digest(key: str) -> ApiClient | None:
    """Return the client with this token. As the ORM does it, but its statement is built once."""
    alias = router.db_for_write(ApiClient)  # a copy that lags behind would let a revoked token in
    with connections[alias].cursor() as cursor:
        rows = _fetch(cursor, key)
    return ApiClient.from_db(alias, _COLUMNS, rows[0]) if rows else None


def has_scope(client: ApiClient, scope: Scope) -> bool:
    """Tell whether the token of `client` may be used for `scope`."""
    return str(scope) in client.scopes


def _refuse_inactive(client: ApiClient) -> None:
    if client.revoked_at:
        raise _unknown(_("The token of this API client was revoked."), "token-revoked")
    if not client.enabled:
        raise _unknown(_("This API client is switched off."), "client-disabled")
    if client.expires_at and client.expires_at <= timezone.now():
        raise _unknown(_("The token of this API client is not valid any more: its time is over."), "token-expired")


def _unknown(detail: str, code: str) -> Problem:
    error = "" if code == "token-missing" else ', error="invalid_token"'
    return Problem(401, code, detail, headers={"WWW-Authenticate": f'Bearer realm="mailadmin"{error}'})


def _too_small(client: ApiClient, need: Need) -> Problem:
    wanted = " ".join(need.scopes)
    text = _("This needs a token with the scope {wanted}. The API client “{name}” has: {has}.")
    detail = text.format(
        wanted=_(" or ").join(need.scopes), name=client.name, has=", ".join(map(str, client.scopes)) or _("none")
    )
    challenge = f'Bearer realm="mailadmin", error="insufficient_scope", scope="{wanted}"'
    return Problem(403, "scope-missing", detail, more={"scope": wanted}, headers={"WWW-Authenticate": challenge})
