"""Addresses as they were used against mail programs, and what random ones are made of."""

from __future__ import annotations

import random

from hypothesis import strategies as st

GOOD, EVIL = "victim@good.example", "eve@evil.example"

KNOWN = (
    # CVE-2023-27043, and the shapes of bpo-46155, bpo-37461 and bpo-34155: a parser that loses a bracket or an @
    f"{GOOD}({EVIL})", f"{GOOD})<{EVIL}>", f"{GOOD}<)><{EVIL}>", f"{GOOD}<@{EVIL}>", f"{GOOD} <{EVIL}>",
    f"<{GOOD}>{EVIL}", f"<{GOOD}><{EVIL}>", f"{GOOD}\\<{EVIL}>", f'"{GOOD}" <{EVIL}>', f'"{GOOD}, {EVIL}" <a@b.org>',
    f"{GOOD}@{EVIL}", "a@malicious.org@important.com", "a@malicious.org <a@important.com>", f"{GOOD};{EVIL}",
    f"{GOOD} {EVIL}",
    # nodemailer (GHSA-mm7p-fcc7-pg87): a quoted @ taken for the real one
    f'"{EVIL} x"@good.example', f'"{EVIL}"@good.example', '"x@evil.example>"@good.example',
    '"a\\"@evil.example"@b.org', '"victim@good.example>,<eve@evil.example"@x.org',
    "\"a'@evil.example'\"@good.example",
    # encoded words (RFC 2047), which a parser must not take for an address
    "=?utf-8?q?eve=40evil=2Eexample=3E?=@good.example", "=?utf-8?q?=41?= <a@b.org>",
    '"=?utf-8?q?x=40evil=3E?=" <a@b.org>', "=?x?q?collab=40evil.example=3e=00?=foo@good.example",
    "=?iso-8859-1?q?=61=62=63?=@good.example", "a@=?utf-8?q?b?=.org", "=?utf-7?q?&AG8AbwA-?=@good.example",
    "=?utf-8?b?ZXZlQGV2aWwuZXhhbXBsZT4=?= <a@b.org>",
    # comments, groups, routes
    "a(x)@b.org", "a@(x)b.org", "a@b.org(x)", "(x)a@b.org", "a@b(x).org", f"a@b.org({EVIL}", "((a))a@b.org",
    "a(\\))@b.org", "Team: a@b.org, c@d.org;", "Team: a@b.org", "Team:;", "a:b@c.org", f"{EVIL}:{GOOD};",
    "<@a.org:b@c.org>", "<@a.org,@b.org:c@d.org>", "@a.org:b@c.org", "Team: Sub: a@b.org;;",
    # source routes of other times: what a server makes of them is the server's business, but the mailbox stays
    "user%evil.example@good.example", "evil.example!user@good.example", "user%evil.example%x@good.example",
    "root@localhost", "root", "postmaster", "a@b",
    # names in other scripts, and what looks like them
    "a@bücher.example", "a@xn--bcher-kva.example", "a@straße.example", "a@faß.example", "a@pаypal.example",
    "a@ｅxample.org", "a@example。org", "a@exampIe.org", "ａ@b.org", "a＠b.org", "jürgen@good.example",
    "jürgen@bücher.example", "用户@例え.example", "a@☃.example", "a@\u0131.example", "a@K.example",
    "admin@goo\u0261le.example", "a@xn--a.example", "a@xn--ls8h.example", "Jürgen <a@b.org>", "山田太郎 <a@b.org>",
    f"‹{EVIL}› <a@b.org>", "é@b.org", "e\u0301@b.org", "i@xn--zca.example",
    # what nobody sees
    "a\u200b@b.org", "a@b\u200b.org", "\u202ea@b.org", "a@b.org\u202c", "a\u00ad@b.org", "a\ufeff@b.org",
    "a@b\u2060.org", "a\x00@b.org", "a@b.org\x00", "a\x00b@c.org", "a@b.org\n", "a@b.org\r\nBcc: eve@evil.example",
    "a@b.org\r\n\tx", "a@b.org\n (x)", "a\t@b.org", "a@b.org\x0b", "a@b.org\x85", "a\u2028@b.org", "a\ud800@b.org",
    "a@b\udc80.org", "\x1b[31ma@b.org", "a\u00a0@b.org", "a@b.org\u00a0", "a\u3164@b.org",
    # quoted local parts, backslashes, dots
    '""@b.org', '" "@b.org', '"a b"@c.org', '"a.b"@c.org', '".a"@c.org', '"a..b"@c.org', '"a\\\\b"@c.org',
    '"a\\"b"@c.org', '"a\\@b"@c.org', 'a\\@b@c.org', "a\\b@c.org", '"a@b.org', 'a"@b.org', '"a"b@c.org',
    'a."b".c@d.org', '"a"."b"@c.org', '"a\r\n b"@c.org', '"<a>"@b.org', '"a,b"@c.org', '"a;b"@c.org', '"(a)"@b.org',
    '"\\a"@b.org', '"a\\ b"@c.org', "a.@b.org", ".a@b.org", "a..b@c.org", "a@b.org.", "a@.b.org", "a@b..org",
    "a@-b.org", "a@b-.org", "a@b_c.org", "a@b.org..",
    # brackets
    "<<a@b.org>>", "<a@b.org", "a@b.org>", "< a@b.org >", "<a @b.org>", "<a@ b.org>", "a <b> <c@d.org>", "<>", "<a>",
    "a<b@c.org", "a@[192.0.2.1]", "a@[IPv6:2001:db8::1]", "a@[evil.example]", "a@[192.0.2.1].org", "a@[x]@b.org",
    "a@[192.0.2.1", "a@192.0.2.1", "a@[IPv6:::ffff:192.0.2.1]", "a@[\\]]", "a@[]", "[a]@b.org",
    # words around an address, and schemes
    "mailto:a@b.org", "mailto:a@b.org?bcc=eve@evil.example", "http://a@b.org", "To: a@b.org", "a@b.org,", ",a@b.org",
    "a@b.org,,c@d.org", "a@b.org, c@d.org", '"Doe, John" <j@x.org>, k@y.org', "a@b.org\tc@d.org", "Ada a@b.org",
    "a@b.org Ada", "Ada <a@b.org> x", "J. Doe <a@b.org>", "a@b.org#c", "a#b@c.org", "a@b.org/c", "a@b.org?x=y",
    "a@b.org:25", "a@b:25", "a!b@c.org", "a=b@c.org", "o'hara@b.org", "a`id`@b.org", "$(id)@b.org", "-oQ/tmp@b.org",
    '"-oQ/tmp/ -X/x.php"@b.org', "a|b@c.org", "a&b@c.org", "a@b.org|c", "|/bin/sh@b.org", "{a,b}@c.org",
    # long ones
    "x" * 64 + "@b.org", "x" * 65 + "@b.org", "x" * 250 + "@b.org", "a@" + "b" * 63 + ".org",
    "a@" + "b" * 64 + ".org", "a@" + "b." * 120 + "org", '"' + "x" * 60 + ' y"@b.org',
    '"' + "a@b.org, " * 15 + '"@c.org', "N" * 200 + " <a@b.org>", ("Größe " * 40) + "<a@b.org>",
    '"' + "x" * 230 + '"@b.org', "(" * 300 + "a@b.org", "<" * 300 + "a@b.org", "a@b.org" + "," * 300,
    '"' * 301 + "@b.org", "=?utf-8?q?" + "=41" * 200 + "?= <a@b.org>", "", " ", ",", ";", "@", "@@", "a@", "@b.org",
    "<", ">", '"', "\\", "(", ")",
)  # fmt: skip

