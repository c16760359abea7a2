"""Changes through the monitor's server: notes, delete, undo."""

import json
import shutil
import time
from pathlib import Path

import pytest
from monitor_client import Client, client, write_run

from monitor.notes import read_notes
from monitor.runlog import RunLog


@pytest.fixture(scope="module")
def donor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("donor") / "run"
    write_run(folder, steps=10)
    return folder


@pytest.fixture
def site(donor: Path, tmp_path: Path) -> Client:
    shutil.copytree(donor, tmp_path / "deep" / "run")
    return client(tmp_path)


def test_notes_are_kept_beside_the_run(site: Client, tmp_path: Path) -> None:
    page = "/api/runs/deep~run/notes"
    assert site.post(page, {"note": "Первый <b>", "tags": ["a", "b", "a"]}) == {
        "tags": ["a", "b"], "note": "Первый <b>", "star": False, "archived": False
    }  # fmt: skip
    site.post(page, {"star": True})
    site.post(page, {"archived": True})
    assert site.post(page, {}) == read_notes(tmp_path / "deep" / "run")
    run = site.runs()["deep/run"]
    assert (run["tags"], run["note"], run["star"], run["archived"]) == (
        ["a", "b"], "Первый <b>", True, True
    )  # fmt: skip
    assert client(tmp_path).json("/api/runs/deep~run")["note"] == "Первый <b>"
    assert [path.name for path in (tmp_path / "deep" / "run").glob(".*")] == []


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"tags": "a"}, "tags is a list"),
        ({"tags": ["a"] * 33}, "at most 32"),
        ({"tags": [""]}, "1 to 64 characters"),
        ({"tags": ["x" * 65]}, "1 to 64 characters"),
        ({"tags": ["a\nb"]}, "printable"),
        ({"tags": [1]}, "printable"),
        ({"note": 1}, "note is a text"),
        ({"note": "x" * 20_001}, "at most 20000"),
        ({"star": 1}, "star is true or false"),
        ({"archived": "yes"}, "archived is true or false"),
        ({"stars": True}, "'stars' is no field here; known are: tags, note, star, archived"),
        ([], "JSON object"),
        ("text", "JSON object"),
    ],
)
def test_wrong_notes_are_refused(site: Client, body: object, sentence: str) -> None:
    assert sentence in site.post("/api/runs/deep~run/notes", body, 400)["error"]
    assert site.json("/api/runs/deep~run")["star"] is False


def test_damaged_notes_are_empty(site: Client, tmp_path: Path) -> None:
    for damage in ("", "{", "[" * 100_000, "[]", '{"tags": 3, "star": "x", "note": "kept"}'):
        (tmp_path / "deep" / "run" / "notes.json").write_text(damage)
        notes = read_notes(tmp_path / "deep" / "run")
        assert notes == {
            "tags": [], "note": "kept" if "kept" in damage else "", "star": False,
            "archived": False,
        }  # fmt: skip


def test_notes_that_cannot_be_written(site: Client, tmp_path: Path) -> None:
    (tmp_path / "deep" / "run" / "notes.json").mkdir()
    assert "cannot be written" in site.post(
        "/api/runs/deep~run/notes", {"star": True}, 409
    )["error"]  # fmt: skip


def test_delete_and_undo(site: Client, tmp_path: Path) -> None:
    before = site.runs()["deep/run"]
    key = site.post("/api/runs/deep~run/delete")["trash"]
    assert site.runs() == {}
    site.error("/api/runs/deep~run", 404)
    (entry,) = site.json("/api/trash")["trash"]
    assert (entry["key"], entry["name"]) == (key, "deep/run")
    assert entry["bytes"] == before["bytes"]
    assert abs(entry["deleted"] - time.time()) < 60
    assert site.json("/api/runs")["trash"] == site.json("/api/session")["trash"] == 1
    (tmp_path / "deep").rmdir()
    assert site.post(f"/api/trash/{key}/restore") == {"id": "deep~run", "name": "deep/run"}
    assert site.json("/api/trash")["trash"] == []
    assert site.runs()["deep/run"]["best"] == before["best"]
    site.post(f"/api/trash/{key}/restore", status=404)
    assert not list((tmp_path / ".trash").iterdir())


def test_a_place_that_is_taken(site: Client, tmp_path: Path, donor: Path) -> None:
    key = site.post("/api/runs/deep~run/delete")["trash"]
    (tmp_path / "deep" / "run").mkdir()
    found = site.post(f"/api/trash/{key}/restore", status=409)
    assert "taken its place" in found["error"]
    (tmp_path / "deep" / "run").rmdir()
    (tmp_path / "deep").rmdir()
    (tmp_path / "deep").write_text("a file now")
    assert "no folder now" in site.post(f"/api/trash/{key}/restore", status=409)["error"]
    (tmp_path / "deep").unlink()
    site.post(f"/api/trash/{key}/restore")


def test_the_trash_is_emptied_on_purpose(site: Client, tmp_path: Path) -> None:
    site.post("/api/runs/deep~run/delete")
    assert "confirm is missing" in site.post("/api/trash/empty", {}, 400)["error"]
    site.post("/api/trash/empty", {"confirm": False}, 400)
    assert len(site.json("/api/trash")["trash"]) == 1
    assert site.post("/api/trash/empty", {"confirm": True}) == {"deleted": 1}
    assert site.json("/api/trash")["trash"] == []
    assert not (tmp_path / ".trash").exists()


def test_a_run_that_is_being_written_stays(tmp_path: Path) -> None:
    with RunLog(tmp_path / "run"):
        site = client(tmp_path)
        assert "stop its training" in site.post("/api/runs/run/delete", status=409)["error"]
    site.post("/api/runs/run/delete")


def test_a_run_deleted_by_hand_is_gone(site: Client, tmp_path: Path) -> None:
    site.json("/api/runs/deep~run")
    shutil.rmtree(tmp_path / "deep" / "run")
    time.sleep(0.45)
    site.error("/api/runs/deep~run", 404)
    assert site.runs() == {}


def test_strange_things_in_the_trash_are_passed_over(site: Client, tmp_path: Path) -> None:
    site.post("/api/runs/deep~run/delete")
    trash = tmp_path / ".trash"
    (trash / "file").write_text("")
    (trash / "empty").mkdir()
    for number, origin in enumerate(["[]", "{}", '{"name": 1, "deleted": 1.0}', "x"]):
        (trash / str(number) / "run").mkdir(parents=True)
        (trash / str(number) / "origin.json").write_text(origin)
    (trash / "no run").mkdir()
    (trash / "no run" / "origin.json").write_text(json.dumps({"name": "a", "deleted": 1.0}))
    assert [entry["name"] for entry in site.json("/api/trash")["trash"]] == ["deep/run"]
    for key in ("file", "empty", "0", "no run"):
        site.post(f"/api/trash/{key}/restore", status=404)
