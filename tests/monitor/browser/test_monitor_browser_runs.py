"""The list of runs: searching, marking, deleting with undo, the keyboard."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browser_runs import small_run
from browser_waits import until, until_url

Open = Callable[..., Any]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder with two short runs, which the test may change."""
    for number, name in enumerate(("one", "two")):
        small_run(tmp_path / name, seed=number)
    return tmp_path


def names(page: Any) -> list[str]:
    return page.locator(".run-link").all_inner_texts()


def ready(page: Any, count: int = 2) -> None:
    until(page, f"document.querySelectorAll('.runs .status').length === {count}")


def test_delete_and_undo(runs: Path, serve: Callable[[Path], str], open_page: Open) -> None:
    page = open_page(f"{serve(runs)}/?sort=name")
    ready(page)
    page.get_by_role("button", name="Delete: one").click()
    page.wait_for_selector(".toast")
    until(page, "document.querySelectorAll('.run-link').length === 1")
    assert not (runs / "one").exists()
    page.click(".toast button")
    ready(page)
    assert names(page) == ["one", "two"]
    assert (runs / "one" / "run.json").is_file()


def test_deleted_runs_are_brought_back_or_emptied_on_purpose(
    runs: Path, serve: Callable[[Path], str], open_page: Open
) -> None:
    page = open_page(f"{serve(runs)}/?sort=name")
    ready(page)
    for name in ("one", "two"):
        page.get_by_role("button", name=f"Delete: {name}").click()
        until(page, f"!document.body.innerText.includes('Delete: {name}')")
        until(
            page,
            f"![...document.querySelectorAll('.run-link')].some((a) => a.textContent === '{name}')",
        )
    page.get_by_role("button", name="Deleted (2)").click()
    page.locator("#trash-list li", has_text="one").get_by_role("button").click()
    until(page, "document.querySelectorAll('#trash-list li').length === 1")
    page.click("#trash-empty")
    page.wait_for_selector("#trash", state="hidden")
    assert names(page) == ["one"]
    assert not list((runs / ".trash").glob("*/seg-*"))


def test_star_tags_note_and_archive_are_kept(
    runs: Path, serve: Callable[[Path], str], open_page: Open
) -> None:
    address = f"{serve(runs)}/?sort=name"
    page = open_page(address)
    ready(page)
    page.get_by_role("button", name="Star for two").click()
    until(page, "document.querySelector('.run-link').textContent === 'two'")
    page.get_by_role("button", name="Note: one").click()
    page.fill("#edit-tags", "baseline, slow")
    page.fill("#edit-note", "first try")
    page.click("#edit-form button.main")
    page.wait_for_selector(".chip")
    page.get_by_role("button", name="Archive: two").click()
    until(page, "document.querySelectorAll('.run-link').length === 1")
    page.reload()
    ready(page, 1)
    assert names(page) == ["one"]
    assert page.locator(".chip").all_inner_texts() == ["baseline", "slow"]
    assert page.inner_text(".note") == "first try"
    page.check("#archived")
    assert names(page) == ["two", "one"]
    kept = json.loads((runs / "two" / "notes.json").read_text(encoding="utf-8"))
    assert kept["star"] is True
    assert kept["archived"] is True


def test_search_and_order_stand_in_the_address(site: str, open_page: Open) -> None:
    page = open_page(f"{site}/?sort=best&q=reproduce")
    ready(page)
    assert names(page) == ["reproduce/base", "reproduce/high"]
    page.fill("#search", "status:finished full")
    until(page, "document.querySelectorAll('.run-link').length === 1")
    page.reload()
    ready(page, 1)
    assert page.input_value("#search") == "status:finished full"
    assert names(page) == ["full"]


def test_the_keyboard_moves_chooses_and_opens(site: str, open_page: Open) -> None:
    page = open_page(f"{site}/?sort=name")
    ready(page, 4)
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.press("Escape")
    for key in ("j", "x", "j", "x", "k"):
        page.keyboard.press(key)
    assert page.inner_text("#compare") == "Compare (2)"
    assert page.evaluate("document.activeElement.textContent") == "full"
    page.keyboard.press("?")
    assert page.is_visible("#keys")
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    until_url(page, "run/full")
    page.wait_for_selector(".chart")
    page.keyboard.press("j")  # the next one in the list's order
    until_url(page, "run/reproduce~base")


def test_keys_mean_the_same_on_a_russian_keyboard(site: str, open_page: Open) -> None:
    page = open_page(f"{site}/?sort=name", locale="ru-RU")
    ready(page, 4)
    for letter, place in (("о", "KeyJ"), ("ч", "KeyX")):
        page.evaluate(
            "([key, code]) => document.body.dispatchEvent("
            "new KeyboardEvent('keydown', {key, code, bubbles: true, cancelable: true}))",
            [letter, place],
        )
    assert page.inner_text("#compare") == "Сравнить (1)"
