"""How the server keeps many runs: nested, pending, damaged, put away."""

import os
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from monitor_client import client, write_run

from monitor import library
from monitor.folders import DEPTH, find_runs, run_id
from monitor.layout import USER_BLOCK
from monitor.library import Library
from monitor.reader import open_run
from monitor.runlog import RunLog
from monitor.summary import summarise


@pytest.fixture(scope="module")
def donor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("donor") / "run"
    write_run(folder)
    return folder


@pytest.fixture(scope="module")
def dead(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose writer is gone: a copy made while there still was one."""
    place = tmp_path_factory.mktemp("dead")
    with RunLog(place / "alive") as log:
        for step in range(40):
            log.scalar("loss", 1.0, step)
            log.picture("crop", np.zeros((4, 4), np.uint8), step, {"seen": step})
            log.text(f"at {step}", step)
        log.flush()
        shutil.copytree(place / "alive", place / "run")
    return place / "run"


def test_runs_are_found_in_folders(donor: Path, tmp_path: Path) -> None:
    deep = "/".join("abcdef"[:DEPTH])
    for name in ("b", "a/z", "a/run", deep, deep + "/below", ".hidden", "a/.trash/x"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
    for name in ("b", "a/run", deep, deep + "/below", ".hidden", "a/.trash/x"):
        shutil.copy(donor / "seg-000.h5", tmp_path / name)
    (tmp_path / "link").symlink_to(donor)
    (tmp_path / "a" / "file").write_text("")
    assert [name for name, _ in find_runs(tmp_path)] == [deep, "a/run", "b"]
    assert dict(find_runs(tmp_path))["a/run"] == tmp_path / "a" / "run"
    assert find_runs(tmp_path / "nothing") == []
    assert find_runs(tmp_path / "b") == [(".", tmp_path / "b")]


def test_ids_differ_where_names_do() -> None:
    names = ["a/b", "a~b", "a=7Eb", "a b", "a=20b", ".", "~", "a//b", "ä", os.fsdecode(b"\xe4")]
    assert len({run_id(name) for name in names}) == len(names)


def test_a_summary_without_a_server(donor: Path) -> None:
    found = summarise(open_run(donor))
    assert (found["status"], found["net"], found["epochs"]) == ("finished", "net12", 8)
    assert found["best"]["value"] == 39 / 40
    assert found["problems"] == []


def test_a_damaged_run_does_not_keep_the_others_from_being_seen(
    donor: Path, dead: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    for name in ("a good", "b zeros", "c short", "d noise", "e empty", "f good"):
        shutil.copytree(donor if "good" in name else dead, tmp_path / name)
        path = tmp_path / name / "seg-000.h5"
        size = path.stat().st_size
        with open(path, "r+b") as file:
            file.seek(USER_BLOCK + 48)
            if "zeros" in name:
                file.write(bytes(size - file.tell()))
            elif "noise" in name:
                file.write(rng.bytes(4000))
            elif "short" in name:
                file.truncate(USER_BLOCK + 1000)
            elif "empty" in name:
                file.truncate(0)
    (tmp_path / "d noise" / "run.json").write_bytes(rng.bytes(100))
    site = client(tmp_path)
    begun = time.monotonic()
    first = site.json("/api/runs")
    assert time.monotonic() - begun < 2
    assert len(first["runs"]) == 6
    runs = site.runs(seconds=60)
    for name, run in runs.items():
        assert run["status"] == ("finished" if "good" in name else "crashed"), name
        assert bool(run["problems"]) == ("good" not in name), (name, run["problems"])
        assert all(str(tmp_path) not in problem for problem in run["problems"])
        page = site.json(f"/api/runs/{run['id']}")
        assert page["problems"] == run["problems"]
        site.get(f"/api/runs/{run['id']}/funnel")
        site.get(f"/api/runs/{run['id']}/texts")


def test_pictures_of_a_dead_writer_are_still_shown(dead: Path, tmp_path: Path) -> None:
    shutil.copytree(dead, tmp_path / "run")
    site = client(tmp_path)
    found = site.json("/api/runs/run/pictures?tag=crop&metadata=1")
    assert [one["metadata"] for one in found["pictures"]] == [{"seen": n} for n in range(40)]
    assert site.get(found["pictures"][39]["url"]).data.startswith(b"\x89PNG")
    assert site.json("/api/runs/run")["status"] == "crashed"
    assert [one["text"] for one in site.json("/api/runs/run/texts?offset=38")["texts"]] == [
        "at 38", "at 39"
    ]  # fmt: skip


def test_damage_to_pictures_of_a_finished_run_is_named(donor: Path, tmp_path: Path) -> None:
    shutil.copytree(donor, tmp_path / "run")
    path = tmp_path / "run" / "seg-000.h5"
    content = bytearray(path.read_bytes())
    place = content.rindex(b"IDAT")  # in a PNG, so in the blob
    content[place + 6] ^= 1
    path.write_bytes(content)
    site = client(tmp_path)
    site.json("/api/runs/run/pictures?tag=detections/a&metadata=1")
    assert any("blob" in problem for problem in site.json("/api/runs/run")["problems"])


def test_damage_under_a_living_writer_holds_nobody_up(tmp_path: Path) -> None:
    with RunLog(tmp_path / "run") as log:
        for step in range(100):
            log.scalar("loss", 1.0, step)
        log.flush()
        with open(tmp_path / "run" / "seg-000.h5", "r+b") as file:
            file.seek(USER_BLOCK + 20)
            byte = file.read(1)[0]
            file.seek(USER_BLOCK + 20)
            file.write(bytes([byte ^ 1]))  # in the superblock
        begun = time.process_time()
        run = client(tmp_path).json("/api/runs/run")
        assert time.process_time() - begun < 5
        assert (run["status"], run["curves"]) == ("running", [])


def test_a_run_that_cannot_be_opened_is_named(
    donor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(donor, tmp_path / "a")
    shutil.copytree(donor, tmp_path / "b")
    site = client(tmp_path)

    def fail(*_: object, **__: object) -> None:
        raise MemoryError("no room")

    with monkeypatch.context() as patch:
        patch.setattr("monitor.summary.figures", fail)
        runs = site.runs()
    assert ["no room" in run["problems"][0] for run in runs.values()] == [True, True]
    assert site.json("/api/runs/a")["problems"] == []


def test_a_hundred_runs_are_listed_at_once(donor: Path, tmp_path: Path) -> None:
    for number in range(100):
        shutil.copytree(donor, tmp_path / f"group {number % 7}" / f"run {number}")
    site = client(tmp_path)
    runs = site.runs(seconds=60)
    assert len(runs) == 100
    time.sleep(0.5)
    begun = time.process_time()
    site.json("/api/runs")
    assert time.process_time() - begun < 0.2


def test_runs_that_nobody_looks_at_are_put_away(
    donor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        shutil.copytree(donor, tmp_path / str(number))
    found = Library(tmp_path)
    shelves = found.shelves()
    for shelf in shelves:
        with found.shelf(shelf.id).opened():
            pass
    size = shelves[0].nbytes
    assert size > 10_000
    monkeypatch.setattr(library, "_MEMORY_BYTES", int(2.5 * size))
    with found.shelf("1").opened():
        found.tidy()
    assert [shelf.id for shelf in shelves if shelf.nbytes] == ["1", "5"]
    with found.shelf("0").opened() as run:  # read anew
        assert len(run.curves["train/loss"]) == 40


def test_many_threads_ask_at_once(donor: Path, tmp_path: Path) -> None:
    for number in range(4):
        shutil.copytree(donor, tmp_path / str(number))
    site = client(tmp_path)
    wrong: list[object] = []

    def ask(number: int) -> None:
        http = site.app.test_client()
        for turn in range(10):
            for path in (f"{(number + turn) % 4}", f"{number % 4}/series?tag=train/loss"):
                answer = http.get(f"/api/runs/{path}", base_url="http://localhost")
                if answer.status_code != 200:
                    wrong.append((path, answer.data))
            http.get("/api/runs", base_url="http://localhost")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_run_begun_anew_in_the_same_place(donor: Path, tmp_path: Path) -> None:
    shutil.copytree(donor, tmp_path / "run")
    site = client(tmp_path)
    before = site.json("/api/runs/run")
    url = site.json("/api/runs/run/pictures?tag=detections/a")["pictures"][0]["url"]
    shutil.rmtree(tmp_path / "run")
    write_run(tmp_path / "run", steps=20)
    time.sleep(0.45)
    after = site.json("/api/runs/run")
    assert (before["step"], after["step"]) == (39, 19)
    assert site.get(url).headers["Cache-Control"] == "no-cache"
    assert site.runs()["run"]["step"] == 19
