"""Smielfy in a browser whose camera shows a drawn face: from the question to the withdrawal."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from browser_waits import SECONDS, until
from smielfy_client import SMILEYS, Client, encoded, face, find_faces, serving

from monitor.smielfy.app import create_app
from monitor.smielfy.limits import Limits
from monitor.smielfy.review import create_review
from monitor.smielfy.store import Store
from monitor.smielfy.texts import words

AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text(encoding="utf-8")
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 860}
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The same browser once more, with a camera that everybody may use; it shows a drawn face."""
    film = tmp_path_factory.mktemp("camera") / "face.y4m"
    picture = cv2.cvtColor(np.asarray(face(320, 240)), cv2.COLOR_RGB2YUV_I420)
    head = b"YUV4MPEG2 W320 H240 F10:1 Ip A1:1 C420jpeg\nFRAME\n"
    film.write_bytes(head + picture.tobytes())
    with_camera = browser.browser_type.launch(
        executable_path=os.environ.get("LASAGNETTE_BROWSER") or shutil.which("chromium"),
        args=[
            *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-video-capture={film}",
        ],
    )
    yield with_camera
    with_camera.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of a server over HTTPS, and its folder."""
    folder = tmp_path_factory.mktemp("pictures")
    limits = Limits(uploads=(1000, 1000), withdrawals=1000)
    with serving(create_app(folder, find_faces, SMILEYS, limits=limits), folder) as address:
        yield address, folder


def looked_at(page: Any, width: int) -> None:
    """See that a page is accessible, and not wider than its window."""
    page.evaluate(AXE)
    found = page.evaluate("axe.run().then((result) => result.violations)")
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") == width


def step(page: Any, name: str) -> None:
    page.wait_for_selector(f"section[data-for={name}]:not([hidden])")
    assert page.evaluate("document.querySelectorAll('section[data-for]:not([hidden])').length") == 1


def camera_is_on(page: Any) -> bool:
    return page.evaluate("document.getElementById('video').srcObject?.active ?? false")


def records(place: tuple[str, Path]) -> list[Any]:
    return Store(place[1], SMILEYS).records()


def ready(page: Any) -> Any:
    page.wait_for_selector("body[data-ready]")
    return page


@pytest.mark.parametrize(
    ("language", "window", "colours"), [("en", DESK, "light"), ("ru", PHONE, "dark")]
)
def test_the_whole_story(
    place: tuple[str, Path], open_page: Open, language: str, window: dict, colours: str
) -> None:
    before = len(records(place))
    page = ready(
        open_page(
            place[0],
            ignore_https_errors=True,
            viewport=window,
            color_scheme=colours,
            locale={"en": "en-GB", "ru": "ru-RU"}[language],
        )
    )
    texts = words(language)
    smiley = page.inner_text("#smiley")
    assert smiley in SMILEYS
    until(page, "document.getElementById('drawn').naturalWidth > 0")
    looked_at(page, window["width"])

    page.click("#start")
    step(page, "camera")
    until(page, "document.getElementById('video').videoWidth > 0")
    assert camera_is_on(page)
    page.keyboard.press("Enter")  # the focus is on the button that takes the picture
    page.wait_for_selector("#count:not([hidden])")
    assert page.inner_text("#said") in {"3", "2", "1"}
    step(page, "decide")
    assert not camera_is_on(page)
    assert page.evaluate("document.getElementById('shot').width") >= 320
    consent = page.inner_text(".consent")
    assert all(texts[f"consent.{name}"] in consent for name in ("purpose", "stored", "minors"))
    assert not page.is_checked("#released")
    looked_at(page, window["width"])
    assert len(records(place)) == before  # nothing was sent yet

    if language == "en":
        page.click("#retake")
        step(page, "camera")
        page.click("#shoot")
        step(page, "decide")
    page.click("#yes")
    step(page, "thanks")
    code = page.inner_text("#code")
    looked_at(page, window["width"])
    (record,) = [one for one in records(place) if one.status == "new"][before:]
    assert (SMILEYS[record.smiley], record.released) == (smiley, False)
    x, _, width, _ = record.box
    assert abs(x + width / 2 - record.size[0] / 2) < 12
    assert not set(page.inner_text("body").split()) & set(texts)  # keys without a text

    page.click("#next")
    step(page, "ask")
    assert page.inner_text("#smiley") != smiley
    page.goto(f"{place[0]}/withdraw#{code}")
    ready(page)
    assert page.input_value("#code") == code
    assert "#" not in page.url
    looked_at(page, window["width"])
    page.fill("#code", code.lower().replace("-", " "))
    page.keyboard.press("Enter")
    page.wait_for_selector("#done:not([hidden])")
    assert page.inner_text("#done") == texts["withdraw.done"]
    assert len(records(place)) == before
    assert page.evaluate("sessionStorage.getItem('smielfy-codes')") == "[]"


def test_a_wrong_code_and_a_picture_without_a_face_are_answered_in_words(
    place: tuple[str, Path], open_page: Open, tmp_path: Path
) -> None:
    page = ready(open_page(f"{place[0]}/withdraw", ignore_https_errors=True))
    page.fill("#code", "ABCD-ABCD-ABCD")
    page.click("form button")
    page.wait_for_selector("#refused:not([hidden])")
    assert "no picture with this code" in page.inner_text("#refused")
    page.goto(place[0])
    ready(page)
    file = tmp_path / "wall.png"
    file.write_bytes(encoded(face(400, 300).crop((0, 0, 100, 100)), "PNG"))
    page.set_input_files("#file", file)
    step(page, "decide")
    page.click("#yes")
    page.wait_for_selector("#refused:not([hidden])")
    assert "No face was found" in page.inner_text("#refused")
    looked_at(page, page.viewport_size["width"])
    page.click("#discard")
    step(page, "ask")
    assert page.evaluate("document.getElementById('shot').width") == 0
    file.write_bytes(b"no picture")
    page.set_input_files("#file", file)
    page.wait_for_selector("#no-camera:not([hidden])")
    assert "cannot read this file" in page.inner_text("#no-camera")
    page.wrong[:] = [one for one in page.wrong if " 404 " not in one and " 422 " not in one]


def test_without_a_camera_a_file_can_be_chosen(
    place: tuple[str, Path], open_page: Open, tmp_path: Path
) -> None:
    page = ready(open_page(place[0], ignore_https_errors=True, viewport=PHONE))
    for error, words_ in (
        ("NotAllowedError", "not allowed to use the camera"),
        ("NotFoundError", "No camera was found"),
        ("NotReadableError", "another program"),
    ):
        page.evaluate(
            "(name) => { navigator.mediaDevices.getUserMedia = "
            "() => Promise.reject(new DOMException('', name)); }",
            error,
        )
        page.click("#start")
        page.wait_for_selector("#no-camera:not([hidden])")
        assert words_ in page.inner_text("#no-camera")
        assert "same consent" in page.inner_text("#no-camera")
        assert page.evaluate("document.activeElement.id") == "file"
    looked_at(page, PHONE["width"])
    page.evaluate("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
    page.click("#start")
    assert "over HTTPS" in page.inner_text("#no-camera")
    file = tmp_path / "large.jpg"
    file.write_bytes(encoded(face(2400, 1800)))
    page.set_input_files("#file", file)
    step(page, "decide")
    page.check("#released")
    page.click("#yes")
    step(page, "thanks")
    (record,) = [one for one in records(place) if one.released]
    assert record.size == (1024, 768)


def test_leaving_the_camera_ends_the_countdown(place: tuple[str, Path], open_page: Open) -> None:
    page = ready(open_page(place[0], ignore_https_errors=True))
    page.click("#start")
    step(page, "camera")
    page.click("#shoot")
    page.wait_for_selector("#count:not([hidden])")
    page.keyboard.press("Escape")
    step(page, "ask")
    assert not camera_is_on(page)
    page.wait_for_timeout(1200)
    step(page, "ask")


def test_the_next_person_starts_anew(place: tuple[str, Path], open_page: Open) -> None:
    page = ready(open_page(place[0], ignore_https_errors=True))
    page.evaluate("sessionStorage.setItem('smielfy-codes', JSON.stringify([{ code: 'X' }]))")
    cookie = page.context.cookies()[0]["value"]
    page.evaluate("document.getElementById('other').click()")
    end = time.monotonic() + SECONDS
    while page.context.cookies()[0]["value"] == cookie:
        assert time.monotonic() < end
        page.wait_for_timeout(50)
    ready(page)
    assert page.context.cookies()[0]["httpOnly"]
    page.goto(place[0])
    assert ready(page).evaluate("sessionStorage.getItem('smielfy-codes')") == "[]"


def test_a_review_by_keys(open_page: Open, tmp_path: Path) -> None:
    site = Client(create_app(tmp_path, find_faces, SMILEYS))
    for smiley in (0, 1, 2):
        site.code(smiley=smiley, released=1)
    store = Store(tmp_path, SMILEYS)

    def seen() -> list[tuple[str, int]]:
        return [(one.status, one.label) for one in store.records()]

    with serving(create_review(store, "a token for the tests")) as address:
        address = address.replace("localhost", "127.0.0.1")
        page = ready(open_page(f"{address}/?token=a+token+for+the+tests", viewport=DESK))
        until(page, "document.getElementById('picture').naturalWidth > 0")
        looked_at(page, DESK["width"])
        frame, box = (page.locator(name).bounding_box() for name in ("#picture", "#box"))
        assert abs(box["x"] + box["width"] / 2 - frame["x"] - frame["width"] / 2) < 5
        assert "3 to be looked at" in page.inner_text("#summary")
        page.keyboard.press("2")  # it shows another smiley than the one asked for
        until(page, "document.querySelector('input[name=label][value=\"1\"]').checked")
        page.keyboard.press("a")
        until(page, "document.getElementById('place').textContent === '2 of 3'")
        page.keyboard.press("r")
        until(page, "document.getElementById('place').textContent === '3 of 3'")
        assert seen() == [("accepted", 1), ("rejected", 1), ("new", 2)]
        page.keyboard.press("u")
        until(page, "document.getElementById('place').textContent === '2 of 3'")
        assert seen() == [("accepted", 1), ("new", 1), ("new", 2)]
        page.keyboard.press("ArrowRight")
        page.keyboard.press("a")
        until(page, "document.getElementById('summary').textContent.includes('2 accepted')")
        page.set_viewport_size(PHONE)
        page.emulate_media(color_scheme="dark")
        page.click("[data-language=ru]")
        page.wait_for_selector("html[lang=ru] body[data-ready]")
        assert "принято 2" in page.inner_text("#summary")
        looked_at(page, PHONE["width"])
        page.evaluate(  # where A is on a Russian keyboard
            "document.body.dispatchEvent(new KeyboardEvent("
            "'keydown', { key: 'ф', code: 'KeyA', bubbles: true }))"
        )
        page.wait_for_selector("#none:not([hidden])")
        assert seen() == [("accepted", 1), ("accepted", 1), ("accepted", 2)]
