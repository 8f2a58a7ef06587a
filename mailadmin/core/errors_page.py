"""The page docs/errors.md, made from the knowledge base: `python -m mailadmin.core.errors_page > docs/errors.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import fields

from .fault import Kind, Phase
from .knowledge import Area, Entry, Failover, Health, Match, Owner, entries

_HEAD = """# Errors and what they mean

This page is made from `mailadmin/core/knowledge.toml` by `make errors-page`; a test fails when the two differ.

Every failure is explained by one entry of that file. The same entry drives the steps of Test Connection, the
delivery log, failover, retry and alerts. `MailError.code` is the id of the entry, and each id is an anchor here.

## The data file

An entry is a table `[[entry]]`:

| column | meaning |
|---|---|
| `id` | stable name, for programs and links |
| `area` | what it is about, for lists: {areas} |
| `title` | one sentence: what is wrong |
| `cause` | one to three sentences: why, as far as it is known |
| `remedy` | one to four steps for the administrator, in their order |
| `owner` | whose job it is: {owners} |
| `failover` | what happens to the message: {failovers} |
| `health` | what it says of the route: {healths} |
| `retry` | `true` when the same message may succeed later without anybody changing anything |
| `setting` | the form field whose change is the cure, if there is one |
| `match` | when the entry applies: one table, or a list of tables of which one is enough |

`title`, `cause` and `remedy` may hold `{{host}}`, `{{where}}` (host:port), `{{code}}`, `{{text}}` (the
server's words) and `{{recipient}}`.

The words of `failover`: `next`, the message was surely not taken, so the next route follows at once. `later`, the same
routes again after a while; while a caller waits, the next route. `fail`, no route would do better. `unsure`, the
message may have been taken, so nothing else is tried in this call.

The words of `health`: `none` and `count`, the route stays in use. `trip`, the route is failing for now. `config`, the
route is not used until it is changed or tested well.

## Matching

All conditions of a `match` must hold; a list of values means "one of these".

| condition | fits | weight |
|---|---|---|
| `phase` | the step: {phases} | 1 |
| `kind` | what happened: {kinds} | 2 |
| `smtp`, `http` | the reply or status code, or its class such as `5xx` | 4, class 2 |
| `enhanced` | the enhanced code (RFC 3463), or its beginning such as `5.7.`; `x.` fits any class | 8, beginning 4 |
| `graph` | the error code of Microsoft Graph, or `*` for any | 8, any 4 |
| `aadsts` | the number of a Microsoft Entra error | 8 |
| `text` | a regular expression that is found in the server's words, in any case | 16 |
| `host` | a regular expression that is found in the host's name, in any case | 4 |
| `retry_after` | whether the answer named a time to wait | 2 |
| `maybe_sent` | whether the message may have been taken | 2 |

The weights of the conditions are added. The heaviest entry that fits wins, and of equals the first in the file. A
failure after which the message may have been taken is explained only by entries with `failover = "unsure"`.

## The entries

| id | what is wrong | failover | health | retry | who |
|---|---|---|---|---|---|
{rows}
"""


def page() -> str:
    """Return the whole page as Markdown."""
    known = entries()
    head = _HEAD.format(
        areas=_words(Area),
        owners=_words(Owner),
        failovers=_words(Failover),
        healths=_words(Health),
        phases=_words(Phase),
        kinds=_words(Kind),
        rows="\n".join(_row(entry) for entry in known),
    )
    return "\n".join([head, *(_section(entry) for entry in known)])


def _row(entry: Entry) -> str:
    retry = "yes" if entry.retry else "no"
    return (
        f"| [{entry.id}](#{entry.id}) | {entry.title} | {entry.failover} | {entry.health} | {retry} "
        f"| {entry.owner.label} |"
    )


def _section(entry: Entry) -> str:
    lines = [f'<a id="{entry.id}"></a>', "", f"### {entry.id}", "", f"**{entry.title}** {entry.cause}", ""]
    # A placeholder such as <mailbox> would be a tag in Markdown.
    lines += [f"{number}. {step.replace('<', '&lt;')}" for number, step in enumerate(entry.remedy, 1)]
    field = f" Form field: `{entry.setting}`." if entry.setting else ""
    lines += ["", f"Who: {entry.owner.label}.{field}", "", "Applies to:", ""]
    lines += [f"- {_match(match)}" for match in entry.matches]
    return "\n".join(lines) + "\n"


def _match(match: Match) -> str:
    return "; ".join(_conditions(match)) or "everything that nothing else fits"


def _conditions(match: Match) -> Iterator[str]:
    for condition in fields(match):
        value = getattr(match, condition.name)
        if value is None or value == ():
            continue
        if isinstance(value, tuple):
            yield f"{condition.name} {_words(value)}"
        else:
            yield f"{condition.name} `{getattr(value, 'pattern', str(value).lower())}`"


def _words(values: Iterable[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)


if __name__ == "__main__":
    sys.stdout.buffer.write(page().encode())
