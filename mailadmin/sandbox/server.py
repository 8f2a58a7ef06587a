"""The sandbox: an SMTP server and a simulated Entra and Graph on this machine, to point routes at."""

from __future__ import annotations

from pathlib import Path

from .behaviour import Behaviour, Inbox
from .certificates import certificates
from .entra import Entra, Registration, Tokens
from .graph import Graph
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
    """Both servers. `folder` keeps the certificates; port 0 takes a free one, shown after `start`.

    `ca_pem` is what a connection must trust; `user` and `password` sign in by SMTP; `tenant`, `client_id`
    and `client_secret` get tokens; `https_host` is the sign-in host and the Graph host.
    """

    user, password = USER, PASSWORD
    tenant, client_id = REGISTRATION.tenant, REGISTRATION.client_id
    client_secret = REGISTRATION.client_secret

    def __init__(
        self, folder: Path, inbox: Inbox, behaviour: Behaviour, smtp_port: int = 0, https_port: int = 0
    ) -> None:
        """Raises ImportError with a sentence when aiosmtpd is missing, OSError when a port is taken."""
        try:
            from .smtp import Handler, SmtpServer
        except ImportError:
            raise ImportError("The sandbox needs aiosmtpd; install it with: pip install 'mailadmin[sandbox]'") from None
        made = certificates(folder)
        self.ca_pem = made.ca_pem
        self._behaviour = behaviour
        tokens = Tokens()
        self._entra = Entra(REGISTRATION, tokens, lambda: self.https_host)
        self._graph = Graph(tokens, inbox)
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

    def _answer(self, request: WebRequest) -> WebAnswer:
        fault = self._behaviour.graph()
        answer = self._entra.answer(request, fault) or self._graph.answer(request, fault)
        return answer or WebAnswer(404, {"error": {"code": "ResourceNotFound", "message": "No such page."}})
