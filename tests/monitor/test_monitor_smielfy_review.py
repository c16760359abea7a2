"""Smielfy's review: who may look, what may be changed, and the list that a training reads."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from smielfy_client import SMILEYS, Client, find_faces

from augment.datasets import smileys
from monitor.smielfy.app import create_app
from monitor.smielfy.errors import SmielfyError
from monitor.smielfy.export import export
from monitor.smielfy.review import create_review
from monitor.smielfy.store import Store

SITE = "http://127.0.0.1:8266"
TOKEN = "a token for the tests"


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


def test_what_is_taken_back_leaves_the_list(tmp_path: Path) -> None:
    site = Client(create_app(tmp_path / "a", find_faces, SMILEYS))
    codes = [site.code(smiley=1) for _ in range(2)]
    store = Store(tmp_path / "a", SMILEYS)
    for one in store.records():
        store.change(one.id, status="accepted", label=1)
    for folder in (tmp_path / "a", tmp_path / "b"):
        assert export(store, folder / "labels.csv") == 2
    site.withdraw(codes[0])
    assert len(smileys_left(tmp_path / "a")) == 1  # at once, where the list points to the pictures
    assert export(store, tmp_path / "b" / "labels.csv") == 1
    assert len(list((tmp_path / "b").rglob("*.jpg"))) == 1
    assert len(smileys_left(tmp_path / "b")) == 1


def smileys_left(folder: Path) -> list[Any]:
    return list(smileys.load(folder))


def test_no_other_list_is_overwritten(store: Store, tmp_path: Path) -> None:
    accept(store)
    path = tmp_path / "labels.csv"
    for content in ("name,age\nAda,36\n", "", "\xff\xfe"):
        path.write_text(content, encoding="latin-1")
        with pytest.raises(SmielfyError, match="is not overwritten"):
            export(store, path)
        assert path.read_text(encoding="latin-1") == content
    outside = tmp_path / "secret.jpg"
    outside.write_bytes(b"x")
    header = "file,person,frame,label_id,smiley,x,y,side\n"
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "labels.csv").write_text(f"{header}../secret.jpg,p,0,0,:-),0,0,1\n")
    export(store, tmp_path / "b" / "labels.csv")
    assert outside.exists()
    assert json.loads((store.folder / "smielfy.json").read_text())["format"] == 1
