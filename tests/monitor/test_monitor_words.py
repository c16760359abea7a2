"""The texts of the pages, in all languages."""

import re
from pathlib import Path

import monitor
from monitor.pages import LANGUAGES, words

HERE = Path(monitor.__file__).parent
SOURCES = [*HERE.glob("static/js/*.js"), *HERE.glob("templates/*.html")]
TEXT = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
CALLED = set(re.findall(r"""\bt\((?:[\w.]+ \? )?["']([\w.]+\w)["']""", TEXT))
# t(`axis.${x}`) and t("axis." + x): keys whose last part is known only when the page is shown
BEGUN = {
    *re.findall(r"\bt\(`([\w.]+\.)\$\{", TEXT),
    *re.findall(r"""\bt\(["']([\w.]+\.)["'] \+""", TEXT),
}


def test_all_languages_have_the_same_keys_in_the_same_order() -> None:
    first, *others = (list(words(language)) for language in LANGUAGES)
    assert all(other == first for other in others)


def test_all_languages_fill_in_the_same_values() -> None:
    for key, text in words("en").items():
        values = set(re.findall(r"\{\w+\}", text))
        for language in LANGUAGES:
            assert set(re.findall(r"\{\w+\}", words(language)[key])) == values, (language, key)


def test_the_russian_texts_are_russian() -> None:
    same = {key for key, text in words("ru").items() if text == words("en")[key]}
    assert same <= {"app.name", "language.en", "language.ru"}


def test_every_key_that_the_pages_ask_for_exists() -> None:
    assert len(CALLED) > 100
    assert set(words("en")) >= CALLED
    assert all(any(key.startswith(begin) for key in words("en")) for begin in BEGUN)


def test_every_text_is_used() -> None:
    unused = {key for key in words("en") if f'"{key}"' not in TEXT and f"'{key}'" not in TEXT}
    assert {key for key in unused if not any(key.startswith(begin) for begin in BEGUN)} == set()