PIECES = (
    "a", "b", "eve", "victim", "good.example", "evil.example", "@", "@", "@", ".", ",", ";", ":", "<", ">", "(", ")",
    "[", "]", '"', '"', "\\", " ", " <", "> ", "=?utf-8?q?x=40y?=", "=?", "?=", "%", "!", "\t", "\r\n ", "\n",
    "\x00", "\u200b", "\u202e", "ü", "ß", "。", "＠", "pа", "xn--", "192.0.2.1", "IPv6:", "Ada", "Doe, J", "-", "_",
    "+", "'", "..", "org", "x" * 70, "@good.example", "<eve@evil.example>", '"eve@evil.example"',
    "victim@good.example",
)  # fmt: skip

_DOMAINS = ("good.example", "evil.example", "b.org", "bücher.example", "straße.example", "x_y.org", "localhost")


def made(chance: random.Random) -> str:
    """Return an address that is right more often than not."""
    local = "".join(chance.choices('ab@<>(),;:\\" .=ü', k=chance.randint(1, 9)))
    spec = f"{quoted(local)}@{chance.choice(_DOMAINS)}"
    return spec if chance.random() < 0.3 else f"{quoted(''.join(chance.choices(PIECES, k=2)))} <{spec}>"


def quoted(text: str) -> str:
    """Return `text` as a quoted string (RFC 5322 section 3.2.4)."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


ATOMS = st.text("abcxyzABC019._+-'!#%üßеа", min_size=1, max_size=12)
LOCALS = ATOMS | st.text('ab@<>(),;:\\" .=?ü', min_size=0, max_size=12).map(quoted)
SPECS = st.builds("{}@{}".format, LOCALS, st.sampled_from(_DOMAINS))
NAMES = st.text('Ada Doe.,<>@"()=?üß例', max_size=16)
NAMED = st.builds("{} <{}>".format, NAMES | NAMES.map(quoted), SPECS)
BROKEN = st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join)
ANY = st.text(max_size=30)
ADDRESSES = SPECS | NAMED | BROKEN | BROKEN | ANY
