"""Every text for people in the code is marked for translation, and is looked up when it is shown.

A module is read as Python reads it. What looks like words of a language, outside of `_("…")` and its kin, is told with
its line; names, codes and what is for programs pass, each for a reason. A text that is looked up while a module is
imported would stay in the language of that moment, so that is told, too; and a `_` that a function uses as a name for
what it does not need, and calls.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = (
    *("mailadmin/console", "mailadmin/models", "mailadmin/testruns", "mailadmin/roles.py", "config"),
    *("mailadmin/core", "mailadmin/net", "mailadmin/transports", "mailadmin/probes", "mailadmin/delivery"),
    *("mailadmin/watch", "mailadmin/sandbox", "mailadmin/conf.py"),
)

MARKING = {
    "_",
    "N_",
    "gettext",
    "gettext_lazy",
    "gettext_noop",
    "ngettext",
    "ngettext_lazy",
    "pgettext",
    "pgettext_lazy",
}
AT_ONCE = {"gettext", "ngettext", "pgettext"}  # these look up when they are called
# Their arguments are no texts, or are for programmers and whoever reads the server's log.
NO_TEXTS = {
    *("getLogger", "compile", "TypeVar", "ParamSpec", "TypeError", "RuntimeError", "AssertionError", "KeyError"),
    *("codes", "Unusable", "FolderUnusable"),  # ids of the knowledge base; why a folder is not shared, for the log
}
LOGGING = {"debug", "info", "warning", "error", "exception", "critical", "log"}

# Modules without a text that is translated.
WITHOUT: dict[str, str] = {
    "mailadmin/console/log_search.py": "SQL",
    "mailadmin/console/metrics.py": "what Prometheus reads is in one language",
    "mailadmin/console/support.py": "the support report is in English on purpose",
    "mailadmin/console/views/health.py": "what monitors read is in one language",
    "config/settings.py": "the settings of a deployment",
    "mailadmin/core/errors_page.py": "a page of the documentation, in English",
    "mailadmin/core/lookup.py": "patterns of what servers and libraries say",
    "mailadmin/core/one_time.py": "patterns of what subjects say, in many languages",
    "mailadmin/core/queue_ids.py": "patterns of what servers say",
    "mailadmin/core/support.py": "the support report is in English on purpose",
    "mailadmin/delivery/keyed.py": "SQL",
    "mailadmin/delivery/prepared.py": "SQL",
    "mailadmin/delivery/shared/statements.py": "SQL",
    "mailadmin/delivery/trigrams.py": "SQL",
    "mailadmin/sandbox/assertions.py": "what the simulated Entra answers to programs",
    "mailadmin/sandbox/entra.py": "what the simulated Entra answers to programs",
    "mailadmin/sandbox/graph.py": "what the simulated Graph answers to programs",
    "mailadmin/sandbox/json_message.py": "what the simulated Graph answers to programs",
    "mailadmin/sandbox/mailboxes.py": "what the simulated Graph answers to programs",
    "mailadmin/sandbox/manners.py": "what the simulated Graph answers to programs",
    "mailadmin/sandbox/server.py": "what a management command says, and a web server to programs",
    "mailadmin/sandbox/smtp.py": "what the simulated mail server answers to programs",
    "mailadmin/sandbox/uploads.py": "what the simulated Graph answers to programs",
}
# What else passes: by module, or everywhere ("").
PASSES: dict[str, tuple[str, ...]] = {
    "": (
        r"[\w-]+/[\w-]+; charset=[\w-]+|attachment; filename=.*",  # values of HTTP headers
        r"(?s).*(default-src|BEGIN \[A-Z|SELECT |UNION ALL|AND \{\} | = %s|IN \(\{\}\)).*",  # policies, PEM, SQL
        r"(?s)\s*</?\w+.*>.*|.*<span class=.*",  # markup without words
        r"(?s)[A-Z][\w-]+: (\{\}|base64|text/|multipart/).*",  # header fields of messages and of HTTP
        r"(?s)> .*|AUTH .*|(MAIL FROM|RCPT TO):.*|HELO \{\}|.*auth=Bearer .*|Bearer \{\}",  # what is sent to servers
        r"HTTP \{\}|EC \{\}| \(\{\} ms\)|LISTEN \{\}|NOTIFY \{\}",
        r"mailadmin\.\w+( mailadmin\.\w+)+",  # permissions
        # actions of the audit trail, in the language of the code: models.audit.ACTIONS has them for the catalogue
        r"made due|marked as (not )?delivered|sent again|switched (on|off|the credential)|read the DNS",
        r"forgot the second credential",
    ),
    "mailadmin/console/kit.py": (r"Application \{\}",),  # a role of Exchange
    "mailadmin/console/nav.py": (r"smtp discovery",),  # URL names
    "mailadmin/console/refusals.py": (r"<service identity>",),  # part of a command for PowerShell
    "mailadmin/console/reports.py": (
        # by these names, in the language of the code, a test keeps the values it was made with
        r"(Proxy|Sign-in|Graph|User|From display|Proxy user|Trusted|Mail) (hosts?|name)|\{\} of the integrated service",
    ),
    "mailadmin/console/sandbox_routes.py": (r"Sandbox (app|Office 365|SMTP)",),  # names of rows
    "mailadmin/core/addresses.py": (r"period in 'phrase'",),  # by this the standard library tells a defect
    "mailadmin/core/body_formats.py": (r"plain; format=flowed",),
    "mailadmin/core/differences.py": (
        r"(queue|request|server|holds|valid) (id|number|time|until)",
    ),  # labels of others
    "mailadmin/core/dmarc_advice.py": (r"v=DMARC1; .*", r"accepts DMARC reports"),  # a record, and what the parser says
    "mailadmin/core/dns_finding.py": (r"MTA-STS and TLS-RPT",),  # the value beside its label
    "mailadmin/core/fixes/entra.py": (r"\{\} credential_ends_on",),
    "mailadmin/core/knowledge.py": (r"knowledge\.toml: .*",),  # for whoever changes that file
    "mailadmin/core/microsoft.py": (r"550 5\.7\.30 .*|Microsoft Message Center, .*",),  # quoted
    "mailadmin/core/pem.py": (r"PRIVATE KEY",),
    "mailadmin/core/providers.py": (r"“\{\}” is not a server, .*",),  # for whoever changes that file
    "mailadmin/delivery/attaching.py": (r"closed file",),  # by this the standard library tells one
    "mailadmin/delivery/building.py": (r"email\.",),
    "mailadmin/delivery/explain.py": (r"Why this route\?",),  # the subject of a message that is never shown
    "mailadmin/delivery/outbox/claims.py": (r"SET LOCAL .*",),
    "mailadmin/delivery/outbox/crashes.py": (r"\{\}:\{\} in \{\}",),  # a line of a traceback
    "mailadmin/delivery/outbox/engine.py": (r"The outbox cannot be read .*",),  # for the server's log
    "mailadmin/delivery/shared/installation.py": (r"What processes share .*",),  # for the server's log
    "mailadmin/delivery/outbox/listening.py": (r"PRAGMA .*",),
    "mailadmin/delivery/outbox/roster.py": (r"celery on \{\}",),  # a name, by which a worker is known again
    "mailadmin/delivery/shared/connecting.py": (r"no connection became free",),  # for the server's log
    "mailadmin/delivery/shared/database.py": (r"given back",),  # for the server's log
    "mailadmin/delivery/shared/folder.py": (r"\{\} stays locked",),  # for the server's log
    "mailadmin/net/race.py": (r"Connection refused",),  # as the operating system says it
    "mailadmin/net/tunnels.py": (r"CONNECT \{\} HTTP/1\.1|Proxy-Authorization: .*",),
    "mailadmin/probes/claims.py": (r"Mail\.",),
    "mailadmin/probes/families.py": (r"\{\} ms",),
    "mailadmin/sandbox/certificates.py": (r"mailadmin sandbox( CA)?|\{\} is not a key .*",),  # names; for a command
    "mailadmin/sandbox/client_key.py": (r"mailadmin sandbox client",),
    # what they answer to programs: sentences, where what people read is marked, and is no sentence or marked as well
    "mailadmin/sandbox/entra_faults.py": (r"<!DOCTYPE .*|[A-Z].*\.( Please try again\.)?|.*\[Reason - .*\]",),
    "mailadmin/sandbox/graph_faults.py": (r"[A-Z].*\.",),
    "mailadmin/sandbox/mailbox_faults.py": (r"[A-Z].*\.",),
    "mailadmin/sandbox/mime.py": (r"(The MIME content|At least one recipient) .*",),
    "mailadmin/sandbox/smtp_faults.py": (r"\d{3} \d\.\d+\.\d+ .*",),
    "mailadmin/sandbox/tokens.py": (r"A part of a JWT .*",),
    "mailadmin/transports/graph/client.py": (r"Connection test",),  # the subject of a message to nobody
    "mailadmin/transports/graph/settle.py": (r"internetMessageId eq .*",),
    "mailadmin/transports/graph/transport.py": (r"202 Accepted, .*",),  # what Graph answered
    "mailadmin/transports/graph/upload.py": (r"bytes \{\}-\{\}/\{\}",),
    "mailadmin/transports/smtp/mechanisms/external.py": (r"TLS client certificate",),  # the name of a method
    "mailadmin/watch/of_installation.py": (r"python manage\.py .*",),
    "mailadmin/watch/of_secrets.py": (r"second credential \(\{\}\)",),  # for programs, beside its label
    "mailadmin/watch/outbox.py": (r"python manage\.py .*",),
    "mailadmin/models/alerts.py": (r"Microsoft Teams",),
    "mailadmin/models/log.py": (r"Can \w+,? .*",),  # permissions: Django keeps their names in the database, in English
    "mailadmin/models/proxies.py": (r"HTTP CONNECT",),
    "mailadmin/models/smtp.py": (r"Can \w+ .*",),
    "mailadmin/testruns/batches.py": (r"tests \{\}",),  # for the server's log
    "mailadmin/testruns/rows.py": (r"beat of \{\}",),  # the name of a thread
    # for the server's log; kept as it is, because tests are counted by it
    "mailadmin/testruns/runs.py": (r"test \{\}", r"API client \{\}"),
}

Found = Iterator[tuple[int, str]]


def like_words(text: str) -> bool:
    """Tell whether `text` looks like words of a language: two of them beside each other, or one as a sentence. (A word
    by itself looks like a key.)"""
    return bool(re.search(r"[^\W\d_]{2}[,;:.…”)]* [“(]?([^\W\d_]{2}|\{|[a-zA-Z] )", text)) or bool(
        re.search(r"(^|\} )[A-Z]?[a-z]{2,}\.$|[^\W\d_] …$|\} [a-z]{2}", text)
    )


def unmarked(tree: ast.AST) -> Found:
    """Yield line and text of what is not marked; a value that is put in is a pair of braces."""
    if isinstance(tree, ast.Call) and (_name(tree.func) in MARKING | NO_TEXTS or _logs(tree)):
        return
    if isinstance(tree, ast.JoinedStr):
        text = "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in tree.values)
        if like_words(text):
            yield tree.lineno, text
    elif isinstance(tree, ast.Constant) and isinstance(tree.value, str) and like_words(tree.value):
        yield tree.lineno, tree.value
    for child in ast.iter_child_nodes(tree):
        if isinstance(tree, ast.JoinedStr) and isinstance(child, ast.Constant):
            continue  # it was read above, with its neighbours
        if not _says_nothing(tree, child):
            yield from unmarked(child)


def frozen(module: ast.Module) -> Found:
    """Yield line and name of each call that looks a text up while the module is imported."""
    known = {name.asname or name.name: name.name for name in _imports(module)}
    for call in _at_import(module):
        if known.get(_name(call.func), "") in AT_ONCE:
            yield call.lineno, _name(call.func)


def shadowed(module: ast.Module) -> Found:
    """Yield line and name of each function that names something `_`, and calls it."""
    for function in ast.walk(module):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            own = list(_own(function))
            named = {
                node.id for node in own if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            } & MARKING
            if any(isinstance(node, ast.Call) and _name(node.func) in named for node in own):
                yield function.lineno, function.name


def _name(called: ast.expr) -> str:
    return called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""


def _logs(call: ast.Call) -> bool:
    called = call.func
    if _name(called) == "tell" and call.args:  # delivery.telling
        return ast.unparse(call.args[0]).startswith(("logging.", "level"))
    return isinstance(called, ast.Attribute) and called.attr in LOGGING and "log" in ast.unparse(called.value).lower()


def _says_nothing(parent: ast.AST, child: ast.AST) -> bool:
    """Tell whether `child` is a docstring, an annotation, or a string that stands for itself."""
    if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
        return True
    return child in (getattr(parent, "annotation", None), getattr(parent, "returns", None))


def _imports(module: ast.Module) -> Iterator[ast.alias]:
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and (node.module or "").endswith(("translation", "texts")):
            yield from node.names


def _at_import(tree: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls that run when the module is imported: outside of functions, or in what their definition needs."""
    if isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        parts: list[ast.AST] = [*getattr(tree, "decorator_list", ()), tree.args]
    else:
        parts = list(ast.iter_child_nodes(tree))
        if isinstance(tree, ast.Call):
            yield tree
    for part in parts:
        yield from _at_import(part)


