"""The forms of an alert (P8): each as its other side takes it, text as text, signed so that a receiver can verify."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailadmin.core import alert_payloads
from mailadmin.core.alert_payloads import Notice, body, letter, payload, signature
from mailadmin.core.alerts import ChannelKind, Event

NOTICE = Notice(
    id="0b8f2a54-6a0e-4d51-8c0a-3c1f6f2c7a11",
    event=Event.FAILING,
    title="“Contoso 365” is stopped: no message goes by it.",
    at=datetime(2026, 11, 2, 12, 0, 5, tzinfo=UTC),
    text="The client secret has ended.",
    remedy=("Make a new client secret.", "Type it into the integrated service."),
    owner="Your Microsoft 365 administrator",
    name="Contoso 365",
    code="aadsts-7000222",
    route=("oauth", "9d6d1a0e-0c1b-4f5e-9f0e-6b7f3a2c1d00"),
    environment="production",
    url="https://mail.example.org/oauth/1/",
)
BARE = Notice("1", Event.TEST, "This is a test alert.", NOTICE.at)


def test_the_json_is_the_documented_one() -> None:
    assert payload(ChannelKind.WEBHOOK, NOTICE) == {
        "version": 1,
        "id": "0b8f2a54-6a0e-4d51-8c0a-3c1f6f2c7a11",
        "event": "failing",
        "at": "2026-11-02T12:00:05+00:00",
        "title": "“Contoso 365” is stopped: no message goes by it.",
        "text": "The client secret has ended.",
        "remedy": ["Make a new client secret.", "Type it into the integrated service."],
        "owner": "Your Microsoft 365 administrator",
        "name": "Contoso 365",
        "code": "aadsts-7000222",
        "route": {"kind": "oauth", "id": "9d6d1a0e-0c1b-4f5e-9f0e-6b7f3a2c1d00", "name": "Contoso 365"},
        "environment": "production",
        "url": "https://mail.example.org/oauth/1/",
    }
    assert payload(ChannelKind.WEBHOOK, BARE)["route"] is None


def test_slack_gets_blocks_and_a_text_for_the_notification() -> None:
    def plain(text: str) -> dict[str, Any]:
        return {"type": "plain_text", "text": text, "emoji": False}

    assert payload(ChannelKind.SLACK, NOTICE) == {
        "text": "Newly failing: “Contoso 365” is stopped: no message goes by it.",
        "blocks": [
            {"type": "header", "text": plain("“Contoso 365” is stopped: no message goes by it.")},
            {"type": "section", "text": plain("The client secret has ended.")},
            {
                "type": "section",
                "text": plain("What to do:\n1. Make a new client secret.\n2. Type it into the integrated service."),
            },
            {"type": "section", "text": plain("Who: Your Microsoft 365 administrator")},
            {
                "type": "section",
                "text": {"type": "mrkdwn", "text": "<https://mail.example.org/oauth/1/|Open the console>"},
            },
            {
                "type": "context",
                "elements": [plain("Newly failing · mailadmin, production · 02 Nov 2026 12:00 UTC")],
            },
        ],
    }


def test_teams_gets_an_adaptive_card_in_a_message() -> None:
    told = payload(ChannelKind.TEAMS, NOTICE)
    assert told["type"] == "message"
    (attachment,) = told["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.2")
    assert card["actions"] == [
        {"type": "Action.OpenUrl", "title": "Open the console", "url": "https://mail.example.org/oauth/1/"}
    ]
    assert [block["inlines"][0]["text"] for block in card["body"]] == [
        "“Contoso 365” is stopped: no message goes by it.",
        "The client secret has ended.",
        "What to do",
        "1. Make a new client secret.",
        "2. Type it into the integrated service.",
        "Who: Your Microsoft 365 administrator",
        "Newly failing · mailadmin, production · 02 Nov 2026 12:00 UTC",
    ]
    assert "actions" not in payload(ChannelKind.TEAMS, BARE)["attachments"][0]["content"]


def test_the_letter_says_the_same_as_text_and_as_html() -> None:
    told = letter(NOTICE)
    assert told.subject == "[mail production] “Contoso 365” is stopped: no message goes by it."
    assert told.text == (
        "“Contoso 365” is stopped: no message goes by it.\n\nThe client secret has ended.\n\nWhat to do:\n"
        "1. Make a new client secret.\n2. Type it into the integrated service.\n\n"
        "Who: Your Microsoft 365 administrator\n\nhttps://mail.example.org/oauth/1/\n\n-- \n"
        "Newly failing · mailadmin, production · 02 Nov 2026 12:00 UTC\n"
    )
    assert " ".join(_visible(told.html).split()) == (
        "“Contoso 365” is stopped: no message goes by it. The client secret has ended. What to do "
        "Make a new client secret. Type it into the integrated service. "
        "Who: Your Microsoft 365 administrator Open the console "
        "Newly failing · mailadmin, production · 02 Nov 2026 12:00 UTC"
    )
    assert letter(BARE).subject == "[mail] This is a test alert."


class _Visible(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def _visible(html: str) -> str:
    reader = _Visible()
    reader.feed(html)
    return " ".join(reader.texts)


# -- Texts of servers stay texts -------------------------------------------------------------------------

NASTY = st.sampled_from(
    [
        "<script>alert(1)</script>",
        "<!channel> <@U123> <https://evil.example|here>",
        "[here](https://evil.example) **bold** <at>all</at>",
        "&amp; & < >",
        "{{DATE(2017-02-14T06:08:39Z)}}",
        '"}], "evil": [',
        "\ud800",
    ]
)
TEXTS = st.one_of(st.text(max_size=200), NASTY)


@st.composite
def notices(draw: st.DrawFn) -> Notice:
    return Notice(
        id="1",
        event=draw(st.sampled_from(Event)),
        title=draw(TEXTS),
        at=NOTICE.at,
        text=draw(TEXTS),
        remedy=tuple(draw(st.lists(TEXTS, max_size=4))),
        owner=draw(TEXTS),
        environment=draw(TEXTS),
        url=draw(st.sampled_from(["", "https://mail.example.org/?a=1&b=2"])),
    )


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for one in value.values() for text in _strings(one)]
    if isinstance(value, list):
        return [text for one in value for text in _strings(one)]
    return [value] if isinstance(value, str) else []


@given(notices())
def test_no_text_is_markup_in_slack(notice: Notice) -> None:
    told = alert_payloads.slack(notice)
    link = f"<{notice.url.replace('&', '&amp;')}|Open the console>"
    for text in _strings(told):
        rest = text.replace(link, "") if notice.url else text
        assert "<" not in rest
        assert ">" not in rest
        assert "&" not in rest.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
        assert len(text) <= 3000
    assert len(told["blocks"][0]["text"]["text"]) <= 150
    assert all(block.get("text", {"text": " "})["text"] for block in told["blocks"]), "Slack refuses an empty text"


@given(notices())
def test_every_text_of_a_card_is_a_run_which_knows_no_markdown(notice: Notice) -> None:
    card = alert_payloads.teams(notice)["attachments"][0]["content"]
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert {run["type"] for block in card["body"] for run in block["inlines"]} == {"TextRun"}


@given(notices())
def test_no_text_is_markup_in_the_letter(notice: Notice) -> None:
    reader = _Visible()
    reader.feed(letter(notice).html)
    assert reader.tags <= {"h2", "p", "b", "ol", "li", "a", "small"}


@given(notices(), st.sampled_from([ChannelKind.WEBHOOK, ChannelKind.SLACK, ChannelKind.TEAMS]))
def test_every_body_is_json_in_utf_8(notice: Notice, kind: ChannelKind) -> None:
    assert json.loads(body(kind, notice).decode("utf-8"))


@given(st.text(max_size=5000), st.integers(1, 3000))
def test_what_is_cut_for_slack_is_as_long_as_it_may_be(text: str, chars: int) -> None:
    told = alert_payloads._entities(text, chars)
    assert len(told) <= chars
    if told != alert_payloads._entities(text, 10**6):
        assert told.endswith("…")
        assert len(told) > chars - 6


def test_teams_and_slack_take_the_longest_alert() -> None:
    long = "ä" * 1500
    notice = Notice("1", Event.FAILING, "t" * 255, NOTICE.at, long, (long,) * 5, "o" * 80, "n" * 255, url="https://x/")
    assert len(body(ChannelKind.TEAMS, notice)) < 28_000


# -- The signature ---------------------------------------------------------------------------------------

SECRET = "a-secret-that-both-sides-know"


def test_the_signature_is_that_of_standard_webhooks() -> None:
    """The example of the specification (standardwebhooks.com), whose secret is base64 behind “whsec_”."""
    headers = signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert headers["Webhook-Signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_in_clear_is_the_key() -> None:
    headers = signature(SECRET, "1", 1700000000, b"{}")
    digest = hmac.digest(SECRET.encode(), b"1.1700000000.{}", hashlib.sha256)
    assert headers == {
        "Webhook-Id": "1",
        "Webhook-Timestamp": "1700000000",
        "Webhook-Signature": "v1," + base64.b64encode(digest).decode(),
    }


@pytest.mark.parametrize(
    "secret", ["short", "whsec_abc", "whsec_" + "ä" * 30, "whsec_" + base64.b64encode(b"short").decode()]
)
def test_a_secret_that_could_be_guessed_or_read_wrongly_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        signature(secret, "1", 1, b"{}")
