"""The other pages: Compare, Detections, Data, Funnel, Queue, Architecture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from browser_runs import pictures, settings
from browser_waits import until, until_url

from monitor.runlog import RunLog

Open = Callable[..., Any]


def test_compare_shows_curves_differences_and_deltas(site: str, open_page: Open) -> None:
    page = open_page(f"{site}/?sort=name&q=reproduce")
    until(page, "document.querySelectorAll('.runs .status').length === 2")
    for box in page.locator(".cell-choose input").all():
        box.check()
    page.click("#compare")
    page.wait_for_selector("[data-chart=loss] .u-over")
    rows = page.locator("[data-chart=loss] tbody tr")
    assert rows.count() == 4
    differ = page.locator("#config-table tr.differs")
    assert differ.all_inner_texts() == ["settings.learning_rate\t0.003\t0.01"]
    accuracy = page.locator("#delta-table tr", has_text="valid/accuracy")
    assert "▼ -0.1" in accuracy.inner_text()
    page.get_by_role("radio", name="baseline").nth(1).check()
    until_url(page, "baseline=reproduce%7Ehigh")
    until(page, "document.querySelector('#delta-table').innerText.includes('▲ +0.1')")
    page.select_option("#add", label="full")
    until(page, "document.querySelectorAll('#runs li').length === 3")
    assert page.url.count("run=") == 3
    page.keyboard.press("+")
    until_url(page, "from=")


def test_the_slider_does_not_jump_and_the_filter_stays(
    serve: Callable[[Path], str], open_page: Open, tmp_path: Path
) -> None:
    with RunLog(tmp_path / "live", settings()) as log:
        for step in (0, 100, 200, 300):
            pictures(log, step)
        log.flush()
        page = open_page(f"{serve(tmp_path)}/detections/live")
        page.wait_for_selector("#picture[data-step='300']")
        page.get_by_role("slider", name="Step").fill("1")
        page.wait_for_selector("#picture[data-step='100']")
        page.locator("#score").fill("0.5")
        page.uncheck("input[value=fired]")
        assert page.locator(".overlay .box").count() == 3  # one of each other role
        pictures(log, 400)
        log.flush()
        until(page, "document.querySelector('.stepper output').textContent.includes('of 5')")
        slider = page.get_by_role("slider", name="Step")
        assert slider.input_value() == "1"
        assert "step 100 (2 of 5)" in page.inner_text(".stepper output")
        assert page.get_attribute("#picture", "data-step") == "100"
        assert page.locator(".overlay .box").count() == 3
        page.reload()
        page.wait_for_selector("#picture[data-step='100']")
        assert page.locator(".overlay .box").count() == 3
        page.keyboard.press("]")
        page.wait_for_selector("#picture[data-step='200']")
        page.keyboard.press("j")
        until(page, "document.querySelector('#picture-title').textContent.includes('street')")
        page.wait_for_selector("#picture[data-step='200']")
        page.check(".stepper input[type=checkbox]")  # follow
        page.wait_for_selector("#picture[data-step='400']")
        pictures(log, 500)
        log.flush()
        page.wait_for_selector("#picture[data-step='500']")


def test_boxes_have_the_colours_of_the_articles(site: str, open_page: Open) -> None:
    page = open_page(f"{site}/detections/full")
    page.wait_for_selector(".overlay .box")
    strokes = {
        role: page.evaluate(f"getComputedStyle(document.querySelector('.box.{role} .line')).stroke")
        for role in ("fired", "kept_in_size", "kept_at_last", "truth")
    }
    parts = {role: [int(x) for x in text[4:-1].split(", ")] for role, text in strokes.items()}
    assert max(parts["fired"]) == parts["fired"][0]
    assert max(parts["kept_in_size"]) == parts["kept_in_size"][2]
    assert max(parts["kept_at_last"]) == parts["kept_at_last"][1]
    assert parts["truth"] == [255, 255, 255]


def test_data_shows_originals_beside_variants(site: str, open_page: Open) -> None:
    page = open_page(f"{site}/data/full")
    page.wait_for_selector("canvas.histogram")
    page.wait_for_selector(".tile.original img")
    first = page.locator(".sample").first
    assert first.locator(".tile").count() == 4
    assert "rotation\n-4.5" in first.inner_text()
    assert page.locator("#filter-grid img").count() == 1
    for image in page.locator(".sample img, #filter-grid img").all():
        image.scroll_into_view_if_needed()
    shown = "[...document.querySelectorAll('.sample img, #filter-grid img')]"
    until(page, f"{shown}.every((node) => node.complete && node.naturalWidth > 0)")


def test_the_funnel_shows_wrongly_rejected_faces_first(site: str, open_page: Open) -> None:
    page = open_page(f"{site}/funnel/full")
    page.wait_for_selector("#stages tbody tr")
    assert page.locator("#stages tbody tr").all_inner_texts()[1].split("\t")[2:5] == [
        "31,000",
        "900",
        "2.9%",
    ]
    page.get_by_role("button", name="detect-1").click()
    page.wait_for_selector(".window")
    kinds = [tile.get_attribute("class") for tile in page.locator(".window").all()]
    assert kinds == ["window face"] * 4 + ["window"] * 8
    page.reload()
    page.wait_for_selector(".window")
    page.get_by_role("button", name="detect-2").click()
    page.wait_for_selector("#rejected-none:not([hidden])")


def test_the_queue_has_a_plain_verdict(site: str, open_page: Open) -> None:
    page = open_page(f"{site}/queue/full")
    page.wait_for_selector("#verdict[data-kind]")
    assert page.inner_text("#verdict").startswith("The training ")
    assert "queue/batches" in page.inner_text("#tiles")
    page.wait_for_selector("[data-chart='queue/batches'] .u-over")


def test_the_architecture_adds_up(site: str, open_page: Open) -> None:
    page = open_page(f"{site}/architecture/full")
    page.wait_for_selector("#layers tbody tr")
    assert page.inner_text("#total") == "Layers: 5, parameters: 9,714"
    assert "batch × 16 × 12 × 12" in page.inner_text("#layers")


def test_pages_without_content_say_how_to_get_some(site: str, open_page: Open) -> None:
    page = open_page(f"{site}/detections/reproduce~base")
    for name in ("detections", "data", "funnel", "architecture"):
        page.goto(f"{site}/{name}/reproduce~base")
        page.wait_for_selector("#none:not([hidden])")
        assert page.locator("#none pre").inner_text().strip()
