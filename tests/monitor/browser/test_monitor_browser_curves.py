"""Curves: zoom, settings, smoothing, export, live points."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
from browser_runs import curves, settings
from browser_waits import until, until_url

from monitor.runlog import RunLog

Open = Callable[..., Any]
LOSS, ACCURACY = "[data-chart=loss] .plot", "[data-chart=accuracy] .plot"


def view(page: Any, chart: str = LOSS) -> tuple[float, float]:
    place = page.locator(chart)
    return float(place.get_attribute("data-from")), float(place.get_attribute("data-to"))


def query(page: Any) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlsplit(page.url).query).items()}


def drawn(page: Any) -> None:
    page.wait_for_selector(f"{LOSS}[data-points] .u-over")


def zoom_by_mouse(page: Any, first: float, last: float) -> None:
    """Drag over shares of the chart's width."""
    box = page.locator(f"{LOSS} .u-over").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + first * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + last * box["width"], middle, steps=4)
    page.mouse.up()
    until_url(page, "from=")


def test_new_points_come_while_view_and_settings_stay(
    serve: Callable[[Path], str], open_page: Open, tmp_path: Path
) -> None:
    with RunLog(tmp_path / "live", settings()) as log:
        curves(log, 0, 500)
        log.flush()
        page = open_page(f"{serve(tmp_path)}/run/live?smooth=0.5")
        drawn(page)
        page.wait_for_selector(".status.running")
        zoom_by_mouse(page, 0.2, 0.6)
        until(page, f"document.querySelector('{LOSS}').dataset.to < 400")
        page.check("#logy")
        before, title = view(page), page.title()
        assert before == pytest.approx((100, 300), abs=15)
        page.locator("#charts").evaluate("(node) => node.dataset.same = 'yes'")
        scrolled = page.evaluate("(scrollTo(0, 300), scrollY)")
        curves(log, 500, 900, seed=5)
        log.flush()
        until(page, "document.querySelector('#run-progress').textContent.includes('899')")
        until(page, f"document.title !== {title!r}")
        assert view(page) == before
        assert page.is_checked("#logy")
        assert page.input_value("#smooth") == "0.5"
        assert page.evaluate("scrollY") == scrolled
        assert page.get_attribute("#charts", "data-same") == "yes"  # no reload
        page.dblclick(f"{LOSS} .u-over")
        until(page, f"document.querySelector('{LOSS}').dataset.to >= 899")
    page.wait_for_selector(".status.finished")


def test_points_are_appended_as_they_are_written(
    serve: Callable[[Path], str], open_page: Open, tmp_path: Path
) -> None:
    with RunLog(tmp_path / "live") as log:
        for step in range(50):
            log.scalar("train/loss", 1.0, step)
        log.flush()
        page = open_page(f"{serve(tmp_path)}/run/live")
        page.wait_for_selector(f"{LOSS}[data-points='50']")
        for step in range(50, 60):
            log.scalar("train/loss", 0.25, step)
        log.scalar("valid/loss", 0.5, 59)  # a new curve comes by itself, too
        log.flush()
        page.wait_for_selector(f"{LOSS}[data-points='61']")
        assert view(page) == (0, 59)
        assert "0.25" in page.title()
        assert page.locator("[data-chart=loss] tbody tr").count() == 2


def test_a_run_that_is_killed_is_seen_to_have_crashed(
    serve: Callable[[Path], str], open_page: Open, tmp_path: Path, start_script: Callable[..., Any]
) -> None:
    training = start_script(
        "import sys, time\n"
        "from monitor.runlog import RunLog\n"
        "if __name__ == '__main__':\n"
        "    with RunLog(sys.argv[1]) as log:\n"
        "        for step in range(10**6):\n"
        "            log.scalar('train/loss', 1 / (1 + step), step)\n"
        "            time.sleep(0.01)\n",
        tmp_path / "killed",
    )
    page = open_page(f"{serve(tmp_path)}/")
    page.wait_for_selector(".status.running")
    page.click(".run-link")
    page.wait_for_selector(".status.running")
    training.kill()
    page.wait_for_selector(".status.crashed")


def test_zoom_by_keys_buttons_and_address(site: str, open_page: Open) -> None:
    page = open_page(f"{site}/run/full")
    drawn(page)
    assert view(page) == (0, 999)
    page.keyboard.press("+")
    until_url(page, "from=")
    for chart in (LOSS, ACCURACY):  # drawn after the address has changed
        until(page, f"document.querySelector('{chart}').dataset.from > 0")
    first, last = view(page)
    assert (first, last) == pytest.approx((249.75, 749.25), abs=1)
    assert view(page, ACCURACY) == (first, last)  # all charts go together
    page.keyboard.press("ArrowRight")
    until(page, f"document.querySelector('{LOSS}').dataset.from > {first}")
    moved = view(page)
    page.reload()
    drawn(page)
    assert view(page) == moved
    page.click("#zoom-all")
    until(page, f"document.querySelector('{LOSS}').dataset.from === '0'")
    assert "from" not in query(page)


