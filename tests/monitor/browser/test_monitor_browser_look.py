"""What holds for every page: accessible, readable, translated, and quiet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from monitor.pages import words

AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text(encoding="utf-8")
PAGES = {
    "runs": "/",
    "run": "/run/full?smooth=0.6&ghosts=1",
    "compare": "/compare?run=full&run=reproduce~base&run=reproduce~high",
    "detections": "/detections/full",
    "data": "/data/full",
    "funnel": "/funnel/full?stage=detect-1",
    "queue": "/queue/full",
    "architecture": "/architecture/full",
}
READY = {
    "runs": "table.runs tbody tr:nth-child(4) .spark",
    "run": ".chart .u-over",
    "compare": "#delta-table tbody tr",
    "detections": ".overlay .box",
    "data": "canvas.histogram",
    "funnel": ".window img",
    "queue": "#verdict[data-kind]",
    "architecture": "#layers tbody tr",
}
Open = Callable[..., Any]


def violations(page: Any) -> list[tuple[str, list[str]]]:
    page.evaluate(AXE)
    found = page.evaluate("axe.run().then((result) => result.violations)")
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]


def widest(page: Any) -> int:
    return page.evaluate("document.documentElement.scrollWidth")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in ("runs", "run", "detections") else pytest.mark.slow)
        for name in PAGES
    ],
)
def test_a_page_is_accessible_fits_and_is_translated(site: str, open_page: Open, name: str) -> None:
    """On a desk and on a phone, light and dark, in English and in Russian."""
    page = open_page(site + PAGES[name], viewport={"width": 1440, "height": 900})
    page.wait_for_selector(READY[name])
    assert violations(page) == []

    page.set_viewport_size({"width": 360, "height": 740})
    page.emulate_media(color_scheme="dark")
    page.click("[data-language=ru]")
    page.wait_for_selector(f"html[lang=ru] {READY[name]}")
    assert violations(page) == []
    assert widest(page) == 360
    assert not set(page.inner_text("body").split()) & set(words("ru"))  # keys without a text

    page.set_viewport_size({"width": 3840, "height": 2160})
    assert widest(page) == 3840


def test_the_language_is_switched_and_kept(site: str, open_page: Open) -> None:
    page = open_page(f"{site}/")
    assert page.inner_text("h1") == "Runs"
    page.click("[data-language=ru]")
    page.wait_for_selector("html[lang=ru]")
    assert page.inner_text("h1") == "Запуски"
    page.goto(f"{site}/architecture/full")
    page.wait_for_selector(READY["architecture"])
    assert "пакет" in page.inner_text("#layers")
    page.click("[data-language=en]")
    page.wait_for_selector("html[lang=en]")


def test_colours_follow_the_system_until_they_are_chosen(site: str, open_page: Open) -> None:
    page = open_page(f"{site}/run/full", color_scheme="dark")
    page.wait_for_selector(READY["run"])
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.emulate_media(color_scheme="light")
    light = page.evaluate(ground)
    assert dark != light
    page.click("#theme")  # from "as the system" to light
    page.click("#theme")
    assert page.evaluate(ground) == dark
    page.goto(f"{site}/")
    assert page.evaluate(ground) == dark
    assert page.get_attribute("html", "data-theme") == "dark"


def test_names_and_texts_of_strangers_stay_text(
    site: str, open_page: Open, hostile: tuple[str, str]
) -> None:
    name, tag = hostile
    page = open_page(f"{site}/")
    link = page.get_by_role("link", name=name)
    link.wait_for()
    link.click()
    page.wait_for_selector(READY["run"])
    assert page.inner_text("#run-name") == name
    assert tag in page.inner_text("#charts")
    page.click("#texts summary")
    assert tag in page.inner_text("#texts-list")
    page.click("[data-tab=detections]")
    page.wait_for_selector(".overlay", state="attached")
    assert tag in page.inner_text("#picture-title")
    assert page.evaluate("document.scripts.length") == 2
    assert not page.query_selector("main img[src=x]")


def test_an_address_that_leads_nowhere_says_so(site: str, open_page: Open) -> None:
    page = open_page(f"{site}/nothing/here")
    assert "leads nowhere" in page.inner_text("main")
    page.goto(f"{site}/run/no-such-run")
    page.wait_for_selector("#failure:not([hidden])")
    assert "no such run" in page.inner_text("#failure")
    page.wrong[:] = [one for one in page.wrong if "404" not in one]


def test_an_empty_folder_teaches(
    serve: Callable[[Path], str], open_page: Open, tmp_path: Path
) -> None:
    page = open_page(f"{serve(tmp_path)}/")
    page.wait_for_selector("#empty:not([hidden])")
    assert "with RunLog(" in page.inner_text("#empty")
    assert page.is_hidden("#controls")
