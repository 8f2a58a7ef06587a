"""One POST to an address that is itself a secret: by the guarded dialler, verified, within a time, no redirect
followed. It goes beside the pools of our HTTP client, because they write the path of a request into their log."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from urllib.parse import urlsplit

from mailadmin.core.errors import MailError, mail_error
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.secret import Secret
from mailadmin.core.settings import TlsSettings
from mailadmin.core.texts import _

from .environment import environment_ca
from .guarded import Broken, GuardedConnection, HttpTimeouts, NotConnected, explain_break, guarded_pools
from .http import Answer
from .policy import NetworkPolicy


def post(url: Secret, body: bytes, headers: Mapping[str, str], policy: NetworkPolicy, seconds: float) -> Answer:
    """Send `body` (JSON) to `url` ("https://...", or "http://..."), once, and return the answer without its body. The
    connection has `seconds` to come about, and the answer as many.

    Raises MailError, which names the host alone: phases DNS, TCP, PROXY and TLS when no connection came about, GRAPH
    (a request over HTTP) afterwards, SETTINGS when the address or a header cannot be used.
    """
    timeouts = HttpTimeouts(connect=seconds, read=seconds, total=seconds)
    tls = TlsSettings(ca_pem=environment_ca())
    outcome = _posted(url, body, headers, policy, tls, timeouts)
    if isinstance(outcome, Fault):
        raise mail_error(outcome)  # here, where no frame holds the address
    return outcome


def _posted(
    url: Secret,
    body: bytes,
    headers: Mapping[str, str],
    policy: NetworkPolicy,
    tls: TlsSettings,
    timeouts: HttpTimeouts,
) -> Answer | Fault:
    """Return the answer or what went wrong. Never raises an error of the exchange: its frames hold the address."""
    host, port = "", None
    try:
        parts = urlsplit(url.reveal())
        host, port = parts.hostname or "", parts.port
        pool = guarded_pools(policy, tls, timeouts, None)[parts.scheme]
        connection: GuardedConnection = pool.ConnectionCls(host, port)  # type: ignore[assignment]  # made by us
        try:
            return _exchange(connection, f"{parts.path or '/'}{parts.query and '?'}{parts.query}", body, headers)
        finally:
            connection.close()
    except NotConnected as failed:
        return failed.error.fault
    except Broken as broken:
        return Fault(Phase.GRAPH, broken.kind, broken.text, host=host, port=port)
    except MailError as error:  # the address cannot be opened
        return error.fault
    except (KeyError, ValueError, http.client.InvalidURL):
        return Fault(Phase.SETTINGS, Kind.ROUTE_INCOMPLETE, _("The webhook address cannot be used."), host=host)
    except (OSError, http.client.HTTPException) as error:
        return Fault(Phase.GRAPH, *explain_break(error), host=host, port=port)


def _exchange(connection: GuardedConnection, target: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Return status and headers of the answer; the body stays unread."""
    sent = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "mailadmin", **headers}
    connection.request("POST", target, body, sent)
    # Not urllib3's own: it writes the address into its log when a header of the answer is odd.
    answer = http.client.HTTPConnection.getresponse(connection)
    with answer:
        return Answer(answer.status, {name.title(): value for name, value in answer.getheaders()}, b"")
