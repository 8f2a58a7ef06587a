"""N17, P13: drafts, their files and upload sessions in the simulated Graph, and the look into the mailbox."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any
from urllib.parse import quote

import pytest

from mailadmin.sandbox import mailboxes
from mailadmin.sandbox.server import Sandbox
from tests.fakes.sandbox import Memory

from .asking import Client, Said

MIME = b"From: robot@example.org\r\nTo: a@example.org\r\nBcc: b@example.org\r\nSubject: Plan\r\nMessage-ID: <1@x>\r\n"
DRAFT = MIME + b"Content-Type: text/plain\r\n\r\nHello\r\n"
TO_A = [{"emailAddress": {"address": "a@example.org"}}]
MEGABYTE = 1_000_000


@pytest.fixture
def client(box: Sandbox) -> Iterator[Client]:
    with Client(box) as client:
        yield client


def a_file(content: bytes = b"abc", **changes: object) -> dict[str, object]:
    encoded = base64.b64encode(content).decode()
    return {"@odata.type": "#microsoft.graph.fileAttachment", "name": "a.bin", "contentBytes": encoded, **changes}


def a_draft(client: Client, raw: bytes = DRAFT) -> str:
    said = client.mime("/messages", raw)
    assert (said.status, said.json["isDraft"], said.json["subject"]) == (201, True, "Plan")
    return f"/messages/{said.json['id']}"


def a_session(client: Client, draft: str, size: int = 3 * MEGABYTE, **changes: object) -> Said:
    item = {"attachmentType": "file", "name": "Größe.bin", "size": size, **changes}
    return client.graph("POST", f"{draft}/attachments/createUploadSession", {"AttachmentItem": item})


def put(client: Client, url: str, content: bytes, start: int, total: int, **headers: str) -> Said:
    named = {
        "Content_Type": "application/octet-stream",
        "Content_Range": f"bytes {start}-{start + len(content) - 1}/{total}",
        **headers,
    }
    return client.ask("PUT", url, content, **named)


def parts_of(raw: bytes) -> tuple[EmailMessage, list[EmailMessage]]:
    message: Any = message_from_bytes(raw, policy=default)
    return message, [part for part in message.walk() if not part.is_multipart()]


def test_p13_a_draft_with_small_and_large_files_arrives_as_one_message(client: Client, memory: Memory) -> None:
    """P13."""
    draft, large = a_draft(client), bytes(range(250)) * 20_000
    added = client.graph("POST", f"{draft}/attachments", a_file(contentType="text/csv; charset=utf-8"))
    assert (added.status, added.json["size"]) == (201, 3)
    session = a_session(client, draft, len(large)).json
    assert session["nextExpectedRanges"] == ["0-"]
    url = session["uploadUrl"]
    first = put(client, url, large[: 3 * MEGABYTE], 0, len(large))
    assert (first.status, first.json["nextExpectedRanges"]) == (200, ["3000000"])
    assert client.ask("GET", url).json["nextExpectedRanges"] == ["3000000-"]
    last = put(client, url, large[3 * MEGABYTE :], 3 * MEGABYTE, len(large))
    assert (last.status, last.body) == (201, b"")
    assert "/attachments/" in last.headers["Location"]
    names = [one["name"] for one in client.graph("GET", f"{draft}/attachments").json["value"]]
    assert names == ["a.bin", "Größe.bin"]
    assert client.graph("POST", f"{draft}/send").status == 202
    (kept,) = memory.kept
    assert kept.recipients == ("a@example.org", "b@example.org")
    message, (text, csv, uploaded) = parts_of(kept.raw)
    assert (message["Bcc"], message.get_content_type(), message["Message-ID"]) == (None, "multipart/mixed", "<1@x>")
    assert text.get_content().strip() == "Hello"
    assert (csv.get_filename(), csv.get_content_type(), csv.get_payload(decode=True)) == ("a.bin", "text/csv", b"abc")
    assert (uploaded.get_filename(), uploaded.get_payload(decode=True)) == ("Größe.bin", large)


def test_p13_a_sent_draft_is_gone(client: Client, memory: Memory) -> None:
    draft = a_draft(client)
    assert client.graph("POST", f"{draft}/send").status == 202
    assert client.graph("POST", f"{draft}/send").code == "404 ErrorItemNotFound"
    assert client.graph("DELETE", draft).code == "404 ErrorItemNotFound"
    assert len(memory.kept) == 1


def test_a_draft_can_be_looked_at_changed_and_thrown_away(client: Client, memory: Memory) -> None:
    draft = a_draft(client)
    file = client.graph("POST", f"{draft}/attachments", a_file()).json["id"]
    assert client.graph("GET", draft).json["hasAttachments"] is True
    assert client.graph("DELETE", f"{draft}/attachments/{file}").status == 204
    assert client.graph("DELETE", f"{draft}/attachments/{file}").code == "404 ErrorItemNotFound"
    assert client.graph("DELETE", draft).status == 204
    assert client.graph("POST", f"{draft}/send").code == "404 ErrorItemNotFound"
    assert memory.kept == []


def test_a_draft_needs_its_recipients_only_when_it_is_sent_and_stays_when_refused(
    client: Client, memory: Memory
) -> None:
    made = client.graph("POST", "/messages", {"subject": "Plan"})
    draft = f"/messages/{made.json['id']}"
    assert client.graph("POST", f"{draft}/send").code == "400 ErrorInvalidRecipients"
    assert client.graph("POST", f"{draft}/send", b"x").code == "400 BadRequest"
    assert client.graph("GET", draft).status == 200
    assert memory.kept == []


def test_a_draft_with_an_unfinished_upload_is_not_sent(client: Client) -> None:
    draft = a_draft(client)
    url = a_session(client, draft).json["uploadUrl"]
    assert client.graph("POST", f"{draft}/send").status == 400
    assert client.ask("DELETE", url).status == 204
    assert client.ask("DELETE", url).code == "404 ErrorItemNotFound"
    assert client.graph("POST", f"{draft}/send").status == 202


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"size": 3 * MEGABYTE - 1}, "400 ErrorAttachmentSizeShouldNotBeLessThanMinimumSize"),
        ({"size": 150 * MEGABYTE + 1}, "413 ErrorAttachmentSizeLimitExceeded"),
        ({"attachmentType": "item"}, "400 RequestBodyRead"),
        ({"name": ""}, "400 ErrorRequiredPropertyMissing"),
        ({"colour": "red"}, "400 RequestBodyRead"),
        ({"size": "3000000"}, "400 RequestBodyRead"),
    ],
)
def test_an_upload_session_is_refused_for_what_it_is_not_meant_for(
    client: Client, item: dict[str, object], code: str
) -> None:
    assert a_session(client, a_draft(client), **({"size": 3 * MEGABYTE} | item)).code == code  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("start", "length", "headers", "code"),
    [
        (100, 100, {}, "416 InvalidRange"),
        (0, 4 * MEGABYTE + 1, {"Content_Range": "bytes 0-4000000/4500000"}, "413 BadRequest"),
        (0, 100, {"Content_Range": "bytes 0-99/4500001"}, "400 BadRequest"),
        (0, 100, {"Content_Range": "bytes 0-98/4500000"}, "400 BadRequest"),
        (0, 100, {"Content_Range": "0-99"}, "400 BadRequest"),
        (0, 100, {"Content_Type": "text/plain"}, "415 RequestBodyRead"),
        (0, 100, {"Authorization": "Bearer x"}, "401 InvalidAuthenticationToken"),
    ],
)
def test_a_piece_of_a_file_must_fit_exactly(
    client: Client, start: int, length: int, headers: dict[str, str], code: str
) -> None:
    url = a_session(client, a_draft(client), 4_500_000).json["uploadUrl"]
    assert put(client, url, bytes(length), start, 4_500_000, **headers).code == code
    assert put(client, url, bytes(100), 0, 4_500_000).status == 200


def test_an_upload_address_is_good_only_with_its_own_token(client: Client) -> None:
    url = a_session(client, a_draft(client)).json["uploadUrl"]
    for wrong in (url[:-1], url.partition("?")[0], url.replace("/uploads/", "/uploads/0"), "/uploads/"):
        assert put(client, wrong, b"x", 0, 3 * MEGABYTE).code == "404 ErrorItemNotFound"
    assert client.ask("POST", url, b"").code == "405 BadRequest"


def test_a_file_of_three_megabytes_needs_a_session(client: Client) -> None:
    draft = a_draft(client)
    assert client.graph("POST", f"{draft}/attachments", a_file(bytes(2_999_999))).status == 201
    assert client.graph("POST", f"{draft}/attachments", a_file(bytes(3_000_000))).code == "413 BadRequest"


def test_n7_a_sent_message_is_found_by_its_message_id(client: Client, memory: Memory) -> None:
    """Settling an unclear answer needs the mailbox to tell drafts from what was sent."""
    number = "<it's+1@example.org>"
    raw = DRAFT.replace(b"<1@x>", number.encode())

    def found(folder: str = "", query: str = "") -> list[Any]:
        wanted = quote("internetMessageId eq '{}'".format(number.replace("'", "''")))
        said = client.graph("GET", f"{folder}/messages?$filter={wanted}{query}")
        assert said.status == 200
        values: list[Any] = said.json["value"]
        return values

    assert found() == []
    draft = a_draft(client, raw)
    assert [one["isDraft"] for one in found()] == [True]
    assert found("/mailFolders/SentItems") == []
    client.graph("POST", f"{draft}/send")
    client.mime("/sendMail", raw)
    assert [one["isDraft"] for one in found(query="&$select=id,isDraft")] == [False, False]
    assert len(found("/mailFolders/sentitems", "&$top=1")) == 1
    assert client.graph("GET", "/messages?$filter=subject%20eq%20'x'").code == "400 BadRequest"
    assert client.graph("GET", "/messages?$search=x").code == "400 BadRequest"


def test_a_message_that_leaves_no_copy_is_not_found(client: Client, memory: Memory) -> None:
    message = {"toRecipients": TO_A, "internetMessageId": "<unsaved@x>"}
    assert client.graph("POST", "/sendMail", {"message": message, "saveToSentItems": False}).status == 202
    assert client.graph("GET", "/messages?$filter=internetMessageId%20eq%20'%3Cunsaved@x%3E'").json == {"value": []}


def test_what_the_sandbox_does_not_know_is_refused(client: Client) -> None:
    assert client.graph("GET", "/calendar").code == "404 ResourceNotFound"
    assert client.graph("PUT", "/sendMail", b"x").code == "405 ResourceNotFound"
    assert client.graph("GET", "").code == "403 Authorization_RequestDenied"
    draft = a_draft(client)
    assert client.graph("POST", f"{draft}/attachments", b"x", Content_Type="text/plain").code == "415 RequestBodyRead"
    assert client.graph("POST", f"{draft}/attachments", b"x").code == "400 BadRequest"


def test_drafts_are_bounded_in_number_size_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    store = mailboxes.Mailboxes(lambda: now)
    monkeypatch.setattr(mailboxes, "MAX_DRAFTS", 3)
    monkeypatch.setattr(mailboxes, "MAX_DRAFT_BYTES", 1000)

    def alive(draft: mailboxes.Draft) -> bool:
        return any(item["id"] == draft.id for item in store.find("m", "<1@x>", ""))

    drafts = [store.add_draft("m", DRAFT, []) for _ in range(4)]
    assert list(map(alive, drafts)) == [False, True, True, True]
    large = store.add_draft("m", DRAFT + bytes(900), [])
    assert list(map(alive, [*drafts[1:], large])) == [False, False, False, True]
    now = 3601
    assert (alive(store.add_draft("m", DRAFT, [])), alive(large)) == (True, False)
