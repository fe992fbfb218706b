"""All words for drivers, by key and language. Wording never lives in code."""

import json
from functools import cache
from importlib import resources

LANGUAGES = ("en", "de")
"""The first one is the fallback."""

DECIMAL_COMMA = ("de",)


@cache
def catalogue(language: str) -> dict[str, str]:
    """All texts of one language. A region falls back to its language ("de-AT" to "de"), an unknown one to English."""
    base = language.split("-")[0].lower()
    name = base if base in LANGUAGES else LANGUAGES[0]
    text = resources.files(__package__).joinpath(f"{name}.json").read_text(encoding="utf-8")
    texts: dict[str, str] = json.loads(text)
    return texts


def say(key: str, language: str, **values: object) -> str:
    """The text of `key` with its placeholders filled.

    Raises:
        KeyError: no such text, or a placeholder without a value. A test proves that no key in the product lacks either.
    """
    return catalogue(language)[key].format_map(values)


def number(value: float, digits: int, language: str) -> str:
    """A number as it is written in the language."""
    text = f"{value:.{digits}f}"
    return text.replace(".", ",") if language.split("-")[0].lower() in DECIMAL_COMMA else text
