"""N17: each fault of Entra and Graph can be rehearsed, and does what the console says of it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from mailadmin.core import limits
from mailadmin.core.errors import DeliveryUnsure, MailError
from mailadmin.core.fault import Phase
from mailadmin.core.knowledge import explain
from mailadmin.net.policy import NetworkPolicy
from mailadmin.sandbox.behaviour import GRAPH_FAULTS, SMTP_FAULTS
from mailadmin.sandbox.faults import ATTACHMENT, MESSAGE, RANGE, REQUEST, SEND, TOKEN, GraphFault
from mailadmin.sandbox.server import Sandbox
from mailadmin.transports.entra.tokens import fetch_token
from mailadmin.transports.graph.transport import GraphTransport
from tests.core.failures import make
from tests.fakes.routes import a_mail
from tests.fakes.sandbox import Memory, by_graph, sandbox_app, sandbox_oauth

from .asking import Client

MIME = b"From: robot@example.org\r\nTo: a@example.org\r\n\r\nHello"
CUT = "cut"
ANSWERED = {name: fault for name, fault in GRAPH_FAULTS.items() if fault.at in (REQUEST, MESSAGE)}
OF_TOKENS = {name: fault for name, fault in GRAPH_FAULTS.items() if fault.at == TOKEN}
UNCLEAR = [name for name, fault in GRAPH_FAULTS.items() if fault.group.startswith("No clear answer")]


@pytest.fixture
def client(box: Sandbox) -> Iterator[Client]:
    with Client(box) as client:
        client.token = client.token_for().json["access_token"]
        yield client


def sent(client: Client, path: str = "/sendMail", raw: bytes = MIME) -> str:
    """Return what the sandbox says to a message ("" for the draft `path` to be sent)."""
    try:
        return (client.mime(path, raw) if path == "/sendMail" else client.graph("POST", path)).code
    except ConnectionError:
        return CUT


def expected(fault: GraphFault) -> str:
    if not fault.status:
        return CUT
    return str(fault.status) if fault.page is not None else f"{fault.status} {fault.code}"


def test_every_fault_has_its_words() -> None:
    for fault in (*SMTP_FAULTS.values(), *GRAPH_FAULTS.values()):
        assert fault.label
        assert fault.group
        assert fault.does.endswith(".")
    labels = [fault.label for fault in GRAPH_FAULTS.values()]
    assert len(set(labels)) == len(labels)
    assert all(len(name) <= 40 for name in (*SMTP_FAULTS, *GRAPH_FAULTS))


@pytest.mark.parametrize("name", ANSWERED)
def test_n17_a_message_meets_the_fault(client: Client, memory: Memory, name: str) -> None:
    fault = ANSWERED[name]
    memory.graph_fault = name
    raw = MIME.replace(b"robot@", b"other@") if fault.other_sender else MIME
    assert sent(client, raw=raw) == expected(fault)
    assert len(memory.kept) == fault.taken
    memory.graph_fault = ""
    assert sent(client) == "202"


@pytest.mark.parametrize("name", UNCLEAR)
def test_n17_unclear_answers_are_unsure_for_the_product(box: Sandbox, memory: Memory, name: str) -> None:
    memory.graph_fault = name
    with pytest.raises(DeliveryUnsure):
        by_graph(box)
    assert len(memory.kept) == GRAPH_FAULTS[name].taken


@pytest.mark.parametrize("name", OF_TOKENS)
def test_n17_a_request_for_a_token_meets_the_fault(
    client: Client, memory: Memory, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "TOKEN_PAUSE_SECONDS", 0)
    app, fault = sandbox_app(client.box), OF_TOKENS[name]
    memory.graph_fault = name
    with pytest.raises(MailError) as caught:
        fetch_token(app, (f"https://{client.box.https_host}/.default",), NetworkPolicy(), fresh=True)
    assert caught.value.fault.aadsts == (str(fault.aadsts) if fault.aadsts else "")
    # Who is refused for good loses the tokens of before; who only waits does not.
    assert sent(client) == ("401 InvalidAuthenticationToken" if fault.status in (400, 401) else "202")


@pytest.mark.parametrize(
    ("name", "roles", "codes"),
    [
        ("no-roles", None, ("401 NoPermissionsInAccessToken",) * 3),
        ("no-send", ["Mail.ReadWrite", "Mail.Read"], ("403 ErrorAccessDenied", "201", "200")),
        ("no-read", ["Mail.Send"], ("202", "403 ErrorAccessDenied", "403 ErrorAccessDenied")),
        ("no-read-write", ["Mail.Send", "Mail.Read"], ("202", "403 ErrorAccessDenied", "200")),
        ("scoped", None, ("202", "201", "200")),
    ],
)
def test_n17_permissions_are_missing_in_new_tokens_and_in_old_ones(
    client: Client, memory: Memory, name: str, roles: list[str] | None, codes: tuple[str, ...]
) -> None:
    memory.graph_fault = name
    app, scope = sandbox_app(client.box), f"https://{client.box.https_host}/.default"
    assert fetch_token(app, (scope,), NetworkPolicy(), fresh=True).claims.get("roles") == roles
    look = client.graph("GET", "/messages?$filter=internetMessageId%20eq%20'%3Cx@x%3E'")
    assert (sent(client), client.mime("/messages", MIME).code, look.code) == codes


def test_n17_the_sender_itself_may_send_while_others_are_denied(client: Client, memory: Memory) -> None:
    memory.graph_fault = "send-as-other"
    assert sent(client, raw=MIME.replace(b"robot@", b"Robot@")) == "202"
    assert sent(client, raw=MIME.replace(b"robot@", b"shop@")) == "403 ErrorSendAsDenied"


def test_n17_a_fault_that_passes_works_the_second_time(client: Client, memory: Memory) -> None:
    memory.graph_fault = "429-once"
    codes = {sent(client), sent(client)}
    assert codes == {"202", "429 ApplicationThrottled"}


@pytest.mark.parametrize("name", [name for name, fault in GRAPH_FAULTS.items() if fault.at == SEND])
def test_n17_sending_a_draft_meets_the_fault(client: Client, memory: Memory, name: str) -> None:
    memory.graph_fault, fault = name, GRAPH_FAULTS[name]
    assert sent(client) == "202"  # a message that comes whole does not
    memory.kept.clear()
    draft = f"/messages/{client.mime('/messages', MIME).json['id']}"
    assert sent(client, f"{draft}/send") == expected(fault)
    assert len(memory.kept) == fault.taken
    memory.graph_fault = ""
    assert sent(client, f"{draft}/send") == ("404 ErrorItemNotFound" if fault.taken else "202")


@pytest.mark.parametrize("name", [name for name, fault in GRAPH_FAULTS.items() if fault.at in (RANGE, ATTACHMENT)])
def test_n17_bringing_a_file_meets_the_fault(client: Client, memory: Memory, name: str) -> None:
    memory.graph_fault, fault = name, GRAPH_FAULTS[name]
    files = f"/messages/{client.mime('/messages', MIME).json['id']}/attachments"
    size = 3_000_000
    item = {"attachmentType": "file", "name": "a.bin", "size": size}
    url = client.graph("POST", f"{files}/createUploadSession", {"AttachmentItem": item}).json["uploadUrl"]
    encoded = base64.b64encode(b"abc").decode()
    small = {"@odata.type": "#microsoft.graph.fileAttachment", "name": "a.bin", "contentBytes": encoded}

    def bring(start: int) -> str:
        try:
            if fault.at == ATTACHMENT:
                return client.graph("POST", files, small).code
            piece = {"Content_Range": f"bytes {start}-{start + 999_999}/{size}"}
            return client.ask("PUT", url, bytes(1_000_000), Content_Type="application/octet-stream", **piece).code
        except ConnectionError:
            return CUT

    codes = [bring(0)]
    done = client.ask("GET", url).json["nextExpectedRanges"] if fault.at == RANGE else []
    codes.append(bring(int(done[0].rstrip("-")) if done else 0))
    struck = [code == expected(fault) for code in codes]
    assert sorted(struck) == ([False, True] if fault.every == 2 else [True, True])


@pytest.mark.parametrize(("name", "arrives"), [("", 1), ("range-lost", 1), ("upload-expired", 0), ("no-read-write", 0)])
def test_p13_a_large_message_arrives_once_or_not_at_all(box: Sandbox, memory: Memory, name: str, arrives: int) -> None:
    """P13."""
    memory.graph_fault = name
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"] = "robot@example.org", "a@example.org"
    message.set_content("Large")
    file = bytes(range(256)) * 30_000
    message.add_attachment(file, maintype="application", subtype="octet-stream", filename="a.bin")
    transport = GraphTransport(replace(sandbox_oauth(box), large_messages=True), NetworkPolicy())
    with closing(transport), nullcontext() if arrives else pytest.raises(MailError):
        transport.send(a_mail(content=message.as_bytes()))
    assert len(memory.kept) == arrives
    for kept in memory.kept:
        parts = message_from_bytes(kept.raw).walk()
        assert [part.get_payload(decode=True) for part in parts if part.get_filename()] == [file]


# What the console says of each reply of SMTP to rehearse, by the entry of the knowledge base.
EXPLAINED = {
    "535": "microsoft-smtp-off-mailbox",
    "535-tenant": "microsoft-smtp-off-tenant",
    "535-refused": "microsoft-5-7-3",
    "550-basic": "microsoft-basic-disabled",
    "454": "auth-4xx",
    "550-sender": "send-as-denied",
    "send-as-denied": "send-as-denied",
    "550-recipient": "recipient-unknown",
    "452": "server-storage",
    "432": "too-many-connections",
    "554-day": "daily-limit",
    "554-full": "sender-mailbox-full",
    "552-size": "message-too-large",
    "554-spam": "spam-refused",
}


def test_n17_each_rehearsed_reply_of_smtp_is_explained_as_what_it_rehearses() -> None:
    """N17: a rehearsal is for reading what the console says when it is serious."""
    phases = {"auth": Phase.AUTH, "sender": Phase.SENDER, "recipient": Phase.RECIPIENT, "data": Phase.DATA}
    replies = {name: fault for name, fault in SMTP_FAULTS.items() if fault.reply}
    found = {name: explain(make.smtp(phases[fault.at], fault.reply, "localhost")).id for name, fault in replies.items()}
    assert found == EXPLAINED
