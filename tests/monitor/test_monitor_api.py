"""The monitor's server: what it says about runs."""

import gzip
import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
from monitor_client import Client, client, write_run
from monitor_processes import wait_until

from monitor.runlog import RunLog


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    write_run(folder / "first")
    write_run(folder / "reproduce" / "net12 a", steps=20)
    return folder


@pytest.fixture
def site(runs: Path) -> Client:
    return client(runs)


def test_list(site: Client) -> None:
    found = site.runs()
    assert list(found) == ["first", "reproduce/net12 a"]
    run = found["first"]
    assert (run["id"], found["reproduce/net12 a"]["id"]) == ("first", "reproduce~net12=20a")
    assert (run["status"], run["net"], run["epochs"], run["step"]) == ("finished", "net12", 8, 39)
    assert run["best"] == {
        "tag": "valid/accuracy", "value": 39 / 40, "step": 39, "epoch": 3.9, "goal": "max"
    }  # fmt: skip
    assert run["last"] == {"train/loss": 1 / 40, "train/wait": 0.001, "valid/accuracy": 39 / 40}
    assert run["progress"] == pytest.approx(3.9 / 8)
    assert run["eta"] is None  # it has ended
    assert run["spark"]["tag"] == "train/loss"
    assert run["spark"]["values"][:3] == [1.0, 0.5, 0.3333]
    assert (run["tags"], run["note"], run["star"], run["archived"]) == ([], "", False, False)
    assert run["problems"] == []
    assert run["bytes"] > 1000
    assert time.time() - 600 < run["started"] <= run["updated"] <= time.time() + 1


def test_an_empty_and_a_missing_folder_have_no_runs(tmp_path: Path) -> None:
    assert client(tmp_path).json("/api/runs")["runs"] == []
    assert client(tmp_path / "later").json("/api/runs")["runs"] == []


def test_a_folder_that_is_a_run_is_shown(runs: Path) -> None:
    site = client(runs / "first")
    assert [(run["id"], run["name"]) for run in site.runs().values()] == [("~", "first")]
    assert site.json("/api/runs/~")["step"] == 39
    site.post("/api/runs/~/delete", status=409)


def test_one_run(site: Client) -> None:
    run = site.json("/api/runs/first")
    assert run["pending"] is False
    assert run["info"]["config"]["settings"]["learning_rate"] == 0.1
    assert run["curves"][0] == {
        "tag": "train/loss", "count": 40, "last": 1 / 40, "goal": "min",
        "best": {"value": 1 / 40, "step": 39, "epoch": 3.9}, "not_finite": 0, "ghosts": 0,
    }  # fmt: skip
    assert run["pictures"] == [
        {"tag": "detections/a", "count": 4, "first": 9, "last": 39},
        {"tag": "rejected/detect-1", "count": 3, "first": 9, "last": 29},
    ]
    assert run["histograms"] == [{"tag": "weights/conv1", "count": 4, "first": 9, "last": 39}]
    assert run["stages"] == ["detect-1", "detect-2"]
    assert (run["texts"], run["layers"]) == (4, 2)
    marks = run["marks"]["checkpoints"]
    assert [(mark["step"], mark["name"]) for mark in marks] == [
        (step, f"{step}.h5") for step in (9, 19, 29, 39)
    ]
    assert marks[0]["epoch"] == pytest.approx(0.9)
    assert run["marks"]["resumes"] == run["marks"]["not_finite"] == []
    assert run["span"]["step"] == [0, 39]
    assert run["span"]["epoch"] == [0, 3.9]


def test_nested_and_strange_names_are_found_by_their_ids(site: Client) -> None:
    assert site.json("/api/runs/reproduce~net12=20a")["step"] == 19
    assert "no such run" in site.error("/api/runs/reproduce", 404)
    site.error("/api/runs/nothing/series?tag=a", 404)


def test_few_points_are_given_as_they_are(site: Client) -> None:
    header, (loss,) = site.frame("/api/runs/first/series?tag=train/loss")
    assert (header["x"], header["range"], header["status"]) == ("step", [0, 39], "finished")
    assert (loss["tag"], loss["exact"], loss["total"], loss["ghost"]) == (
        "train/loss", True, 40, False
    )  # fmt: skip
    np.testing.assert_array_equal(loss["x"], np.arange(40))
    np.testing.assert_array_equal(loss["value"], 1 / np.arange(1, 41))
    assert "lowest" not in loss


