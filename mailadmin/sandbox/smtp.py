"""The sandbox's SMTP server: STARTTLS, sign-in by password or token, and the faults to rehearse.

Built on aiosmtpd (the extra `mailadmin[sandbox]`).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import ssl
import threading
from collections import defaultdict
from typing import Any
from weakref import WeakSet

from aiosmtpd.smtp import MISSING, SMTP, AuthResult, LoginPassword

from .behaviour import SMTP_FAULTS, Behaviour, Inbox
from .faults import SmtpFault
from .tokens import SMTP_ROLE, Tokens

AUTH_LINE_BYTES = 12_288  # RFC 4954 section 4: a token makes the line long
MAX_LINE_BYTES = 1000  # RFC 5321 section 4.5.3.1.6, with its CRLF
MAX_MESSAGE_BYTES = 35_000_000  # as Exchange Online by default
START_SECONDS = 10


class SandboxSession(SMTP):
    """One connection; lines may be as long as a token needs."""

    command_size_limits = defaultdict(lambda: AUTH_LINE_BYTES)
    line_length_limit = AUTH_LINE_BYTES
    wire: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport below any TLS: one whose TLS farewell is not answered can only be ended there."""
        self.wire = self.wire or transport
        super().connection_made(transport)


class Handler:
    """Decides about sign-in, recipients and messages. The inbox and the behaviour may use a database, so
    they are asked in a helper thread, never on the event loop."""

    def __init__(self, user: str, password: str, tokens: Tokens, inbox: Inbox, behaviour: Behaviour) -> None:
        self._user, self._password, self._tokens = user, password, tokens
        self._inbox, self._behaviour = inbox, behaviour

    async def handle_AUTH(self, server: SMTP, session: Any, envelope: Any, args: Any) -> Any:  # noqa: N802
        """Refuse any sign-in while that fault is rehearsed (aiosmtpd's hook)."""
        fault = await self._fault("auth")
        return fault.reply if fault else MISSING

    def authenticate(
        self, server: SMTP, session: Any, envelope: Any, mechanism: str, login: LoginPassword
    ) -> AuthResult:
        """Check user and password (AUTH PLAIN and LOGIN)."""
        given = (bytes(login.login), bytes(login.password))
        right = (self._user.encode(), self._password.encode())
        fits = [hmac.compare_digest(one, other) for one, other in zip(given, right, strict=True)]
        return AuthResult(success=all(fits), handled=False, auth_data=login)

    async def auth_XOAUTH2(self, server: SMTP, args: list[str]) -> AuthResult:  # noqa: N802
        """Check a token of the sandbox's Entra (aiosmtpd finds the method by its name)."""
        if len(args) == 2:
            given: Any = args[1].encode()
            try:
                given = base64.b64decode(given, validate=True)
            except binascii.Error:
                given = b""
        else:
            given = await server.challenge_auth("")
        if given is MISSING:
            return AuthResult(success=False, handled=True)
        fields = dict(part.partition(b"=")[::2] for part in given.split(b"\x01") if part)
        kind, _, token = fields.get(b"auth", b"").decode("utf-8", "replace").partition(" ")
        claims = self._tokens.check(token) if kind.lower() == "bearer" else None
        if claims and SMTP_ROLE in claims.get("roles", ()) and fields.get(b"user"):
            return AuthResult(success=True, handled=False, auth_data=None)
        return AuthResult(success=False, handled=False, message="535 5.7.3 Authentication unsuccessful")

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """Take a sender (aiosmtpd's hook)."""
        if fault := await self._fault("sender"):
            return fault.reply
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Sender ok"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """Take a recipient (aiosmtpd's hook)."""
        if fault := await self._fault("recipient"):
            return fault.reply
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient ok"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802
        """Take a message (aiosmtpd's hook)."""
        raw = bytes(envelope.content)
        if any(len(line) > MAX_LINE_BYTES for line in raw.splitlines(keepends=True)):
            return "500 5.6.0 A line is longer than 998 characters"
        fault = await self._fault("data")
        if fault and fault.reply:
            return fault.reply
        recipients = list(envelope.rcpt_tos)
        await asyncio.to_thread(self._inbox.keep, "smtp", envelope.mail_from or "", recipients, raw)
        if fault:
            cut(server)
        return "250 2.0.0 Kept in the sandbox"

    async def _fault(self, at: str) -> SmtpFault | None:
        fault = SMTP_FAULTS.get(await asyncio.to_thread(self._behaviour.smtp))
        return fault if fault and fault.at == at else None


class SmtpServer:
    """Serves `handler` on the loopback address, in a thread with an event loop of its own."""

    def __init__(self, port: int, context: ssl.SSLContext, handler: Handler) -> None:
        self.port = port
        self._context, self._handler = context, handler
        self._sessions: WeakSet[SandboxSession] = WeakSet()
        self._ready = threading.Event()
        self._failure: OSError | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="sandbox-smtp", daemon=True)

    def start(self) -> None:
        """Start to serve; port 0 takes a free one. Raises OSError when the port is taken."""
        self._thread.start()
        if not self._ready.wait(START_SECONDS):
            raise TimeoutError("The sandbox's SMTP server did not start.")
        if self._failure:
            raise self._failure

    def stop(self) -> None:
        """Cut every connection and free the port."""
        if self._loop and self._stopping and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        try:
            server = await self._loop.create_server(self._session, "127.0.0.1", self.port)
        except OSError as error:
            self._failure = error
            self._ready.set()
            return
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopping.wait()
        server.close()
        for session in list(self._sessions):
            cut(session)
        await asyncio.sleep(0)

    def _session(self) -> SandboxSession:
        session = SandboxSession(
            self._handler,
            hostname="sandbox.invalid",
            ident="mailadmin sandbox",
            data_size_limit=MAX_MESSAGE_BYTES,
            enable_SMTPUTF8=True,
            tls_context=self._context,
            authenticator=self._handler.authenticate,
            loop=self._loop,
        )
        self._sessions.add(session)
        return session


def cut(session: SMTP) -> None:
    """End a connection at once, without a goodbye."""
    if isinstance(session, SandboxSession) and isinstance(session.wire, asyncio.WriteTransport):
        session.wire.abort()
