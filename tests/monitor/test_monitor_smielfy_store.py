"""Smielfy's folder: nothing that was answered with thanks is lost, whatever ends the process."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from smielfy_client import FACE, SMILEYS, client, files, text_of

from monitor.smielfy import store as store_module
from monitor.smielfy.errors import SmielfyError
from monitor.smielfy.intake import Face
from monitor.smielfy.limits import Limits
from monitor.smielfy.records import parse
from monitor.smielfy.store import Store

HERE = Path(__file__).parent
FOUND = Face((10.0, 20.0, 100.0, 100.0), 0.9)
UPLOAD = f"""
import sys
sys.path.insert(0, {os.fspath(HERE)!r})
from pathlib import Path
from smielfy_client import SMILEYS, client
from monitor.smielfy.limits import Limits
site = client(Path(sys.argv[1]), limits=Limits(uploads=(10**6, 10**6), pictures_per_session=10**6))
while True:
    print(site.code(), flush=True)
"""
Start = Callable[..., subprocess.Popen[str]]


def add(store: Store, smiley: int = 1) -> str:
    return store.add(
        FACE,
        smiley=smiley,
        face=FOUND,
        size=(640, 480),
        person="0" * 16,
        consent=text_of(),
        released=False,
        limits=Limits(),
    )


def test_a_killed_server_loses_nothing_that_it_thanked_for(
    start_script: Start, tmp_path: Path
) -> None:
    folder = tmp_path / "pictures"
    process = start_script(UPLOAD, folder)
    assert process.stdout is not None
    codes = [process.stdout.readline().strip() for _ in range(5)]
    process.send_signal(signal.SIGKILL)
    codes += process.stdout.read().split()
    store = Store(folder, SMILEYS)
    assert len(codes) <= len(store.records()) <= len(codes) + 1  # one may not have been told yet
    assert not [name for name in files(folder) if name.endswith(".part")]
    names = [name for name in files(folder) if name.startswith("02")]
    assert len(names) == 2 * len(store.records())
    site = client(folder)
    for code in codes[:5]:
        assert site.withdraw(code)
    assert store.withdrawn() == 5


def test_every_moment_of_writing_is_safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process ends before each of the writes in turn: either all is there, or nothing."""

    class Killed(BaseException):
        pass

    calls = 0

    def killing(name: str) -> Callable[..., None]:
        original = getattr(store_module, name)

        def write(*args: object) -> None:
            nonlocal calls
            calls -= 1
            if calls == 0:
                (args[0].parent / f".{args[0].name}.part").write_bytes(b"half")  # type: ignore[attr-defined]
                raise Killed
            original(*args)

        return write

    store = Store(tmp_path, SMILEYS)
    for name in ("write_bytes", "write_json"):
        monkeypatch.setattr(store_module, name, killing(name))
    for calls in (1, 2, 2):  # the text, then the picture, then the record: the text is there
        with pytest.raises(Killed):
            add(store)
        calls = 0
        store = Store(tmp_path, SMILEYS)
        assert store.records() == []
        assert [name for name in files(tmp_path) if not name.startswith("consents")] == []
    code = add(store)
    calls = 1
    with pytest.raises(Killed):
        store.withdraw(code)
    store = Store(tmp_path, SMILEYS)
    assert len(store.records()) == 1
    # The tombstone was written, but the picture not deleted yet.
    (picture,) = tmp_path.glob("01-sad/*.jpg")
    assert store.withdraw(code)
    picture.write_bytes(FACE)
    store = Store(tmp_path, SMILEYS)
    assert not picture.exists()
    assert (store.records(), store.withdrawn()) == ([], 1)


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = client(tmp_path)

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_module, "write_json", full)
    answer = site.upload()
    assert (answer.status_code, answer.get_json()["reason"]) == (507, "disk")
    assert files(tmp_path) == []
    monkeypatch.undo()
    site.code()


def test_a_restart_keeps_pages_codes_and_counts(tmp_path: Path) -> None:
    site = client(tmp_path)
    code = site.code(smiley=1)
    again = client(tmp_path)
    site.http.application.wsgi_app = again.http.application.wsgi_app  # type: ignore[method-assign]
    site.code(smiley=1)  # a page that was open all the time
    store = Store(tmp_path, SMILEYS)
    assert len({record.person for record in store.records()}) == 1
    assert store.counts() == [0, 2, 0]
    assert again.withdraw(code)
    assert store.counts() == [0, 1, 0]


def test_two_processes_see_each_others_changes(tmp_path: Path) -> None:
    """Collecting goes on while somebody reviews, and while somebody takes pictures back."""
    one, other = Store(tmp_path, SMILEYS), Store(tmp_path, SMILEYS)
    code = add(one)
    (record,) = other.records()
    changed = other.change(record.id, status="accepted", label=2)
    assert one.records() == [changed]
    assert (changed.smiley, changed.label, changed.status) == (1, 2, "accepted")
    assert one.counts() == [0, 0, 1]
    assert one.withdraw(code)
    assert other.records() == []
    with pytest.raises(SmielfyError, match="may have been taken back"):
        other.change(record.id, status="rejected", label=1)
    assert (other.records(), other.withdrawn()) == ([], 1)


def test_damaged_records_are_left_alone_and_counted(tmp_path: Path) -> None:
    store = Store(tmp_path, SMILEYS)
    for _ in range(3):
        add(store)
    paths = sorted(tmp_path.glob("01-sad/*.json"))
    paths[0].write_text("{")
    content = json.loads(paths[1].read_text())
    paths[1].write_text(json.dumps({**content, "status": "eaten"}))
    store = Store(tmp_path, SMILEYS)
    assert len(store.records()) == 1
    assert store.damaged == 2
    assert len(list(tmp_path.glob("01-sad/*.jpg"))) == 3
    good = json.loads(paths[2].read_text())
    assert parse(good, paths[2].stem, 1, 3) is not None
    for key, value in (("id", "x"), ("smiley", 0), ("label", 3), ("box", [1, 2]), ("format", 2)):
        assert parse({**good, key: value}, paths[2].stem, 1, 3) is None
    assert parse([], "x", 1, 3) is None


def test_a_folder_for_other_smileys_or_of_something_else(tmp_path: Path) -> None:
    Store(tmp_path / "a", SMILEYS)
    with pytest.raises(SmielfyError, match=r"the folder collects .*; take another"):
        Store(tmp_path / "a", SMILEYS[:2])
    with pytest.raises(SmielfyError, match=r"holds no pictures of Smielfy"):
        Store(tmp_path, SMILEYS, make=False)
    assert os.listdir(tmp_path) == ["a"]
    settings = tmp_path / "a" / "smielfy.json"
    assert settings.stat().st_mode & 0o077 == 0
    settings.write_text("{}")
    with pytest.raises(SmielfyError, match="is damaged"):
        Store(tmp_path / "a", SMILEYS)
    settings.write_text(json.dumps({"format": 9, "smileys": SMILEYS, "key": "00"}))
    with pytest.raises(SmielfyError, match="format 9 is not known"):
        Store(tmp_path / "a", SMILEYS)


def test_the_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    add(Store(folder, SMILEYS))
    for path in folder.rglob("*"):
        if path.name != ".lock":
            assert path.stat().st_mode & 0o077 == 0, path
    assert re.fullmatch(r"[0-9a-f]{48}", Store(folder, SMILEYS).records()[0].code)