def test_a_range_comes_with_its_neighbours(site: Client) -> None:
    _, (loss,) = site.frame("/api/runs/first/series?tag=train/loss&from=10.5&to=12")
    np.testing.assert_array_equal(loss["x"], [10, 11, 12, 13])
    _, (loss,) = site.frame("/api/runs/first/series?tag=train/loss&from=100&to=200")
    np.testing.assert_array_equal(loss["x"], [39])
    _, (loss,) = site.frame("/api/runs/first/series?tag=train/loss&from=30&to=3")
    assert len(loss["x"]) <= 2


def test_many_points_are_put_into_buckets(site: Client) -> None:
    _, (loss,) = site.frame("/api/runs/first/series?tag=train/loss&width=4&from=20&smooth=0.5")
    np.testing.assert_array_equal(loss["x"], [19, 20, 25, 30, 35])
    np.testing.assert_array_equal(loss["count"], [1, 5, 5, 5, 5])
    values = 1 / np.arange(1.0, 41)
    np.testing.assert_allclose(loss["value"][1], values[20:25].mean())
    np.testing.assert_array_equal(loss["lowest"], values[[19, 24, 29, 34, 39]])
    np.testing.assert_array_equal(loss["highest"], values[[19, 20, 25, 30, 35]])
    average = weight = 0.0
    averages = []
    for value in values:
        average, weight = 0.5 * average + 0.5 * value, 0.5 * weight + 0.5
        averages.append(average / weight)
    np.testing.assert_allclose(loss["smooth"], np.array(averages)[[19, 24, 29, 34, 39]])
    assert loss["finite"] == 40


def test_the_axis_is_step_epoch_or_time(site: Client) -> None:
    _, (accuracy,) = site.frame("/api/runs/first/series?tag=valid/accuracy&x=epoch&from=1&to=2")
    np.testing.assert_allclose(accuracy["x"], [0.9, 1.9, 2.9])
    np.testing.assert_array_equal(accuracy["step"], [9, 19, 29])
    header, (accuracy,) = site.frame("/api/runs/first/series?tag=valid/accuracy&x=time")
    assert np.all(np.diff(accuracy["x"]) >= 0)
    assert header["range"] == [accuracy["x"][0], accuracy["x"][-1]]
    assert abs(header["range"][0] - time.time()) < 600


def test_several_curves_in_one_answer_and_unknown_ones(site: Client) -> None:
    _, found = site.frame("/api/runs/first/series?tag=train/loss&tag=valid/accuracy")
    assert [one["tag"] for one in found] == ["train/loss", "valid/accuracy"]
    assert "'no'" in site.error("/api/runs/first/series?tag=train/loss&tag=no", 404)
    assert "tag is given 1 to 100 times" in site.error("/api/runs/first/series")


def test_values_that_are_no_numbers(tmp_path: Path) -> None:
    values = [1.0, np.nan, np.inf, 2.0, -np.inf, 3.0, 4.0]
    with RunLog(tmp_path / "run") as log:
        for step, value in enumerate(values):
            log.scalar("train/loss", value, step)
        log.scalar("strange", np.nan, 0)
    site = client(tmp_path)
    run = site.json("/api/runs/run")
    assert [(m["tag"], m["step"], m["count"]) for m in run["marks"]["not_finite"]] == [
        ("train/loss", 1, 2), ("train/loss", 4, 1), ("strange", 0, 1)
    ]  # fmt: skip
    assert run["best"]["value"] == 1.0
    assert run["curves"][1]["best"] is None
    assert run["last"]["strange"] is None
    _, (loss,) = site.frame("/api/runs/run/series?tag=train/loss")
    np.testing.assert_array_equal(loss["value"], [1, np.nan, np.nan, 2, np.nan, 3, 4])
    _, (loss,) = site.frame("/api/runs/run/series?tag=train/loss&width=3")
    np.testing.assert_array_equal(loss["lowest"], [1, 2, 3])
    np.testing.assert_array_equal(loss["highest"], [1, 2, 4])
    np.testing.assert_array_equal(loss["count"], [1, 1, 2])


def test_a_resume_leaves_ghosts_and_a_mark(tmp_path: Path) -> None:
    with RunLog(tmp_path / "run") as log:
        for step in range(10):
            log.scalar("loss", 1.0, step, step / 5)
    with RunLog(tmp_path / "run", resume_step=6) as log:
        for step in range(6, 8):
            log.scalar("loss", 2.0, step, step / 5)
    site = client(tmp_path)
    run = site.json("/api/runs/run")
    assert [(mark["step"], mark["epoch"]) for mark in run["marks"]["resumes"]] == [(6, 1.2)]
    assert run["marks"]["resumes"][0]["time"] is not None
    assert (run["resumed"], run["curves"][0]["ghosts"], run["curves"][0]["count"]) == (1, 4, 8)
    _, found = site.frame("/api/runs/run/series?tag=loss&ghosts=1")
    assert [one["ghost"] for one in found] == [False, True]
    np.testing.assert_array_equal(found[0]["value"], [1, 1, 1, 1, 1, 1, 2, 2])
    np.testing.assert_array_equal(found[1]["x"], [6, 7, 8, 9])


