"""From the OpenAPI description to what the page for people shows (pure)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

Schema = Mapping[str, Any]
Text = tuple[tuple[bool, str], ...]  # pieces: is it code, and what it says

_SHOWN = {  # bodies that say more than a made-up value for each field
    "send_message": {
        "to": "Ann Example <ann@example.org>",
        "subject": "Your invoice",
        "text": "Dear Ann, …",
        "label": "invoices",
    },
    "test_connection": {"recipient": "you@example.org"},
    "resend_message": {"whom": "missed"},
}


@dataclass(frozen=True)
class Field:
    """A parameter or a field of a body: its name, what it is in a few words, and what it means."""

    name: str
    kind: str
    text: Text
    required: bool


@dataclass(frozen=True)
class Answer:
    """One status with its meaning, and the fields of its body."""

    status: str
    text: str
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True)
class Operation:
    """One operation as the page shows it."""

    name: str
    method: str
    path: str
    title: str
    paragraphs: tuple[Text, ...]
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    answers: tuple[Answer, ...]
    refusals: str
    example: str


def operations(description: Schema, root: str) -> list[Operation]:
    """Return the operations in their order; `root` is where the API begins ("https://mail.example.org/api/")."""
    origin = root.partition("://")[0] + "://" + root.partition("://")[2].partition("/")[0]
    schemas = description["components"]["schemas"]
    return [
        _operation(method, path, said, schemas, origin)
        for path, methods in description["paths"].items()
        for method, said in methods.items()
    ]


def marked(text: str) -> Text:
    """Return `text` cut at its backquotes."""
    return tuple((bool(place % 2), piece) for place, piece in enumerate(text.split("`")) if piece)


def _operation(method: str, path: str, said: Schema, schemas: Schema, origin: str) -> Operation:
    body = _body(said)
    answers = said["responses"]
    good = [status for status in answers if int(status) < 400]
    name = said["operationId"]
    return Operation(
        name=name,
        method=method.upper(),
        path=path,
        title=said["summary"],
        paragraphs=tuple(marked(" ".join(part.split())) for part in said["description"].split("\n\n")),
        parameters=tuple(_parameter(one) for one in said["parameters"]),
        body=tuple(_fields(body, schemas)) if body else (),
        answers=tuple(
            Answer(str(status), answers[status]["description"], tuple(_fields(_content(answers[status]), schemas)))
            for status in good
        ),
        refusals=", ".join(str(status) for status in answers if status not in good),
        example=_example(method.upper(), origin + path, _SHOWN.get(name)),
    )


def _body(said: Schema) -> Schema | None:
    schema: Schema | None = said.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    return schema


def _content(answer: Schema) -> Schema:
    schema: Schema = next(iter(answer["content"].values()))["schema"]
    return schema


def _parameter(one: Schema) -> Field:
    kind = f"{_kind(one['schema'], {})}, {one['in']}"
    return Field(one["name"], kind, marked(one.get("description", "")), one["required"])


def _fields(schema: Schema, schemas: Schema) -> Iterator[Field]:
    if "$ref" in schema:
        yield from _fields(schemas[schema["$ref"].rpartition("/")[2]], schemas)
        return
    if "anyOf" in schema and "properties" not in schema:
        yield from _fields(schema["anyOf"][0], schemas)
        return
    required = schema.get("required", ())
    for name, one in schema.get("properties", {}).items():
        yield Field(name, _kind(one, schemas), marked(one.get("description", "")), name in required)
        for inner in _inside(one, schemas):
            yield replace(inner, name=f"{name}[].{inner.name}")


def _inside(schema: Schema, schemas: Schema) -> Iterator[Field]:
    """Yield the fields of the objects of a list."""
    for one in (schema, *schema.get("anyOf", ())):
        if "$ref" in one.get("items", {}):
            yield from _fields(one["items"], schemas)


def _kind(schema: Schema, schemas: Schema) -> str:
    """Return what a value is, in few words: "text", "list of objects", "text or list of texts"."""
    if choices := [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]:
        return " or ".join(dict.fromkeys(_kind(one, schemas) for one in choices))
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _kind(schemas[name], schemas) if name in schemas else "text"
    if "enum" in schema:
        return " | ".join(str(one) for one in schema["enum"])
    kind = schema.get("type")
    if kind == "array":
        return f"list of {_kind(schema.get('items', {}), schemas)}s"
    if kind == "string":
        return {"date-time": "moment", "uuid": "UUID"}.get(schema.get("format", ""), "text")
    return {"integer": "number", "number": "number", "boolean": "true or false"}.get(str(kind), "object")


def _example(method: str, address: str, body: Schema | None) -> str:
    """Return the operation as a command of curl."""
    address = address.replace("{name}", "Relay%20A").replace("{id}", "$ID")
    quote = '"' if "$" in address else ""
    lines = [
        f"curl {quote}{address}{quote}" if method == "GET" else f"curl -X {method} {quote}{address}{quote}",
        '-H "Authorization: Bearer $TOKEN"',
    ]
    if body:
        lines += ['-H "Content-Type: application/json"', f"-d '{json.dumps(body, ensure_ascii=False)}'"]
    return " \\\n  ".join(lines)
