"""Smielfy's texts, in all languages."""

import re
from pathlib import Path

import monitor.smielfy
from monitor.smielfy.smileys import NAMES
from monitor.smielfy.texts import LANGUAGES, THEMES, words

HERE = Path(monitor.smielfy.__file__).parent
SOURCES = [*HERE.glob("static/js/*.js"), *HERE.glob("templates/*.html"), *HERE.glob("*.py")]
TEXT = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
BEGUN = {  # keys whose last part is known only when the page is shown
    "name.": {*NAMES.values(), "other"},
    "how.": {*NAMES.values(), "other"},
    "theme.": set(THEMES),
    "language.": set(LANGUAGES),
    "review.is.": {"new", "accepted", "rejected"},
    "review.": {"new", "accepted", "rejected", "all"},
    "ask.road.": {"look", "take", "decide"},
    "consent.": {"purpose", "stored", "who", "back", "minors"},
}


def called() -> set[str]:
    """Return the keys that stand in the sources as a whole."""
    return set(re.findall(r"""["'`]([a-z]+(?:\.[a-z_]+)+)["'`]""", TEXT)) & set(words("en"))


def test_all_languages_have_the_same_keys_and_fill_in_the_same_values() -> None:
    for language in LANGUAGES:
        assert list(words(language)) == list(words("en"))
        for key, text in words("en").items():
            values = set(re.findall(r"\{\w+\}", text))
            assert set(re.findall(r"\{\w+\}", words(language)[key])) == values, (language, key)


def test_the_russian_texts_are_russian() -> None:
    same = {key for key, text in words("ru").items() if text == words("en")[key]}
    assert same == {"app.name", "language.en", "language.ru"}


def test_every_key_that_is_asked_for_exists() -> None:
    asked = set(re.findall(r"""\bt\(["'`]([\w.]+\w)["'`]""", TEXT))
    assert len(asked) > 60
    assert asked <= set(words("en"))
    for begin, ends in BEGUN.items():
        assert {begin + end for end in ends} <= set(words("en"))


def test_every_refusal_has_a_sentence_and_every_sentence_a_refusal() -> None:
    raised = set(re.findall(r'Refusal\(\d+, "(\w+)"\)', TEXT))
    by_status = set(re.findall(r'\d{3}: "(\w+)"', TEXT)) | {"request"}
    sentences = {key.partition(".")[2] for key in words("en") if key.startswith("refused.")}
    assert sentences == raised | by_status
    for language in LANGUAGES:
        for reason in sentences:
            assert re.search(r"[.!]$", words(language)[f"refused.{reason}"]), reason


def test_every_text_is_used() -> None:
    begun = {begin + end for begin, ends in BEGUN.items() for end in ends}
    unused = set(words("en")) - called() - begun
    assert {key for key in unused if not key.startswith("refused.")} == set()