def _own(function: ast.AST) -> Iterator[ast.AST]:
    """Yield what is in a function, without what has names of its own: functions, classes and comprehensions."""
    apart = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef | ast.ListComp | ast.SetComp
    for child in ast.iter_child_nodes(function):
        yield child
        if not isinstance(child, apart | ast.DictComp | ast.GeneratorExp):
            yield from _own(child)


def modules() -> list[str]:
    """Return the modules that are read."""
    found = (
        path for room in ROOMS for path in ([ROOT / room] if room.endswith(".py") else (ROOT / room).rglob("*.py"))
    )
    return sorted(
        path.relative_to(ROOT).as_posix() for path in found if path.relative_to(ROOT).as_posix() not in WITHOUT
    )


def passes(module: str, text: str) -> bool:
    """Tell whether `text` is no text of a language in `module`."""
    return any(re.fullmatch(one, text) for one in (*PASSES[""], *PASSES.get(module, ())))


@pytest.mark.parametrize("name", modules())
def test_p11_every_text_of_a_module_is_marked_and_looked_up_when_it_is_shown(name: str) -> None:
    module = ast.parse((ROOT / name).read_text("utf-8"))
    assert [(line, text) for line, text in unmarked(module) if not passes(name, text)] == []
    assert list(frozen(module)) == []
    assert list(shadowed(module)) == []


