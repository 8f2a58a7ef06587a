"""Every text for people, as the code, the templates and the data files ask gettext for it.

Python is read by `ast` and templates by Django's own `templatize`, so that nothing but Python is needed: no program of
GNU gettext, whose older versions read no f-strings.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation.template import templatize

from mailadmin.core import knowledge, providers

ROOT = Path(__file__).resolve().parent.parent.parent
MODULES = ("django.utils.translation", "mailadmin.core.texts")
# Where the texts stand in the arguments: (context, singular, plural).
_PLACES = {
    "gettext": (None, 0, None),
    "gettext_noop": (None, 0, None),
    "ngettext": (None, 0, 1),
    "pgettext": (0, 1, None),
    "npgettext": (0, 1, 2),
}
_STRING = r"""u?("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
_CALL = re.compile(rf"(?<![\w.])(_|n?p?gettext)\(\s*{_STRING}(?:\s*,\s*{_STRING})?(?:\s*,\s*{_STRING})?", re.DOTALL)


@dataclass(frozen=True)
class Text:
    """One text of the catalogue, with its plural form and context where it has them."""

    one: str
    many: str = ""
    context: str | None = None


def texts(root: Path = ROOT) -> list[Text]:
    """Return every text, each once, in the order of the files: code, templates, data."""
    found: dict[Text, None] = {}
    for folder in ("mailadmin", "config"):
        for path in sorted((root / folder).rglob("*.py")):
            found |= dict.fromkeys(of_python(path.read_text("utf-8")))
    for path in sorted((root / "templates" / "mailadmin").rglob("*.*")):
        found |= dict.fromkeys(of_template(path.read_text("utf-8")))
    return list(_joined(found | dict.fromkeys(of_data())))


def of_python(code: str) -> Iterator[Text]:
    """Yield the texts that a module asks for, by whatever names it imported gettext."""
    tree = ast.parse(code)
    names = {
        alias.asname or alias.name: _bare(alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and _of_ours(node)
        for alias in node.names
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = _bare(node.func.attr) if isinstance(node.func, ast.Attribute) else ""
        if isinstance(node.func, ast.Name):
            name = names.get(node.func.id, "")
        if name in _PLACES and (found := _text(name, [_literal(word) for word in node.args])):
            yield found


def of_template(code: str) -> Iterator[Text]:
    """Yield the texts of a template's {% translate %}, {% blocktranslate %} and _("…")."""
    for call in _CALL.finditer(templatize(code)):
        name = "gettext" if call[1] == "_" else call[1]
        if found := _text(name, [ast.literal_eval(word) if word else "" for word in call.groups()[1:]]):
            yield found


def of_data() -> Iterator[Text]:
    """Yield the texts of the knowledge base and of the providers, which are looked up when they are shown."""
    for entry in knowledge.entries():
        yield from map(Text, (entry.title, entry.cause, *entry.remedy))
    for provider in providers.providers():
        labels = (server.english_label for server in provider.servers if server.english_label)
        yield from map(Text, (provider.english_name, provider.english_sign_in, *provider.english_notes, *labels))


def _joined(found: dict[Text, None]) -> Iterator[Text]:
    """Yield the texts; one that stands alone and with a plural is one entry, as GNU gettext has it."""
    plurals = {(text.context, text.one) for text in found if text.many}
    for text in found:
        if text.many or (text.context, text.one) not in plurals:
            yield text


def _of_ours(node: ast.ImportFrom) -> bool:
    module = node.module or ""
    return module in MODULES or (node.level > 0 and module.split(".")[-1] == "texts")


def _bare(name: str) -> str:
    """Return a function's name as gettext has it: lazily or not makes no difference to the catalogue."""
    name = name.removesuffix("_lazy")
    return {"_": "gettext", "N_": "gettext_noop"}.get(name, name)


def _literal(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _text(name: str, words: list[str]) -> Text | None:
    """Return the text of a call with these arguments ("" for what is no literal), None when it names none."""
    context, one, many = _PLACES[name]
    if len(words) <= one or not words[one]:
        return None
    return Text(words[one], words[many] if many is not None else "", words[context] if context is not None else None)
