"""Smielfy's review: who may look, what may be changed, and the list that a training reads."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from smielfy_client import NO_OBJECTS, SMILEYS, Client, find_faces

from augment.datasets import smileys
from monitor.smielfy.app import create_app
from monitor.smielfy.errors import SmielfyError
from monitor.smielfy.export import export
from monitor.smielfy.review import create_review
from monitor.smielfy.store import Store

SITE = "http://127.0.0.1:8266"
TOKEN = "a token for the tests"
HEADER = "file,person,frame,label_id,smiley,x,y,side\n"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A folder with pictures of two people, of all classes, and the codes of the first one's."""
    folder = tmp_path_factory.mktemp("pictures")
    app = create_app(folder, find_faces, smileys.SMILEYS)
    one, other = Client(app), Client(app)
    codes = [one.code(smiley=number) for number in (0, 4, 4)]
    other.code(smiley=11)
    return folder, codes


@pytest.fixture
def store(pictures: tuple[Path, list[str]]) -> Store:
    """The pictures, all new again."""
    store = Store(pictures[0], smileys.SMILEYS)
    for one in store.records():
        store.change(one.id, status="new", label=one.smiley)
    return store


class Reviewer:
    """Looks and decides as the page does."""

    def __init__(self, store: Store) -> None:
        self.http: FlaskClient = create_review(store, TOKEN).test_client()
        assert self.http.get("/", base_url=SITE).status_code == 401
        self.http.get("/", query_string={"token": TOKEN}, base_url=SITE)
        page = self.http.get("/", base_url=SITE).text
        self.csrf = re.findall(r'csrf-token" content="([\w-]+)"', page)[0]

    def post(self, name: str, content: Any, **headers: str) -> Any:
        sent = {"Origin": SITE, "X-CSRF-Token": self.csrf, **headers}
        path = f"/api/pictures/{name}"
        return self.http.post(path, base_url=SITE, json=content, headers=sent)


def test_pictures_are_accepted_rejected_and_changed(store: Store) -> None:
    reviewer = Reviewer(store)
    shown = reviewer.http.get("/api/pictures", base_url=SITE).get_json()
    assert [one["smiley"] for one in shown["pictures"]] == [0, 4, 4, 11]
    assert not {"code", "consent"} & set(shown["pictures"][0])
    first = shown["pictures"][0]["id"]
    answer = reviewer.http.get(f"/pictures/{first}.jpg", base_url=SITE)
    assert answer.data.startswith(b"\xff\xd8")
    assert answer.headers["Cache-Control"] == "no-store"
    answer.close()
    for status, label in (("accepted", 0), ("rejected", 0), ("accepted", 16), ("new", 0)):
        found = reviewer.post(first, {"status": status, "label": label}).get_json()
        assert (found["status"], found["label"]) == (status, label)
        (kept,) = (one for one in store.records() if one.id == first)
        assert (kept.status, kept.label, kept.smiley) == (status, label, 0)


@pytest.mark.parametrize(
    "content",
    [None, [], {}, {"status": "accepted"}, {"status": "withdrawn", "label": 0},
     {"status": "accepted", "label": 17}, {"status": "accepted", "label": True},
     {"status": ["new"], "label": 0}, {"status": "accepted", "label": "0"}],
)  # fmt: skip
def test_what_is_no_decision(store: Store, content: Any) -> None:
    answer = Reviewer(store).post(store.records()[0].id, content)
    assert (answer.status_code, answer.get_json()["reason"]) == (400, "request")
    assert {one.status for one in store.records()} == {"new"}


