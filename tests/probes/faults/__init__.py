"""The table of faults: every way in which a connection is known to fail, played by a scripted peer on loopback, and
what the product must say about it. `docs/diagnosis.md` is made from it.

What peers say stands in `replies.table` (mail servers) and `microsoft.table` (Entra and Graph), one line a fault; what
they do instead of speaking in `settings`, `lines`, `tls`, `manners` and `clouds`. `row` says what a row is, `stages`
how the peers are played, `page` writes the page.
"""
