"""Labelling in the browser: the page, the server and the session together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from browser_waits import SECONDS, until

from augment.datasets import frames
from augment.datasets.smileys import SMILEYS
from monitor.labelling import Command, Smiley, create_app
from scripts.smileys_label_keys import COLOURS, COMMANDS, SMILEY_KEYS
from scripts.smileys_label_list import known, saver
from scripts.smileys_label_session import Session

AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text(encoding="utf-8")
TOKEN = "a-token-for-the-tests"
COUNT, SIZE = 24, (400, 300)
Open = Callable[..., Any]


def picture(number: int) -> bytes:
    """A grey frame, brighter with its number, half as large as the clip says."""
    pixels = np.full((SIZE[1] // 2, SIZE[0] // 2, 3), 40 + 5 * number, np.uint8)
    _, data = cv2.imencode(".jpg", pixels)
    return data.tobytes()


class Labelling:
    """A server of a clip, and the list that it writes."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "frames.csv"
        labels, squares, _ = known(self.path, "clip", COUNT)
        squares[:-1] = (100, 60, 120)
        self.session = Session(
            labels,
            squares,
            size=SIZE,
            rate=10,
            save=saver(self.path, "clip"),
            find=lambda frame: None,
        )
        self.app = create_app(
            self.session,
            picture,
            name="clip",
            count=COUNT,
            size=SIZE,
            smileys=[Smiley(*one) for one in zip(SMILEY_KEYS, SMILEYS, COLOURS, strict=True)],
            commands=[Command(*one) for one in COMMANDS.items()],
            token=TOKEN,
        )
        self.address = ""

    def labels(self) -> list[int]:
        """What stands in the list."""
        found: list[int] = frames.load(self.path).clips["clip"].labels.tolist()
        return found