def test_what_passes_is_still_there() -> None:
    """A reason that nothing needs any more goes."""
    read = {name: [text for _line, text in unmarked(ast.parse((ROOT / name).read_text("utf-8")))] for name in modules()}
    everywhere = [text for texts in read.values() for text in texts]
    for name, patterns in PASSES.items():
        for pattern in patterns:
            assert any(re.fullmatch(pattern, text) for text in (read[name] if name else everywhere)), (name, pattern)
    assert all((ROOT / name).is_file() for name in WITHOUT)


@pytest.mark.parametrize(
    "code",
    [
        'raise ValueError("The port must be a number.")',
        'label = "Delivery log"',
        'help_text = "Not after."',
        'text = f"{name} is deleted."',
        'text = f"The channel “{name}” is saved."',
        'words = f"{count} messages"',
        'said = ("kept " "outside")',
        'choices = [("", "Any route"), ("x", _("One"))]',
        'messages.success(request, "It was sent.")',
    ],
)
def test_a_forgotten_text_is_found(code: str) -> None:
    assert list(unmarked(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        '"""A module that says much."""',
        'raise ValueError(_("The port must be a number."))',
        'text = _("{name} is deleted.").format(name=name)',
        'logger.warning("Connection %s could not be kept alive.", name)',
        'state = "maybe-delivered"',
        'value: "list of names" = []',
        'address = f"{host}:{port}"',
    ],
)
def test_what_is_marked_or_no_text_passes(code: str) -> None:
    assert not list(unmarked(ast.parse(code)))


def test_a_text_that_is_looked_up_at_import_is_found() -> None:
    begin = "from django.utils.translation import gettext as _, gettext_lazy\n"
    assert list(frozen(ast.parse(begin + '_GONE = _("It is gone.")')))
    assert list(frozen(ast.parse(begin + 'class Form:\n    label = _("Name")')))
    assert list(frozen(ast.parse(begin + 'def tell(text=_("Nothing.")): ...')))
    assert not list(frozen(ast.parse(begin + '_GONE = gettext_lazy("It is gone.")')))
    assert not list(frozen(ast.parse(begin + 'def tell():\n    return _("It is gone.")')))


def test_a_function_that_names_something_like_the_marks_is_found() -> None:
    assert list(shadowed(ast.parse('def count():\n    number, _ = delete()\n    return _("{n} are gone.")')))
    assert not list(shadowed(ast.parse('def count():\n    names = [a for a, _ in pairs]\n    return _("None.")')))
