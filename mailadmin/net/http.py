"""The HTTP client for Entra and Graph: https only (but for public files), no redirect followed, nothing ever sent
twice, nothing taken from `.netrc`, and every failure one MailError that says whether the request may have been acted
on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.util.retry import Retry

from mailadmin.core import limits
from mailadmin.core.errors import MailError, mail_error
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.secret import Secret
from mailadmin.core.settings import Proxy, TlsSettings
from mailadmin.core.texts import _

from .environment import environment_ca
from .guarded import Broken, HttpTimeouts, NotConnected, guarded_pools
from .policy import NetworkPolicy

__all__ = ["Answer", "HttpTimeouts", "exchange", "fetch", "guarded_session", "split_host", "trusted"]


@dataclass(frozen=True)
class Answer:
    """What came back: status, headers (any case), and the body cut at the session's limit. The body
    is not printed, because a token answer is one too."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """Return the body as text; bytes that are not UTF-8 become replacement marks."""
        return self.body.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        """Return the body's JSON value, or None when it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def retry_after(self) -> float | None:
        """Return the seconds of Retry-After (RFC 9110 section 10.2.3), a date counted from the answer's own
        Date; None when there is none that can be read."""
        value = self.headers.get("Retry-After", "").strip()
        if value.isascii() and value.isdigit():
            return float(value)
        try:
            then = parsedate_to_datetime(value)
            return max((then - parsedate_to_datetime(self.headers.get("Date", ""))).total_seconds(), 0.0)
        except (TypeError, ValueError, OverflowError):  # the last one for a year of twenty digits
            return None


class GuardedSession(requests.Session):
    """A session without what requests does unasked: environment, .netrc, cookies, redirects."""

    def __init__(self, policy: NetworkPolicy, tls: TlsSettings, timeouts: HttpTimeouts, proxy: Proxy | None) -> None:
        super().__init__()
        self.trust_env = False
        self.timeouts = timeouts
        self.answer_bytes = limits.HTTP_ANSWER_BYTES
        self.headers["User-Agent"] = "mailadmin"
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.adapters.clear()
        self.adapter = HTTPAdapter(max_retries=Retry(total=False))
        self.adapter.poolmanager.pool_classes_by_scheme = guarded_pools(policy, tls, timeouts, proxy)
        self.mount("https://", self.adapter)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return nothing: a redirect is an answer like any other, and never gets the token."""


def guarded_session(
    policy: NetworkPolicy, ca_pem: str = "", timeouts: HttpTimeouts | None = None, proxy: Proxy | None = None
) -> GuardedSession:
    """Return a session whose connections go through the guarded dialler and our TLS checks, and by `proxy` or else
    by the environment's.

    `ca_pem` and the environment's bundle are trusted besides the system's certificates. Use it for one
    thread at a time and close it. Raises MailError when a CA cannot be read.
    """
    return GuardedSession(policy, trusted(ca_pem), timeouts or HttpTimeouts(), proxy)


def exchange(
    session: GuardedSession,
    method: str,
    url: str,
    *,
    phase: Phase,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    bearer: Secret | None = None,
    unsure_after_body: bool = False,
) -> Answer:
    """Send one request, once, and return its answer, whatever its status.

    `bearer` becomes the Authorization header. Raises MailError: phases DNS, TCP, PROXY and TLS when no
    connection came about, `phase` afterwards. With `unsure_after_body` a failure after the last byte
    of the request had left is DeliveryUnsure.
    """
    outcome = _attempt(session, method, url, phase, headers or {}, body, bearer, unsure_after_body)
    if isinstance(outcome, Fault):
        # Raised here, where no frame holds the headers.
        raise mail_error(outcome)
    return outcome


def fetch(url: str, policy: NetworkPolicy, seconds: float, size: int, proxy: Proxy | None = None) -> Answer:
    """Return the answer for a public file, by http or https, its body cut at `size` bytes, within `seconds`.

    Raises MailError.
    """
    timeouts = HttpTimeouts(connect=seconds / 2, read=seconds / 2, total=seconds / 2)  # two parts of the whole
    with guarded_session(policy, timeouts=timeouts, proxy=proxy) as session:
        session.mount("http://", session.adapter)
        session.answer_bytes = size
        return exchange(session, "GET", url, phase=Phase.TLS)


def split_host(host: str) -> tuple[str, int]:
    """Return name and port of "name", "name:port" or "[::1]:port"; the port is 443 when none is given.

    Raises MailError when it is no host.
    """
    try:
        parts = urlsplit(f"//{host}")
        if parts.hostname and not parts.path and not parts.username:
            return parts.hostname, parts.port or 443
    except ValueError:
        pass
    text = _("“{text}” is not a host name with an optional port, such as graph.microsoft.com.").format(text=host[:100])
    raise MailError(Fault(Phase.SETTINGS, Kind.ROUTE_INCOMPLETE, text, field="host"))


def trusted(ca_pem: str) -> TlsSettings:
    """Return how certificates are checked: `ca_pem` and the environment's bundle are trusted besides the system's."""
    return TlsSettings(ca_pem="\n".join(filter(None, (ca_pem.strip(), environment_ca()))))


def _attempt(
    session: GuardedSession,
    method: str,
    url: str,
    phase: Phase,
    headers: Mapping[str, str],
    body: bytes,
    bearer: Secret | None,
    unsure_after_body: bool,
) -> Answer | Fault:
    """Return the answer or what went wrong. Never raises, because its frames hold the token."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)
    try:
        # A packed answer could unpack to any size, and error bodies are small.
        request = requests.Request(method, url, {"Accept-Encoding": "identity", **headers}, data=body)
        prepared = session.prepare_request(request)
        if bearer:
            prepared.headers["Authorization"] = f"Bearer {bearer.reveal()}"
        response = session.send(prepared, stream=True, allow_redirects=False, timeout=session.timeouts.read)
        return _read(session, response)
    except NotConnected as failed:
        return failed.error.fault
    except Broken as broken:
        unsure = unsure_after_body and broken.request_left
        return Fault(phase, broken.kind, broken.text, host=host, port=port, maybe_sent=unsure)
    except ValueError as error:
        # Nothing left: requests refused the URL or a header. Its own words may hold that header.
        text = _("The request cannot be made from these settings ({reason}).").format(reason=type(error).__name__)
        return Fault(phase, Kind.ROUTE_INCOMPLETE, text, host=host, port=port)
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError):
        # Every break that is known has its own branch above; of any other the worst is assumed.
        text = _("The connection broke.")
        return Fault(phase, Kind.CLOSED, text, host=host, port=port, maybe_sent=unsure_after_body)


def _read(session: GuardedSession, response: requests.Response) -> Answer:
    """Return the answer; a body that breaks off is kept as far as it came, the status being known."""
    body = bytearray()
    try:
        while len(body) < session.answer_bytes:
            piece = response.raw.read1(limits.HTTP_CHUNK_BYTES, decode_content=True)
            if not piece:
                break
            body += piece
    except (urllib3.exceptions.HTTPError, OSError):
        pass
    finally:
        response.close()
    if response.status_code >= 500:
        session.close()  # Graph's advice after a 503: come back on a new connection
    headers: Mapping[str, str] = CaseInsensitiveDict(response.headers)
    return Answer(response.status_code, headers, bytes(body[: session.answer_bytes]))
