"""What is written down is in the site's language, whoever looks at a page meanwhile; what is said to somebody, and what
a message says, is in theirs."""

from __future__ import annotations

import threading

import pytest
from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import translation
from django.utils.translation import gettext, gettext_lazy

from mailadmin.core import texts
from mailadmin.delivery.send import send_message
from mailadmin.language import callers_language, carried, in_site_language, site_language
from mailadmin.models import Delivery

GERMAN = "Sprache"  # of the text "Language"
LAZY = gettext_lazy("Language")


def spoken():
    return texts.gettext("Language")


def test_core_speaks_the_language_of_whoever_asks():
    with translation.override("de"):
        assert spoken() == GERMAN
    assert spoken() == "Language"


def test_the_log_is_written_in_the_language_of_the_site():
    with translation.override("de"):
        with site_language():
            assert translation.get_language() == settings.LANGUAGE_CODE
            assert spoken() == "Language"
            with callers_language():
                assert spoken() == GERMAN
        assert spoken() == GERMAN


def test_within_the_language_of_the_site_the_callers_is_the_sites_too():
    """An alert that a visitor's message sets off is no text of the visitor."""
    with translation.override("de"), site_language(), site_language(), callers_language():
        assert spoken() == "Language"


def test_nothing_is_switched_where_the_site_speaks_already():
    with site_language(), callers_language():
        assert spoken() == "Language"


def test_texts_without_any_translation_stay_so():
    with translation.override(None), site_language(), callers_language():
        assert translation.get_language() is None


def test_the_language_is_that_of_before_also_after_an_error():
    @in_site_language
    def fail():
        raise RuntimeError(spoken())

    with translation.override("de"):
        with pytest.raises(RuntimeError, match="Language"):
            fail()
        assert spoken() == GERMAN


def test_a_thread_speaks_the_language_of_whoever_hands_it_its_work():
    heard = []

    def work():
        heard.append(spoken())

    with translation.override("de"):
        thread = threading.Thread(target=carried(work))
    thread.start()
    thread.join()
    assert heard == [GERMAN]


@pytest.mark.django_db(transaction=True)
def test_a_message_speaks_to_its_reader_and_the_log_to_those_who_run_the_site():
    """A lazy subject is a text of the program that sends; what went wrong is for the log."""
    message = EmailMessage(LAZY, LAZY, "ann@example.org", ["bob@example.org"])
    with translation.override("de"), pytest.raises(Exception, match="No SMTP connection or OAuth service is enabled"):
        send_message(message)
    row = Delivery.objects.get()
    assert row.subject == GERMAN
    assert row.reason.startswith("No SMTP connection")
    assert gettext("Language") == "Language"
