"""The languages of Enode's link page and intervention texts."""

INTERVENTION = frozenset(
    {
        *("da-DK", "de-DE", "en-US", "en-GB", "es-ES", "fi-FI", "fr-FR", "ja-JP", "lv-LV", "lt-LT"),
        *("nb-NO", "nl-NL", "nl-BE", "pl-PL", "pt-PT", "ro-RO", "sv-SE"),
    }
)
LINK = INTERVENTION | {"browser", "it-IT"}


def best(wanted: str, offered: frozenset[str], otherwise: str) -> str:
    """`wanted` if offered (any case, `-` or `_`), else the nearest offer in the same language, else `otherwise`."""
    wanted = wanted.replace("_", "-").lower()
    exact = {language.lower(): language for language in offered}
    if wanted in exact:
        return exact[wanted]
    related = sorted(one for one in offered if one.split("-")[0] == wanted.split("-")[0])
    if "en-US" in related:  # Enode's own fallback
        return "en-US"
    return max(related, key=_is_of_its_country, default=otherwise)


def _is_of_its_country(language: str) -> bool:
    """True where language and country share their letters, as in nl-NL but not nl-BE."""
    spoken, _, country = language.partition("-")
    return spoken == country.lower()
