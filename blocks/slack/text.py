"""One thing to say, in every language we answer in. The rule: all languages have the same blanks."""

from __future__ import annotations

from typing import NamedTuple


class Text(NamedTuple):
    """One thing to say. A pair is (for one, for several)."""

    en: str | tuple[str, str]
    fr: str | tuple[str, str]

    def forms(self, language: str) -> tuple[str, str]:
        """(for one, for several); a language we do not have is answered in English."""
        written = self.fr if language == "fr" else self.en
        return (written, written) if isinstance(written, str) else written