@pytest.fixture
def labelling(tmp_path: Path) -> Iterator[Labelling]:
    from waitress.server import create_server

    made = Labelling(tmp_path)
    server = create_server(made.app, host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    made.address = f"http://127.0.0.1:{server.effective_port}/?token={TOKEN}"
    yield made
    server.close()
    thread.join(10)


def press(page: Any, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def shows(page: Any, frame: int) -> None:
    until(page, f"document.body.dataset.frame === '{frame}'")


def says(page: Any, identity: str, text: str) -> None:
    until(page, f"document.getElementById('{identity}').textContent.includes({text!r})")


def pixel(page: Any, canvas: str, x: float, y: float) -> list[int]:
    found: list[int] = page.evaluate(
        "([id, x, y]) => { const one = document.getElementById(id);"
        " const [copy, at] = [new OffscreenCanvas(1, 1), [x * one.width, y * one.height]];"
        " const context = copy.getContext('2d', { willReadFrequently: true });"
        " context.drawImage(one, ...at.map((value) => -Math.floor(value)));"
        " return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3); }",
        [canvas, x, y],
    )
    return found


def colour(label: int) -> list[int]:
    text = COLOURS[label]
    return [int(text[n : n + 2], 16) for n in (1, 3, 5)]


def test_a_range_is_labelled_taken_back_and_kept(labelling: Labelling, open_page: Open) -> None:
    page = open_page(labelling.address)
    shows(page, 0)
    press(page, "ArrowRight", "ArrowRight", "v", "Shift+ArrowRight")
    says(page, "range", "frame 2")
    shows(page, 12)
    press(page, "w")
    says(page, "said", ";-)  frames 2 to 12")
    shows(page, 13)
    assert labelling.labels() == [-1] * 2 + [3] * 11 + [-1] * 11
    assert pixel(page, "strip", 7.5 / COUNT, 0.5) == colour(3)
    press(page, "d", "Control+z")
    shows(page, 13)
    press(page, "u")
    says(page, "said", "taken back")
    shows(page, 12)
    assert labelling.labels() == [-1] * COUNT
    press(page, "r", "6", "+")
    shows(page, 13)
    until(page, "document.getElementById('said').textContent === ''")
    assert labelling.labels() == [-1] * 2 + [3] * 11 + [-1] * 11
    np.testing.assert_allclose(
        frames.load(labelling.path).clips["clip"].squares[13], [100, 57.6, 124.8], atol=0.06
    )

    press(page, "ArrowLeft")
    shows(page, 12)
    page.reload()
    shows(page, 12)
    says(page, "label", ";-)")
    assert page.get_attribute("[data-key=w]", "aria-pressed") == "true"
    assert page.get_attribute("[data-key=d]", "aria-pressed") == "false"
    # the box in the colour of the label, and the frame's own grey in its middle
    assert pixel(page, "picture", 100 / 400, 0.5) == pytest.approx(colour(3), abs=8)
    assert pixel(page, "picture", 160 / 400, 0.5) == pytest.approx([100] * 3, abs=8)


def test_it_plays_stops_and_takes_keys_of_other_layouts(
    labelling: Labelling, open_page: Open
) -> None:
    page = open_page(labelling.address)
    shows(page, 0)
    press(page, " ")
    until(page, "Number(document.body.dataset.frame) >= 3")
    press(page, " ")
    page.wait_for_timeout(300)
    stopped = page.evaluate("document.body.dataset.frame")
    page.wait_for_timeout(400)
    assert page.evaluate("document.body.dataset.frame") == stopped
    press(page, "Home")
    shows(page, 0)
    page.evaluate(
        "document.body.dispatchEvent(new KeyboardEvent("
        "'keydown', {key: 'ц', code: 'KeyW', bubbles: true}))"
    )
    shows(page, 1)
    assert labelling.labels()[0] == 3
    press(page, "Control+w", "Alt+d", "F2")
    press(page, "a")
    shows(page, 2)
    assert labelling.labels()[:3] == [3, 9, -1]


def test_a_box_is_shown_when_it_is_found(labelling: Labelling, open_page: Open) -> None:
    page = open_page(labelling.address)
    shows(page, 0)
    press(page, "End", "6")
    shows(page, COUNT - 1)
    says(page, "said", "There is no box here yet")
    left = (100 / 400, 0.5)
    grey = 40 + 5 * (COUNT - 1)
    assert pixel(page, "picture", *left) == pytest.approx([grey] * 3, abs=8)
    labelling.session.found(COUNT - 1, np.array([100, 60, 120]))
    end = time.monotonic() + SECONDS
    while pixel(page, "picture", *left) != pytest.approx([255] * 3, abs=8):
        assert time.monotonic() < end
        page.wait_for_timeout(50)


def test_on_a_phone_by_touch_and_in_russian(labelling: Labelling, open_page: Open) -> None:
    page = open_page(
        labelling.address,
        viewport={"width": 390, "height": 800},
        has_touch=True,
        is_mobile=True,
        locale="ru-RU",
    )
    shows(page, 0)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    says(page, "frame", "кадр 0 из 0–23")
    page.tap("[data-command=mark]")
    box = page.locator("#strip").bounding_box()
    page.locator("#strip").tap(position={"x": box["width"] * 4.5 / COUNT, "y": 10})
    shows(page, 4)
    page.tap("[data-key=p]")
    says(page, "said", "кадры 0–4")
    assert labelling.labels()[:6] == [4] * 5 + [-1]
    page.tap("[data-command=undo]")
    says(page, "said", "отменено")
    assert labelling.labels()[:6] == [-1] * 6
    sizes = page.evaluate(
        "[...document.querySelectorAll('[data-key]')].map((one) => one.offsetHeight)"
    )
    assert min(sizes) >= 44
    page.tap("[data-language=en]")
    page.wait_for_selector("html[lang=en]")
    says(page, "frame", "frame 4 of 0 to 23")


def test_the_page_is_accessible_in_light_and_dark(labelling: Labelling, open_page: Open) -> None:
    page = open_page(labelling.address, viewport={"width": 1400, "height": 900})
    shows(page, 0)
    page.evaluate(AXE)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = page.evaluate("axe.run().then((result) => result.violations)")
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []


def test_a_server_that_has_gone_is_told(labelling: Labelling, open_page: Open) -> None:
    page = open_page(labelling.address)
    shows(page, 0)
    page.context.set_offline(True)
    press(page, "w")
    until(page, "!document.getElementById('lost').hidden")
    page.context.set_offline(False)
    press(page, "w")
    shows(page, 1)
    until(page, "document.getElementById('lost').hidden")
    assert labelling.labels()[:2] == [3, -1]
    page.wrong[:] = [text for text in page.wrong if "ERR_INTERNET_DISCONNECTED" not in text]


def test_a_page_without_the_token_names_the_way_in(labelling: Labelling, open_page: Open) -> None:
    page = open_page(labelling.address)
    shows(page, 0)
    assert "token" not in page.url
    page.context.clear_cookies()  # as after another start of the server, with another token
    press(page, "w")
    says(page, "said", "open the address that it printed")
    assert labelling.session.view().labelled == 0
    page.goto(labelling.address)
    shows(page, 0)
    press(page, "w")
    shows(page, 1)
    assert labelling.labels()[:2] == [3, -1]
    page.wrong[:] = [text for text in page.wrong if "401" not in text]
