"""S26, S12: what can be attached, by whatever a program holds in its hands."""

from __future__ import annotations

import io
import os
import tempfile
from email import message_from_bytes, policy
from email.message import EmailMessage as Parsed
from email.mime.image import MIMEImage
from pathlib import Path
from typing import Any

import django
import pytest
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from django.core.mail import EmailAttachment
from hypothesis import given, settings
from hypothesis import strategies as st

from mailadmin import BadMessage, Message
from mailadmin.core import limits
from mailadmin.delivery.convert import convert, dress
from mailadmin.transports.graph.json_form import json_message
from tests.fakes.routes import oauth_route

PDF = b"%PDF-1.7 \x00\xff"


def files(*given: Any, **more: Any) -> list[tuple[str, str, bytes]]:
    """Return name, type and content of each attachment, as a reader of the message gets them."""
    return read(Message("s", "b", "f@x.org", "a@b.org", attachments=given, **more))


def read(message: Message) -> list[tuple[str, str, bytes]]:
    parsed = message_from_bytes(bytes(convert(message).content), policy=policy.default)
    assert isinstance(parsed, Parsed)
    return [
        (str(part.get_filename()), part.get_content_type(), part.get_payload(decode=True))  # type: ignore[misc]  # bytes
        for part in parsed.iter_attachments()
    ]