def test_settings_are_remembered_for_the_next_run(site: str, open_page: Open) -> None:
    page = open_page(f"{site}/run/full")
    drawn(page)
    page.keyboard.press("l")
    page.keyboard.press("s")
    page.keyboard.press("]")
    page.fill("#cut", "200")
    page.get_by_role("radio", name="epoch").check()
    until(page, "location.search.includes('x=epoch')")
    expected = {"x": "epoch", "smooth": "0.95", "cut": "200", "logy": "1"}
    assert query(page) == expected
    until(page, f"Math.floor(document.querySelector('{LOSS}').dataset.from) === 2")  # not 200 steps
    assert view(page) == pytest.approx((2, 9.99), abs=0.02)
    page.goto(f"{site}/run/reproduce~base")
    drawn(page)
    until(page, "location.search.includes('x=epoch')")
    assert query(page) == expected
    page.reload()
    drawn(page)
    assert page.is_checked("#logy")
    page.keyboard.press("s")
    until(page, "!location.search.includes('smooth')")


def test_a_curve_is_hidden_and_the_filter_finds_charts(site: str, open_page: Open) -> None:
    page = open_page(f"{site}/run/full")
    drawn(page)
    toggle = page.locator("[data-chart=loss]").get_by_role("button", name="train/loss")
    toggle.click()
    until(page, "location.search.includes('hide')")
    page.reload()
    drawn(page)
    assert toggle.get_attribute("aria-pressed") == "false"
    page.fill("#filter", "valid acc")
    until(page, "document.querySelectorAll('.chart').length === 1")


def test_smoothing_leaves_constants_alone_and_the_lines_agree(site: str, open_page: Open) -> None:
    """The page goes on with the average as the server would have."""
    page = open_page(f"{site}/nothing")
    found = page.evaluate(
        """async () => {
          const { append, average, emptyCurve } = await import('/static/js/curves.js');
          let constant = 0;
          for (let n = 0; n < 500; n += 1) constant = average(constant, n, 0.7, 0.99);
          const curve = emptyCurve('a', 'step', 0, true);
          const value = [3, NaN, 5, 1];
          append(curve, { step: [0, 1, 2, 3], epoch: [], time: [], value }, 0.5);
          const back = append(curve, { step: [2], epoch: [], time: [], value: [0] }, 0.5);
          return { constant, smooth: curve.smooth, finite: curve.finite, back };
        }"""
    )
    page.wrong.clear()  # the address leads nowhere on purpose
    assert found["constant"] == pytest.approx(0.7, rel=1e-12)
    second = (0.25 * 3 + 0.5 * 5) / 0.75
    third = (0.125 * 3 + 0.25 * 5 + 0.5 * 1) / 0.875
    assert found["smooth"] == pytest.approx([3, 3, second, third])
    assert found["finite"] == 3
    assert found["back"] is False


def test_marks_are_explained(site: str, open_page: Open) -> None:
    page = open_page(f"{site}/run/full")
    drawn(page)
    key = page.inner_text("#marks-key")
    assert "checkpoints: 2" in key
    assert "resumes: 1" in key
    assert "not a number: 1" in key
    page.uncheck("#marks")
    page.wait_for_selector("#marks-key", state="hidden")


def test_export(site: str, open_page: Open, tmp_path: Path) -> None:
    page = open_page(f"{site}/run/full?smooth=0.9&ghosts=1&logy=1")
    drawn(page)
    chart = page.locator("[data-chart=loss]")
    content = {}
    for kind in ("PNG", "SVG", "CSV"):
        with page.expect_download() as download:
            chart.get_by_role("button", name=kind).click()
        path = tmp_path / f"file.{kind}"
        download.value.save_as(path)
        content[kind] = path.read_bytes()
        assert download.value.suggested_filename.lower().endswith(kind.lower())
    assert content["PNG"].startswith(b"\x89PNG")
    drawing = ElementTree.fromstring(content["SVG"])
    texts = [node.text for node in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert {"loss", "train/loss", "valid/loss", "step"} <= set(texts)
    assert len(list(drawing.iter("{http://www.w3.org/2000/svg}path"))) >= 4
    head, *rows = content["CSV"].decode().splitlines()
    assert head == "tag,step,epoch,time,value"
    assert sum(row.startswith("train/loss,") for row in rows) == 1000
    assert math.isnan(float(next(row for row in rows if ",700," in row).rsplit(",", 1)[1] or "nan"))


def test_a_server_that_is_gone_is_reported_and_found_again(site: str, open_page: Open) -> None:
    page = open_page(f"{site}/")
    page.wait_for_selector(".status.finished")
    page.route("**/api/runs", lambda route: route.abort())
    page.wait_for_selector("#lost:not([hidden])")
    page.unroute("**/api/runs")
    page.wait_for_selector("#lost", state="hidden")
    page.wrong[:] = [one for one in page.wrong if "ERR_FAILED" not in one]
