"""Bring the catalogues up to date with the code and compile them: `python -m tests.translation [LANGUAGE …]`.

Without a language all that are there. Prints how much of each is still to be translated.
"""

from __future__ import annotations

import sys

from .catalogue import languages, path_of, update
from .extract import ROOT, texts


def main() -> None:
    """Do it for the languages of the command line."""
    wanted = texts()
    for language in sys.argv[1:] or languages():
        try:
            made = update(language, wanted)
        except ValueError as error:
            sys.exit(str(error))
        open_ones = len(made.untranslated_entries()) + len(made.fuzzy_entries())
        print(f"{path_of(language).relative_to(ROOT)}: {len(made)} texts, {open_ones} of them not translated.")


if __name__ == "__main__":
    main()