class Download:
    """A stream that can be read once, as those of HTTP clients."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def read(self, size: int = -1) -> bytes:
        return self._content.read(min(size, 3) if size > 0 else 3)


class TestWhatCanBeAttached:
    def test_s12_a_path(self, tmp_path: Path) -> None:
        file = tmp_path / "Bericht März.pdf"
        file.write_bytes(PDF)
        expected = [("Bericht März.pdf", "application/pdf", PDF)]
        assert files(file) == files(str(file)) == expected

    def test_s26_an_open_file_has_a_name(self, tmp_path: Path) -> None:
        (tmp_path / "list.csv").write_bytes(b"a;b\nc;\xc3\xa4")
        with (tmp_path / "list.csv").open("rb") as file:
            assert files(file) == [("list.csv", "text/csv", b"a;b\nc;\xc3\xa4")]
            assert file.tell() == 0

    @pytest.mark.parametrize(
        ("given_", "name", "kind", "content"),
        [
            (PDF, "attachment-1.pdf", "application/pdf", PDF),
            (bytearray(b"\x89PNG\r\n\x1a\n"), "attachment-1.png", "image/png", b"\x89PNG\r\n\x1a\n"),
            (b"\x00\x01", "attachment-1.bin", "application/octet-stream", b"\x00\x01"),
            (io.BytesIO(PDF), "attachment-1.pdf", "application/pdf", PDF),
            (io.StringIO("Grüße"), "attachment-1.txt", "text/plain", "Grüße".encode()),
            (("a.pdf", PDF), "a.pdf", "application/pdf", PDF),
            (("a.pdf", io.BytesIO(PDF)), "a.pdf", "application/pdf", PDF),
            (("data", PDF, "application/x-own"), "data", "application/x-own", PDF),
            (("", io.BytesIO(b"x"), "image/gif"), "attachment-1.gif", "image/gif", b"x"),
            (("a.json", '{"ä": 1}'), "a.json", "application/json", '{"ä": 1}'.encode()),
            (("a.bin", memoryview(b"xyz")), "a.bin", "application/octet-stream", b"xyz"),
            (("empty.bin", b""), "empty.bin", "application/octet-stream", b""),
            (["a.pdf", PDF], "a.pdf", "application/pdf", PDF),
            (EmailAttachment("a.pdf", PDF, "application/pdf"), "a.pdf", "application/pdf", PDF),
            (("../../etc/passwd", b"x", "text/plain"), "passwd", "text/plain", b"x"),
            (ContentFile(PDF, name="folder/a.pdf"), "a.pdf", "application/pdf", PDF),
            (SimpleUploadedFile("a.dat", PDF, content_type="application/pdf"), "a.dat", "application/pdf", PDF),
            (SimpleUploadedFile("a.pdf", PDF, content_type="nonsense"), "a.pdf", "application/pdf", PDF),
            (Download(PDF), "attachment-1.pdf", "application/pdf", PDF),
            (("d.pdf", Download(PDF)), "d.pdf", "application/pdf", PDF),
        ],
        ids=range(20),
    )
    def test_s26_its_type_and_name_are_guessed_when_missing(
        self, given_: Any, name: str, kind: str, content: bytes
    ) -> None:
        ((found_name, found_kind, found),) = files(given_)
        assert (found_name, found_kind, found.rstrip(b"\r\n")) == (name, kind, content.rstrip(b"\r\n"))

    @settings(max_examples=40, deadline=None)
    @given(st.binary(max_size=200), st.sampled_from(["a.txt", "a.csv", "a.xml", "a.bin", "a.html", "big.pdf"]))
    def test_s26_no_byte_of_a_stream_changes(self, content: bytes, name: str) -> None:
        content = content * 50 if name.startswith("big") else content
        assert files((name, io.BytesIO(content)))[0][2] == content

    def test_a_stream_is_read_from_its_beginning_and_left_where_it_stood(self) -> None:
        stream = io.BytesIO()
        stream.write(PDF)  # and nobody winds it back
        assert files(stream)[0][2] == PDF
        assert stream.tell() == len(PDF)

    def test_a_file_of_a_storage_is_opened_and_closed(self, tmp_path: Path) -> None:
        storage = FileSystemStorage(tmp_path)
        storage.save("a.pdf", ContentFile(PDF))
        file = storage.open("a.pdf")
        file.close()
        assert files(file) == [("a.pdf", "application/pdf", PDF)]
        assert file.closed

    def test_a_large_upload_from_a_temporary_file(self) -> None:
        with TemporaryUploadedFile("a.pdf", "application/pdf", len(PDF), None) as file:
            file.write(PDF)
            assert files(file) == [("a.pdf", "application/pdf", PDF)]

    def test_a_file_without_a_name_of_its_own(self) -> None:
        with tempfile.TemporaryFile() as file:  # its name is a number
            file.write(PDF)
            assert files(file)[0][0] == "attachment-1.pdf"

    def test_a_message_is_forwarded_whole(self) -> None:
        inner = Message("inner", "x", "f@x.org", "a@b.org")
        message = Message("s", "b", "f@x.org", "a@b.org", attachments=[("", inner, "message/rfc822")])
        parsed = message_from_bytes(bytes(convert(message).content), policy=policy.default)
        (attached,) = parsed.iter_attachments()  # type: ignore[union-attr]  # a message of the modern kind
        assert attached.get_content()["Subject"] == "inner"

    def test_a_part_that_is_ready_stays_as_it_is(self) -> None:
        if django.VERSION >= (6, 0):
            part = Parsed()
            part.set_content(b"GIF8", "image", "gif", filename="x.gif")
            part["X-Own"] = "1"
        else:
            part = MIMEImage(b"GIF8", "gif")  # type: ignore[assignment]  # what that Django takes
            part.add_header("Content-Disposition", "attachment", filename="x.gif")
        assert files(part) == [("x.gif", "image/gif", b"GIF8")]


class TestAttach:
    def test_as_django_does(self) -> None:
        message = Message("s", "b", "f@x.org", "a@b.org")
        message.attach("a.txt", "text")
        message.attach(None, PDF, "application/pdf")  # type: ignore[arg-type]  # Django takes it
        message.attach("b.pdf", io.BytesIO(PDF))
        assert [(one.filename, one.mimetype) for one in message.attachments] == [
            ("a.txt", "text/plain"), ("attachment-2.pdf", "application/pdf"), ("b.pdf", "application/pdf"),
        ]  # fmt: skip

    def test_one_thing_alone(self, tmp_path: Path) -> None:
        (tmp_path / "a.pdf").write_bytes(PDF)
        message = Message("s", "b", "f@x.org", "a@b.org")
        message.attach(tmp_path / "a.pdf")
        message.attach_file(tmp_path / "a.pdf")
        message.attach(PDF)
        assert [file[0] for file in read(message)] == ["a.pdf", "a.pdf", "attachment-3.pdf"]

    def test_a_text_alone_is_a_name_as_in_django_and_no_path(self) -> None:
        with pytest.raises(BadMessage) as caught:
            Message("s", "b", "f@x.org", "a@b.org").attach("/etc/passwd")
        assert caught.value.code == "attachment-empty"


class TestInline:
    def test_a_picture_stands_beside_the_html(self) -> None:
        message = Message("s", "text", "f@x.org", "a@b.org", attachments=[("a.pdf", PDF * 1000), ("b.pdf", PDF)])
        address = message.attach_inline(b"GIF8", name="logo.gif")
        message.attach_alternative(f'<img src="{address}">', "text/html")
        parsed = message_from_bytes(bytes(convert(message).content), policy=policy.default)
        kinds = [part.get_content_type() for part in parsed.walk()]
        assert kinds == [
            "multipart/mixed", "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/gif",
            "application/pdf", "application/pdf",
        ]  # fmt: skip
        (picture,) = [part for part in parsed.walk() if part.get_content_type() == "image/gif"]
        assert (picture["Content-ID"], picture.get_filename()) == (f"<{address.removeprefix('cid:')}>", "logo.gif")
        assert picture.get_content_disposition() == "inline"
        assert [part.get_payload(decode=True) for part in list(parsed.walk())[-2:]] == [PDF * 1000, PDF]

    def test_html_alone(self) -> None:
        message = Message("s", '<img src="cid:logo@x">', "f@x.org", "a@b.org", is_html=True)
        assert message.attach_inline(("logo.png", b"\x89PNG"), "<logo@x>") == "cid:logo@x"
        parsed = message_from_bytes(bytes(convert(message).content), policy=policy.default)
        assert [part.get_content_type() for part in parsed.walk()] == ["multipart/related", "text/html", "image/png"]
        assert parsed["Content-Type"].params["type"] == "text/html"  # RFC 2387 section 3.1
        assert parsed["To"] == "a@b.org"

    def test_graph_takes_it_without_a_copy_too(self) -> None:
        message = Message("s", '<img src="cid:logo">', "robot@example.org", "a@b.org", is_html=True)
        message.attach_inline(("logo.png", b"\x89PNG"), "logo")
        draft, route = convert(message), oauth_route(None)
        (file,) = json_message(dress(draft, route, draft.addresses).mail, route.identity)["attachments"]
        assert (file["name"], file["contentId"], file["isInline"]) == ("logo.png", "logo", True)

    def test_without_html_it_is_attached(self) -> None:
        message = Message("s", "text", "f@x.org", "a@b.org")
        message.attach_inline(b"GIF8")
        assert [file[:2] for file in read(message)] == [("attachment-1.gif", "image/gif")]

    @pytest.mark.parametrize("cid", ["a b", "a>b", "ü", "a\nb", "x" * 201])
    def test_a_content_id_that_is_none(self, cid: str) -> None:
        with pytest.raises(BadMessage, match="Content-ID"):
            Message("s", "b", "f@x.org", "a@b.org").attach_inline(b"GIF8", cid)


class TestWhatCannot:
    """S16: each its own error, before anything is sent, with the place of the attachment."""

    def refused(self, *given: Any) -> BadMessage:
        with pytest.raises(BadMessage) as caught:
            files(*given)
        assert caught.value.fault.field == f"attachments.{len(given)}"
        return caught.value

    def test_s16_missing(self, tmp_path: Path) -> None:
        error = self.refused(PDF, tmp_path / "none.pdf")
        assert error.code == "attachment-missing"
        assert "none.pdf" in str(error)

    def test_s16_not_readable(self, tmp_path: Path) -> None:
        unreadable = Path("/proc/self/mem")  # not even for root, whom no permission stops
        if os.geteuid() or not unreadable.exists():
            unreadable = tmp_path / "a.pdf"
            unreadable.touch(mode=0)
        assert self.refused(unreadable).code == "attachment-unreadable"

    def test_s16_a_folder_and_a_pipe(self, tmp_path: Path) -> None:
        assert self.refused(str(tmp_path)).code == "file-is-folder"
        os.mkfifo(tmp_path / "pipe")
        assert self.refused(tmp_path / "pipe").code == "attachment-unreadable"  # reading it would never end

    def test_s16_a_path_that_is_none(self) -> None:
        assert self.refused("a\0b").code == "attachment-unreadable"

    def test_s16_closed_and_write_only_files(self, tmp_path: Path) -> None:
        with (tmp_path / "a").open("wb") as file:
            assert self.refused(file).code == "attachment-unreadable"
        assert self.refused(file).code == "attachment-unreadable"
        with (tmp_path / "b").open("w") as text:
            assert self.refused(text).code == "attachment-unreadable"
        (tmp_path / "c").write_bytes(b"\xff\xfe")
        with (tmp_path / "c").open(encoding="utf-8") as text:
            error = self.refused(text)
        assert (error.code, "“rb”" in str(error)) == ("attachment-unreadable", True)

    def test_s16_a_file_of_a_storage_that_is_gone(self, tmp_path: Path) -> None:
        storage = FileSystemStorage(tmp_path)
        storage.save("a.pdf", ContentFile(PDF))
        file = storage.open("a.pdf")
        file.close()
        storage.delete("a.pdf")
        assert isinstance(file, File)
        assert self.refused(file).code in ("attachment-missing", "attachment-unreadable")

    @pytest.mark.parametrize(
        "given_", [("a.pdf", None), ("a.pdf", None, "application/pdf"), Download(b"")], ids=range(3)
    )
    def test_s16_without_content(self, given_: Any) -> None:
        assert self.refused(given_).code == "attachment-empty"

    @pytest.mark.parametrize(
        "given_",
        [
            7, None, object(), (), ("a",), ("a", b"b", "c/d", "e"), ("a.pdf", Path("/etc/passwd")), ("a.pdf", 7),
            ("a\nb", b"x"), ("a.pdf", b"x", "pdf"), ("a.pdf", b"x", "multipart/mixed"), ("x" * 300, b"x"), {},
        ],
        ids=range(13),
    )  # fmt: skip
    def test_s16_what_is_no_attachment(self, given_: Any) -> None:
        assert self.refused(given_).code == "attachment-bad"

    @pytest.mark.parametrize("given_", ["/etc/passwd", b"x", 7])
    def test_one_alone_is_no_list(self, given_: Any) -> None:
        with pytest.raises(BadMessage, match="list"):
            Message("s", "b", "f@x.org", "a@b.org", attachments=given_)

    def test_s16_texts_and_inline_files_count_as_well(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "ATTACHMENTS_BYTES", 100)
        assert self.refused(("a.txt", b"x" * 60), ("b.txt", b"x" * 60)).code == "attachments-too-large"
        message = Message("s", "b", "f@x.org", "a@b.org", html="<img src=cid:l>")
        message.attach_inline(PDF * 4, "l", "l.pdf")
        with pytest.raises(BadMessage, match="attachments have more than"):
            message.attach_inline(PDF * 7, "m", "m.pdf")

    def test_s16_too_large_together_and_nothing_is_read_further(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "ATTACHMENTS_BYTES", 100)
        endless = type("Endless", (), {"read": lambda self, size: b"x" * min(size, 30)})()
        for second in (b"x" * 51, ("b", "ä" * 26), ("c", io.BytesIO(b"x" * 51)), endless):
            assert self.refused(b"x" * 50, second).code == "attachments-too-large"
        assert len(files(b"x" * 50, b"x" * 50)) == 2

    def test_s16_too_many(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "ATTACHMENTS", 2)
        assert self.refused(b"x", b"y", b"z").code == "attachments-too-many"
