"""What is found in code and templates, and what is not."""

from __future__ import annotations

from tests.translation.extract import Text, of_data, of_python, of_template, texts

MODULE = """
from django.utils.translation import gettext as _, gettext_lazy as later, ngettext
from django.utils import translation
from mailadmin.core.texts import N_

title = later("Later")
NOTE = N_("A note, "
          "in two pieces")

def told(name, count):
    "Not a text."
    print("nor this", f"nor {name}")
    return f"{_('Inside {name}').format(name=name)} " + ngettext("{n} message", "{n} messages", count).format(n=count)

other = translation.pgettext("month", "May")
unknown = _(title)
"""


def test_a_module_is_read_by_the_names_that_it_imported() -> None:
    assert set(of_python(MODULE)) == {
        Text("Later"),
        Text("A note, in two pieces"),
        Text("Inside {name}"),
        Text("{n} message", "{n} messages"),
        Text("May", context="month"),
    }


def test_an_underscore_of_somebody_else_is_no_text() -> None:
    assert not list(of_python("_ = str\nprint(_('Not a text'))"))


def test_a_template_is_read_as_django_reads_it() -> None:
    template = """{% load i18n %}<p title="{% translate "A “title”" %}">
    {% blocktranslate trimmed count n=many %}
      {{ n }} <b>message</b>
    {% plural %}
      {{ n }} <b>messages</b> "here"
    {% endblocktranslate %} Unmarked {{ name|default:_("It's nobody") }} {% translate "May" context "month" as m %}"""
    assert set(of_template(template)) == {
        Text("A “title”"),
        Text("%(n)s <b>message</b>", '%(n)s <b>messages</b> "here"'),
        Text("It's nobody"),
        Text("May", context="month"),
    }


def test_the_knowledge_base_and_the_providers_are_read() -> None:
    found = {text.one for text in of_data()}
    assert "The message may have been delivered, but nobody confirmed it." in found
    assert "From must be the mailbox itself." in found


def test_each_text_stands_once() -> None:
    found = [(text.context, text.one) for text in texts()]
    assert len(found) == len(set(found))