def test_a_page_follows_a_run(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with RunLog(folder) as log:
        site = client(tmp_path)
        log.scalar("loss", 0.0, 0, 0.0)
        log.flush()
        header, (loss,) = site.frame("/api/runs/run/series?tag=loss")
        cursor, seen = header["cursor"], loss["value"].tolist()
        assert header["status"] == "running"
        for step in range(1, 4):
            log.scalar("loss", float(step), step, step / 10)
            if step == 2:
                log.picture("crop", np.zeros((4, 4), np.uint8), step)
                log.checkpoint(step, "checkpoint.h5")
                log.text("half", step)
                log.funnel(step, "detect-1", 3, 2, 1)
                log.histogram("weights", [1, 2], step)
            log.flush()
            time.sleep(0.45)  # the server looks at a file so often
            header, found = site.frame(f"/api/runs/run/delta?cursor={cursor}")
            cursor = header["cursor"]
            seen += found[0]["value"].tolist()
            np.testing.assert_array_equal(found[0]["step"], [step])
            np.testing.assert_array_equal(found[0]["epoch"], [step / 10])
            assert (header["reset"], header["step"]) == (False, step)
            news = header["pictures"], header["texts"], header["funnel"], header["histograms"]
            full = ({"crop": 1}, 1, 1, {"weights": 1})
            assert news == (full if step == 2 else ({}, 0, 0, {}))
            assert [m["step"] for m in header["checkpoints"]] == ([2] if step == 2 else [])
            assert header["new_tags"] == (step == 2)
        assert seen == [0, 1, 2, 3]
        site.get(f"/api/runs/run/delta?cursor={cursor}", 304)
    header: dict = {}

    def ended() -> bool:
        nonlocal header
        answer = site.http.get(f"/api/runs/run/delta?cursor={cursor}", base_url="http://localhost")
        if answer.status_code == 304:
            return False
        header = site.frame(f"/api/runs/run/delta?cursor={cursor}")[0]
        return True

    wait_until(ended)
    assert (header["status"], header["series"]) == ("finished", [])
    site.get(f"/api/runs/run/delta?cursor={header['cursor']}", 304)


def test_a_delta_of_chosen_curves(tmp_path: Path) -> None:
    with RunLog(tmp_path / "run") as log:
        site = client(tmp_path)
        cursor = site.json("/api/runs/run")["cursor"]
        log.scalar("a", 1.0, 0)
        log.scalar("b", 1.0, 0)
        log.flush()
        time.sleep(0.45)
        _, found = site.frame(f"/api/runs/run/delta?cursor={cursor}&tag=b&tag=c")
        assert [one["tag"] for one in found] == ["b"]


def test_a_page_is_told_to_begin_anew(tmp_path: Path) -> None:
    with RunLog(tmp_path / "run") as log:
        for step in range(10):
            log.scalar("loss", 1.0, step)
    site = client(tmp_path)
    cursor = site.json("/api/runs/run")["cursor"]
    with RunLog(tmp_path / "run", resume_step=5) as log:
        log.scalar("loss", 2.0, 5)
    time.sleep(0.45)
    header, found = site.frame(f"/api/runs/run/delta?cursor={cursor}")
    assert (header["reset"], header["masked_from"], found) == (True, 5, [])
    cursor = header["cursor"]
    site.get(f"/api/runs/run/delta?cursor={cursor}", 304)
    for path in (tmp_path / "run").iterdir():
        path.unlink()
    with RunLog(tmp_path / "run") as log:  # another run of the same name
        for step in range(25_000):
            log.scalar("loss", 3.0, step)
    time.sleep(0.45)
    header, _ = site.frame(f"/api/runs/run/delta?cursor={cursor}")
    assert (header["reset"], header["masked_from"]) == (True, None)
    run = site.json("/api/runs/run")
    assert run["curves"][0]["count"] == 25_000
    position = "0.1.0.0.0.0"  # somebody who has not looked for long
    late = "-".join([position, *run["cursor"].rsplit("-", 3)[1:]])
    header, _ = site.frame(f"/api/runs/run/delta?cursor={late}")
    assert header["reset"]


@pytest.mark.parametrize("cursor", ["", "x", "0.1.0.0.0.0", "0.1.0.0.0.0-1-running", "a-b-c-d"])
def test_a_wrong_cursor_is_refused(site: Client, cursor: str) -> None:
    assert "cursor" in site.error(f"/api/runs/first/delta?cursor={cursor}")


def test_csv(site: Client) -> None:
    answer = site.get("/api/runs/first/csv?tag=valid/accuracy")
    lines = answer.text.splitlines()
    assert lines[0] == "tag,step,epoch,time,value"
    assert [line.split(",")[:3] for line in lines[1:]] == [
        ["valid/accuracy", "9", "0.9"], ["valid/accuracy", "19", "1.9"],
        ["valid/accuracy", "29", "2.9"], ["valid/accuracy", "39", "3.9"],
    ]  # fmt: skip
    assert len(site.get("/api/runs/first/csv").text.splitlines()) == 1 + 40 + 40 + 4
    assert answer.headers["Content-Disposition"] == 'attachment; filename="first.csv"'
    site.error("/api/runs/first/csv?tag=no", 404)


def test_pictures(site: Client) -> None:
    page = "/api/runs/first/pictures?tag=detections/a"
    found = site.json(f"{page}&limit=3&metadata=1&boxes=1")
    assert (found["total"], found["steps"], found["next"]) == (4, [9, 19, 29, 39], 3)
    picture = found["pictures"][0]
    assert picture["media"] == found["media"][0]
    assert (picture["step"], picture["kind"], picture["metadata"]) == (9, "png", {"seen": 9})
    assert (picture["width"], picture["height"], picture["boxes_count"]) == (9, 6, 1)
    assert picture["boxes"] == {
        "x": [1], "y": [2], "width": [3], "height": [4], "score": [0.5], "stage": [1],
        "role": ["fired"],
    }  # fmt: skip
    assert site.json(f"/api/runs/first/boxes?media={picture['media']}")["boxes"] == picture["boxes"]
    rest = site.json(f"{page}&offset=3&order=newest")
    assert ([one["step"] for one in rest["pictures"]], rest["next"]) == ([9], None)
    assert "metadata" not in rest["pictures"][0]
    assert site.json(f"{page}&step=19")["steps"] == [19]
    assert site.json(f"{page}&from=19&to=29")["steps"] == [19, 29]
    site.error("/api/runs/first/pictures?tag=no", 404)
    site.error("/api/runs/first/pictures")
    site.error("/api/runs/first/boxes?media=0-99", 404)


def test_the_bytes_of_a_picture(site: Client) -> None:
    url = site.json("/api/runs/first/pictures?tag=detections/a")["pictures"][0]["url"]
    answer = site.get(url)
    assert answer.data.startswith(b"\x89PNG")
    assert answer.mimetype == "image/png"
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    site.get(url, 304, headers={"If-None-Match": answer.headers["ETag"]})
    assert site.get(url.partition("?")[0]).headers["Cache-Control"] == "no-cache"
    assert site.get(url + "0").headers["Cache-Control"] == "no-cache"
    for media in ("0-99", "9-0", "x", "0-1-2", "-1--1"):
        site.error(f"/api/runs/first/media/{media}", 404)


def test_rejected_windows_come_with_the_faces_first(site: Client) -> None:
    found = site.json("/api/runs/first/rejected?stage=detect-1")
    assert [(one["face"], one["step"], one["score"]) for one in found["pictures"]] == [
        (True, 19, 0.2), (False, 29, 0.3), (False, 9, 0.1)
    ]  # fmt: skip
    again = site.json("/api/runs/first/rejected?stage=detect-1&offset=1&limit=1&metadata=1")
    assert [one["metadata"] for one in again["pictures"]] == [{"face": False, "score": 0.3}]
    assert site.json("/api/runs/first/rejected?stage=none")["pictures"] == []


def test_funnel(site: Client) -> None:
    found = site.json("/api/runs/first/funnel")
    assert (found["steps"], found["step"]) == ([9, 19, 29, 39], 39)
    assert found["stages"] == [
        {"stage": "detect-1", "windows_in": 1000, "windows_out": 100, "faces_kept": 9,
         "rejected": 3, "wrongly_rejected": 1},
        {"stage": "detect-2", "windows_in": 100, "windows_out": 10, "faces_kept": 8,
         "rejected": 0, "wrongly_rejected": 0},
    ]  # fmt: skip
    assert site.json("/api/runs/first/funnel?step=9")["step"] == 9
    site.error("/api/runs/first/funnel?step=10", 404)


def test_histograms(site: Client) -> None:
    found = site.json("/api/runs/first/histograms?tag=weights/conv1&limit=2")
    assert (found["total"], found["step"], found["bins"]) == (4, [9, 39], 64)
    assert (found["lowest"], found["highest"]) == ([0, 0], [9 * 99, 39 * 99])
    assert [sum(counts) for counts in found["counts"]] == [100, 100]
    site.error("/api/runs/first/histograms?tag=no", 404)


def test_layers_and_texts(site: Client) -> None:
    found = site.json("/api/runs/first/architecture")
    assert (found["parameters"], found["layers"][1]["name"]) == (34, "output")
    found = site.json("/api/runs/first/texts?offset=1&limit=2")
    assert [text["text"] for text in found["texts"]] == ["at 19", "at 29"]
    assert (found["total"], found["next"]) == (4, 3)


def test_queue(tmp_path: Path) -> None:
    with RunLog(tmp_path / "run") as log:
        log.scalar("train/wait", 5.0, 0)
        time.sleep(0.2)
        log.scalar("train/wait", 0.1, 1)
        log.scalar("queue/batches", 3.0, 1)
    found = client(tmp_path).json("/api/runs/run/queue")
    verdict = found["verdict"]
    assert (verdict["kind"], verdict["source"]) == ("starved", "train/wait")
    assert 0.1 < verdict["share"] <= 0.5
    assert verdict["sentence"].startswith("starved ")
    assert [(one["tag"], one["role"]) for one in found["gauges"]] == [
        ("train/wait", "wait"), ("queue/batches", "depth")
    ]  # fmt: skip


def test_compare(site: Client) -> None:
    first, second = "first", "reproduce~net12=20a"
    found = site.json(f"/api/compare?run={first}&run={second}&baseline={second}")
    assert [run["name"] for run in found["runs"]] == ["first", "reproduce/net12 a"]
    assert not any(row["differs"] for row in found["config"])
    loss = next(row for row in found["curves"] if row["tag"] == "train/loss")
    assert loss["best"] == [1 / 40, 1 / 20]
    assert loss["delta_best"] == [1 / 40 - 1 / 20, 0]
    site.error(f"/api/compare?run={first}")
    site.error(f"/api/compare?run={first}&run={second}&baseline=no")
    site.error(f"/api/compare?run={first}&run=no", 404)


def test_what_differs_comes_first(tmp_path: Path) -> None:
    for name, config in (("a", {"x": 1, "y": {"z": 2}}), ("b", {"x": 1, "y": {"z": 3}, "w": None})):
        with RunLog(tmp_path / name, config):
            pass
    found = client(tmp_path).json("/api/compare?run=a&run=b")
    assert [(row["key"], row["values"], row["differs"]) for row in found["config"]] == [
        ("y.z", [2, 3], True), ("w", [None, None], True), ("x", [1, 1], False)
    ]  # fmt: skip


def test_etags_and_gzip(site: Client) -> None:
    site.runs()
    curves = "/api/runs/first/series?tag=train/loss&tag=train/wait"
    for path in ("/api/runs", "/api/runs/first", curves, "/"):
        packed = site.get(path, headers={"Accept-Encoding": "gzip"})
        plain = site.get(path)
        assert packed.headers["Content-Encoding"] == "gzip"
        assert "Content-Encoding" not in plain.headers
        assert gzip.decompress(packed.data) == plain.data
        if path != "/":
            assert packed.headers["ETag"] == plain.headers["ETag"]
            again = site.get(path, 304, headers={"If-None-Match": plain.headers["ETag"]})
            assert again.data == b""
    assert site.get("/api/runs/first/queue", headers={"Accept-Encoding": "gzip"}).is_json


def test_a_stalled_and_a_crashed_run(tmp_path: Path) -> None:
    with RunLog(tmp_path / "run", {"epochs": 2}) as log:
        site = client(tmp_path)
        for step in range(100):
            log.scalar("loss", 1.0, step, step / 100)
            time.sleep(0.001)
        log.flush()
        run = site.json("/api/runs/run")
        assert run["status"] == "running"
        assert 0 < run["eta"] < 60
        os.utime(tmp_path / "run" / "seg-000.h5", (0, time.time() - 100))
        time.sleep(0.45)
        assert site.runs()["run"]["status"] == "stalled"
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "run.json").write_text(json.dumps({"config": {"net": "x"}}))
    time.sleep(0.45)
    run = site.runs()["empty"]
    assert (run["status"], run["net"], run["best"], run["last"]) == ("crashed", "x", None, {})
    assert site.json("/api/runs/empty")["curves"] == []
