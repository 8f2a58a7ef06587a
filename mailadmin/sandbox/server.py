"""The sandbox: an SMTP server and a simulated Entra and Graph on this machine, to point routes at."""

from __future__ import annotations

import time
from functools import cached_property
from pathlib import Path

from .assertions import Assertions, Issuer
from .behaviour import GRAPH_FAULTS, Behaviour, Inbox
from .certificates import certificates
from .client_key import client_certificate, signing_key
from .entra import Entra
from .faults import Faults, Occasions
from .graph import Graph
from .manners import MICROSOFTS, Limits, Manners, Statistics
from .tokens import Registration, Tokens
from .web import WebAnswer, WebRequest, WebServer

# Known to everybody, and of use on the loopback address of this machine only.
USER = "sandbox"
PASSWORD = "sandbox-password"  # noqa: S105
REGISTRATION = Registration(
    tenant="5a5db0c5-0000-4000-8000-000000000001",
    client_id="5a5db0c5-0000-4000-8000-000000000002",
    client_secret="sandbox-client-secret",  # noqa: S106
)
HOST = "localhost"


class Sandbox:
    """Both servers. `folder` keeps certificates and keys; port 0 takes a free one, shown after `start`.

    `ca_pem` is what a connection must trust; `user` and `password` sign in by SMTP; `tenant`, `client_id` and one of
    `client_secret`, `client_certificate` with `client_key` (PEM), or `assertion()` get tokens; `https_host` is the
    sign-in host and the Graph host.
    """

    user, password = USER, PASSWORD

    def __init__(
        self,
        folder: Path,
        inbox: Inbox,
        behaviour: Behaviour,
        smtp_port: int = 0,
        https_port: int = 0,
        *,
        limits: Limits = MICROSOFTS,
        registration: Registration = REGISTRATION,
    ) -> None:
        """Raises ImportError with a sentence when aiosmtpd is missing, OSError when a port is taken."""
        try:
            from .smtp import Handler, SmtpServer
        except ImportError:
            raise ImportError("The sandbox needs aiosmtpd; install it with: pip install 'mailadmin[sandbox]'") from None
        made = certificates(folder)
        self.folder, self.ca_pem = folder, made.ca_pem
        self.tenant, self.client_id = registration.tenant, registration.client_id
        self.client_secret = registration.client_secret
        self.client_certificate, self.client_key = client_certificate(folder)
        self._behaviour, self._occasions = behaviour, Occasions()
        self._manners = Manners(limits)
        tokens = Tokens()
        assertions = Assertions(self.client_id, self.client_certificate, lambda: self._issuer, time.time)
        self._entra = Entra(registration, tokens, assertions, self._manners, lambda: self.https_host)
        self._graph = Graph(registration, tokens, inbox, self._manners, lambda: self.https_host)
        handler = Handler(USER, PASSWORD, tokens, inbox, behaviour)
        self._smtp = SmtpServer(smtp_port, made.server_context(), handler)
        self._web = WebServer(https_port, made.server_context(), self._answer)

    def start(self) -> None:
        """Start both servers. Raises OSError when the SMTP port is taken."""
        try:
            self._smtp.start()
        except OSError:
            self._web.server_close()
            raise
        self._web.start()

    def stop(self) -> None:
        """Stop both servers and free their ports."""
        self._smtp.stop()
        self._web.stop()

    def assertion(self) -> str:
        """Return an assertion of another issuer whom the app registration trusts (federated); it holds for an hour."""
        return self._issuer.assertion(time.time())

    @property
    def statistics(self) -> Statistics:
        """Return what was counted since the start, or since `forget`."""
        return self._manners.statistics()

    def forget(self) -> None:
        """Start to count anew."""
        self._manners.forget()

    @property
    def smtp_port(self) -> int:
        """Return the port of the SMTP server."""
        return self._smtp.port

    @property
    def https_port(self) -> int:
        """Return the port of Entra and Graph."""
        return self._web.server_port

    @property
    def https_host(self) -> str:
        """Return the sign-in host and Graph host, with the port ("localhost:8443")."""
        return f"{HOST}:{self.https_port}"

    @cached_property
    def _issuer(self) -> Issuer:
        return Issuer(f"https://{HOST}/federation", signing_key(self.folder / "issuer.key"))

    def _answer(self, request: WebRequest) -> WebAnswer:
        name = self._behaviour.graph()
        faults = Faults(name, GRAPH_FAULTS.get(name), self._occasions)
        answer = self._entra.answer(request, faults) or self._graph.answer(request, faults)
        return answer or WebAnswer(404, {"error": {"code": "ResourceNotFound", "message": "No such page."}})
