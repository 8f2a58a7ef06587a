"""The identity endpoint of the machine that we run on, which gives it tokens (learn.microsoft.com, "managed
identities for Azure resources"). The only place from which a cloud provider's metadata address can be reached: where
the request goes is said by the environment of this process or is Azure's own address, never by a setting of ours."""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.texts import _

from .http import Answer, HttpTimeouts, exchange, guarded_session
from .policy import NetworkPolicy

_VARIABLES = ("IDENTITY_ENDPOINT", "MSI_ENDPOINT", "AZURE_POD_IDENTITY_AUTHORITY_HOST")
_AZURE = ("http://169.254.169.254", "http://localhost:40342")  # virtual machines; servers joined by Azure Arc


def ask(url: str, params: Mapping[str, str], headers: Mapping[str, str], policy: NetworkPolicy) -> Answer:
    """Return what the identity endpoint `url` answers to a GET with `params` and `headers`.

    Raises MailError: IDENTITY_UNAVAILABLE when `policy` does not allow it, when `url` is no endpoint of this machine,
    and when it does not answer; nothing of `headers` is in it.
    """
    where = urlsplit(url)
    host, port = where.hostname or "", where.port or (80 if where.scheme == "http" else 443)
    if not policy.managed_identity:
        raise _unavailable(_("The settings of this site do not allow the managed identity of its server."))
    if _origin(url) not in _known():
        raise _unavailable(_("This is not the identity endpoint of the machine."), host, port)
    timeouts = HttpTimeouts(
        connect=limits.IDENTITY_CONNECT_SECONDS, read=limits.IDENTITY_SECONDS, total=limits.IDENTITY_SECONDS
    )
    with guarded_session(NetworkPolicy(own_machine=True), timeouts=timeouts) as session:
        session.mount("http://", session.adapter)
        try:
            return exchange(session, "GET", f"{url}?{urlencode(params)}", phase=Phase.TOKEN, headers=headers)
        except MailError as error:
            fault = error.fault
    text = _("The identity endpoint of this machine did not answer. {reason}").format(reason=fault.text)
    raise _unavailable(text.strip(), host, port)


def _known() -> set[tuple[str, str]]:
    named = (os.environ.get(variable, "") for variable in _VARIABLES)
    return {_origin(url) for url in (*named, *_AZURE) if url}


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def _unavailable(text: str, host: str = "", port: int | None = None) -> MailError:
    return MailError(Fault(Phase.TOKEN, Kind.IDENTITY_UNAVAILABLE, text, host=host, port=port))
