"""The requests of an upload session: to the host that Graph named, without a token, and with an address that is itself
a secret, because whoever has it may write into the message."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import SplitResult, urlsplit

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.redact import clean
from mailadmin.core.secret import Secret
from mailadmin.core.settings import EntraApp
from mailadmin.core.texts import _
from mailadmin.net.http import Answer, exchange
from mailadmin.net.policy import NetworkPolicy
from mailadmin.transports.entra.sign_in import Note

from .manners import place
from .pool import POOL, way_to


def ask_upload_host(
    method: str,
    url: Secret,
    body: bytes,
    headers: Mapping[str, str],
    app: EntraApp,
    policy: NetworkPolicy,
    note: Note,
) -> Answer | Fault:
    """Return the answer, or what went wrong. Raises nothing of the mail family, because its frames hold the address.

    The request takes one of the places of `app`, and its way; `note` is told the dialogue without the address.
    """
    address = url.reveal()
    parts = _parts(address)
    if parts is None:
        text = _("Graph named an address for the upload that is not one of https.")
        return Fault(Phase.GRAPH, Kind.UPLOAD_BROKEN, text, host=app.cloud.graph_host)
    secret = _("the rest of the address is a secret")
    note(f"> {method} https://{parts.netloc}/… ({secret})")
    for name, value in headers.items():
        note(f"> {name}: {value}")
    try:
        with place(app), POOL.session(way_to(parts.netloc, app, policy)) as lent, _unlogged():
            answer = exchange(lent.session, method, address, phase=Phase.GRAPH, headers=headers, body=body)
    except MailError as error:
        return error.fault
    note(f"< {answer.status}")
    if answer.body:
        note("< " + clean(answer.text, [address, parts.path, parts.query]))
    return answer


def _parts(address: str) -> SplitResult | None:
    """Return the parts of an address that may be asked: https, and no sign-in data in it."""
    try:
        parts = urlsplit(address)
        fine = parts.scheme == "https" and parts.hostname and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return None
    return parts if fine else None


class _Unlogged(logging.Filter):
    """Keeps out of every log what the HTTP library says of a request with a secret address."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not getattr(_thread, "secretive", False)


@contextmanager
def _unlogged() -> Iterator[None]:
    _thread.secretive = True
    try:
        yield
    finally:
        _thread.secretive = False


_thread = threading.local()
# The first one logs each address at DEBUG, the second one an answer with odd headers, with the address, as a warning.
for _name in ("urllib3.connectionpool", "urllib3.connection"):
    logging.getLogger(_name).addFilter(_Unlogged())