@pytest.mark.parametrize("content", NO_OBJECTS, ids=range(len(NO_OBJECTS)))
def test_what_is_no_json_object(
    store: Store, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    reviewer = Reviewer(store)
    answer = reviewer.http.post(
        f"/api/pictures/{store.records()[0].id}",
        base_url=SITE,
        data=content,
        headers={"Origin": SITE, "X-CSRF-Token": reviewer.csrf},
        content_type="application/json",
    )
    assert (answer.status_code, answer.get_json()["reason"]) == (400, "request")
    assert not caplog.records


def test_strangers_see_and_change_nothing(store: Store) -> None:
    reviewer = Reviewer(store)
    name = store.records()[0].id
    good = {"status": "accepted", "label": 0}
    assert reviewer.post(name, good, Origin="http://evil.example").status_code == 403
    assert reviewer.post(name, good, **{"X-CSRF-Token": "x"}).status_code == 403
    stranger = create_review(store, TOKEN).test_client()
    for path in ("/", "/api/pictures", f"/pictures/{name}.jpg", "/static/icon.svg"):
        assert stranger.get(path, base_url=SITE).status_code == 401
        assert stranger.get(path, headers={"Host": "evil.example"}).status_code == 403
        assert reviewer.http.get(path, headers={"Host": "192.168.0.2"}).status_code == 403
    for missing in ("0" * 16, "..%2f..%2fsmielfy", "x"):
        assert reviewer.http.get(f"/pictures/{missing}.jpg", base_url=SITE).status_code == 404
        assert reviewer.post(missing, good).status_code == 404
    assert {one.status for one in store.records()} == {"new"}


def accept(store: Store) -> None:
    labels = {0: 0, 4: 4, 11: 3}
    for one in store.records()[1:]:
        store.change(one.id, status="accepted", label=labels[one.smiley])


@pytest.mark.parametrize("inside", [True, False])
def test_the_list_is_what_a_training_reads(store: Store, tmp_path: Path, inside: bool) -> None:
    with pytest.raises(SmielfyError, match="is accepted yet"):
        export(store, tmp_path / "labels.csv")
    accept(store)
    folder = store.folder if inside else tmp_path / "exported"
    assert export(store, folder / "labels.csv") == 3
    data = smileys.load(folder)
    assert data.problems == []
    assert sorted(record.label for record in data) == [3, 4, 4]
    people = {record.person: [] for record in data}  # type: ignore[var-annotated]
    for record in data:
        people[record.person].append(record.frame)
        x, y, width, height = record.boxes[0]
        assert width == height
        assert np.allclose((x + width / 2, y + height / 2), (320, 240), atol=3)
    assert sorted(people.values()) == [[0], [0, 1]]
    assert export(store, folder / "labels.csv") == 3
    assert len(list(folder.rglob("*.jpg"))) == (4 if inside else 3)


def filled(folder: Path, count: int = 2) -> tuple[Client, Store, list[str]]:
    """Return a client of a new folder, the folder with pictures that are accepted, their codes."""
    site = Client(create_app(folder, find_faces, SMILEYS))
    codes = [site.code(smiley=1) for _ in range(count)]
    store = Store(folder, SMILEYS)
    for one in store.records():
        store.change(one.id, status="accepted", label=1)
    return site, store, codes


def test_what_is_taken_back_leaves_the_list(tmp_path: Path) -> None:
    site, store, codes = filled(tmp_path / "a")
    lists = [tmp_path / name / "labels.csv" for name in "ab"]
    for path in lists:
        assert export(store, path) == 2
    site.withdraw(codes[0])
    assert len(smileys_left(tmp_path / "a")) == 1  # at once, where the list points to the pictures
    assert export(store, tmp_path / "b" / "labels.csv") == 1
    assert len(list((tmp_path / "b").rglob("*.jpg"))) == 1
    assert len(smileys_left(tmp_path / "b")) == 1
    site.withdraw(codes[1])
    for path in lists:
        assert export(store, path) == 0
        assert path.read_text() == HEADER
    assert sorted(path.name for path in (tmp_path / "b").rglob("*")) == ["labels.csv"]
    for path in lists:
        with pytest.raises(SmielfyError, match="is accepted yet"):
            export(store, path)


def test_an_export_that_was_killed_leaves_no_copy_for_ever(tmp_path: Path) -> None:
    """Copies that no list names, because the process ended before, and a half-written one."""
    site, store, codes = filled(tmp_path / "a", 1)
    (record,) = store.records()
    path = tmp_path / "b" / "labels.csv"
    export(store, path)
    path.unlink()
    (tmp_path / "b" / record.person / f".{record.id}.jpg.part").write_bytes(b"half")
    site.withdraw(codes[0])
    assert export(store, path) == 0
    assert sorted(one.name for one in (tmp_path / "b").rglob("*")) == ["labels.csv"]


def test_a_list_of_other_pictures_keeps_them(tmp_path: Path) -> None:
    """A list as `smileys extract` writes it, and one with copies of another folder's."""
    site, store, codes = filled(tmp_path / "a")
    _, foreign, _ = filled(tmp_path / "other", 1)
    folder = tmp_path / "b"
    (folder / "d0").mkdir(parents=True)
    lines = [f"d0/{number:05}.jpg,d0,{number},0,:-),24,24,80\n" for number in range(3)]
    # As people edit them: other ends of lines, a quoted name with a line's end, none at the end.
    lines += ['"d0/two\r\nlines.jpg",d0,3,0,:-),24,24,80\r\n', "\n", "d0/x.jpg,d0,4"]
    before = (HEADER + "".join(lines)).encode()
    path = folder / "labels.csv"
    path.write_bytes(before)
    kept = {folder / "d0" / f"{number:05}.jpg" for number in range(3)}
    # Named as an export names copies, but of no picture that was ever in this folder.
    kept |= {folder / "0123456789abcdef" / f"{name}.jpg" for name in ("0" * 16, "f" * 15, "x")}
    for file in kept:
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"theirs")

    def check(copies: int) -> None:
        assert path.read_bytes().startswith(before + b"\n")
        assert path.read_text().count("\n") == before.count(b"\n") + 1 + copies
        assert all(file.read_bytes() == b"theirs" for file in kept)
        assert len(list(folder.rglob("*.jpg"))) == len(kept) + copies
        assert len(smileys_left(folder)) == 3 + copies

    for _ in range(2):
        assert export(store, path) == 2
        check(2)
    assert export(foreign, path) == 1
    assert export(store, path) == 2
    check(3)
    for code, left in zip(codes, (1, 0), strict=True):
        site.withdraw(code)
        assert export(store, path) == left
        check(1 + left)
    with pytest.raises(SmielfyError, match="is accepted yet"):
        export(store, path)
    check(1)


def test_a_list_in_the_pictures_folder_keeps_other_pictures(tmp_path: Path) -> None:
    site, store, codes = filled(tmp_path)
    path = tmp_path / "labels.csv"
    path.write_text(f"\ufeff{HEADER}d0/00000.jpg,d0,0,0,:-),24,24,80\n", encoding="utf-8")
    before = path.read_bytes()
    for _ in range(2):
        assert export(store, path) == 2
        assert path.read_bytes().startswith(before)
        assert path.read_text().count("\n") == 4
    for code in codes:
        site.withdraw(code)
    assert export(store, path) == 0
    assert path.read_bytes() == before


def smileys_left(folder: Path) -> list[Any]:
    return list(smileys.load(folder))


@pytest.mark.parametrize(
    "content",
    [
        "name,age\nAda,36\n",
        "",
        "\xff\xfe",
        "file,person,frame,label_id,smiley,x,y,side,mine\n",
        'file,person,frame,label_id,smiley,x,y,side\n"never closed,p,0\n',
    ],
)
def test_no_other_list_is_overwritten(store: Store, tmp_path: Path, content: str) -> None:
    accept(store)
    path = tmp_path / "labels.csv"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(SmielfyError, match="is not overwritten: choose another file"):
        export(store, path)
    assert path.read_text(encoding="latin-1") == content
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_outside_is_deleted(tmp_path: Path) -> None:
    """Not even what a list or a damaged record names by the id of a picture."""
    _, store, _ = filled(tmp_path / "a", 1)
    (record,) = store.records()
    store.change(record.id, status="rejected", label=1)
    outside = tmp_path / record.person / f"{record.id}.jpg"
    outside.parent.mkdir()
    outside.write_bytes(b"x")
    (tmp_path / "b").mkdir()
    path = tmp_path / "b" / "labels.csv"
    name = f"{record.person}/{record.id}.jpg"
    rows = [f"{file},p,0,0,:-),0,0,1\n" for file in (f"../{name}", outside, f"./{name}")]
    path.write_text(HEADER + "".join(rows))
    with pytest.raises(SmielfyError, match="is accepted yet"):
        export(store, path)
    store.change(record.id, status="accepted", label=1)
    assert export(store, path) == 1
    assert path.read_text().startswith(HEADER + "".join(rows))
    assert outside.read_bytes() == b"x"
    record_path = store.picture(record).with_suffix(".json")
    content = json.loads(record_path.read_text())
    record_path.write_text(json.dumps({**content, "person": ".."}))
    again = Store(tmp_path / "a", SMILEYS)
    assert (again.records(), again.damaged) == ([], 1)
