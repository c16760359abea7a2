"""Smielfy: what is stored of a picture, what is shown of it, and how it is taken back."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from smielfy_client import (
    NO_OBJECTS,
    SITE,
    SMILEYS,
    Client,
    client,
    encoded,
    face,
    find_faces,
    text_of,
)

from monitor.smielfy import store as store_module
from monitor.smielfy.app import create_app
from monitor.smielfy.codes import ALPHABET, digest, make_code, plain_code
from monitor.smielfy.consent import consents
from monitor.smielfy.drawn import drawing
from monitor.smielfy.limits import Limits
from monitor.smielfy.smileys import NAMES, folder_names, names
from monitor.smielfy.store import Store

SECRET = b"Exif-secret-place-52.5200N"


@pytest.fixture
def site(tmp_path: Path) -> Client:
    return client(tmp_path)


def record(folder: Path) -> dict:
    """Return the only record in a folder."""
    (path,) = folder.glob("*-*/*.json")
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_picture_is_stored_with_its_record_and_the_text(site: Client, tmp_path: Path) -> None:
    code = site.code(smiley=2, released=1)
    (picture,) = tmp_path.glob("02-tongue/*.jpg")
    found = record(tmp_path)
    assert picture.stem == found["id"]
    with Image.open(picture) as image:
        assert (image.format, list(image.size)) == ("JPEG", found["size"])
    x, y, width, height = found["box"]
    assert abs(x + width / 2 - 320) < 3
    assert abs(y + height / 2 - 240) < 3
    today = dt.datetime.now(dt.UTC).date()
    assert abs((today - dt.date.fromisoformat(found["day"])).days) <= 1
    assert (found["smiley"], found["label"], found["status"]) == (2, 2, "new")
    assert (found["released"], found["bytes"]) == (True, picture.stat().st_size)
    assert re.fullmatch(r"[0-9a-f]{16}", found["person"])
    (text,) = tmp_path.glob("consents/*.json")
    assert text.stem == found["consent"] == text_of("en").key
    stored = json.loads(text.read_text(encoding="utf-8"))
    assert stored == text_of("en").content()
    assert (stored["language"], stored["version"]) == ("en", "1")
    page = site.http.get("/", base_url=SITE).text
    assert all(paragraph in page for paragraph in stored["paragraphs"])
    assert stored["yes"] in page
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert code.encode() not in everything
    assert code.replace("-", "").encode() not in everything


def test_the_text_is_that_of_the_language_and_names_who_collects(tmp_path: Path) -> None:
    app = create_app(tmp_path, find_faces, SMILEYS, contact="Ada <ada@example.org>")
    http = app.test_client()
    page = http.get("/", base_url=SITE, headers={"Accept-Language": "ru"}).text
    texts = consents("Ada <ada@example.org>")
    assert f'data-consent="{texts["ru"].key}"' in page
    assert "Ada &lt;ada@example.org&gt;" in page
    keys = {consent.key for consent in (*texts.values(), *consents(None).values())}
    assert len(keys) == 4


def test_nothing_of_the_bytes_survives(site: Client, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()  # description
    exif[0x0112] = 6  # turned by a quarter
    exif.get_ifd(0x8825)[1] = "N"
    sent = face(640, 480)
    for content in (
        encoded(sent, exif=exif, comment=SECRET) + SECRET,
        encoded(sent, "PNG", exif=exif) + SECRET,
        encoded(sent, "WEBP", exif=exif),
    ):
        assert SECRET in content
        site.code(content=content)
    pictures = list(tmp_path.glob("02-tongue/*.jpg"))
    assert len(pictures) == 3
    for path in pictures:
        assert SECRET not in path.read_bytes()
        with Image.open(path) as image:
            assert image.size == (480, 640)  # upright
            assert len(image.getexif()) == 0
            assert not {"comment", "exif", "icc_profile"} & set(image.info)


def test_a_large_picture_is_made_smaller_and_the_box_fits(site: Client, tmp_path: Path) -> None:
    site.code(content=encoded(face(2400, 1800)))
    found = record(tmp_path)
    assert found["size"] == [1024, 768]
    assert abs(found["box"][2] - 2 * 768 / 3) < 6


def test_no_address_and_no_hour_is_stored(tmp_path: Path) -> None:
    app = create_app(tmp_path, find_faces, SMILEYS)
    site = Client(app)
    environ = {"REMOTE_ADDR": "203.0.113.77", "HTTP_USER_AGENT": "telltale/1.0"}
    answer = site.http.post(
        "/api/pictures", base_url=SITE, data=encoded(face()), headers=site.headers(),
        query_string={"smiley": 0, "consent": site.consent},
        environ_overrides=environ,
    )  # fmt: skip
    assert answer.status_code == 201
    for path in tmp_path.rglob("*"):
        assert b"203.0.113.77" not in (path.read_bytes() if path.is_file() else b"")
        assert b"telltale" not in (path.read_bytes() if path.is_file() else b"")
    for path in tmp_path.glob("00-smile/*"):
        assert path.stat().st_mtime % 86400 == 0
        assert path.stat().st_mode & 0o077 == 0


def test_what_is_rare_is_asked_for_first(site: Client) -> None:
    def asked(*skipped: int) -> int:
        return site.http.get("/api/prompt", base_url=SITE, query_string={"not": skipped}).json[
            "number"
        ]

    assert set(Counter(asked() for _ in range(60))) == {0, 1, 2}
    site.code(smiley=0)
    site.code(smiley=2)
    assert {asked() for _ in range(20)} == {1}
    assert {asked(1) for _ in range(40)} == {0, 2}
    assert asked(0, 1, 2) == 1  # all were skipped: it begins anew
    found = site.http.get("/api/prompt?not=x&not=99&not=-1", base_url=SITE).json
    assert found == {"number": 1, "smiley": ":-(", "name": "sad", "example": None}


def test_only_what_was_accepted_and_released_is_shown(site: Client, tmp_path: Path) -> None:
    site.code(smiley=0, released=0)
    site.code(smiley=1, released=1)
    store = Store(tmp_path, SMILEYS)

    def shown() -> list[int]:
        return [
            number
            for number in range(3)
            if site.http.get(f"/example/{number}", base_url=SITE).status_code == 200
        ]

    assert shown() == []  # new ones
    for one in store.records():
        store.change(one.id, status="accepted", label=one.label)
    assert shown() == [1]
    answer = site.http.get("/example/1", base_url=SITE)
    with Image.open(io.BytesIO(answer.data)) as image:
        assert image.format == "JPEG"
        assert max(image.size) <= 480
    (found,) = [one for one in store.records() if one.released]
    store.change(found.id, status="rejected", label=1)
    assert shown() == []
    store.change(found.id, status="accepted", label=2)
    assert shown() == [2]
    assert site.http.get("/api/prompt?not=0&not=1", base_url=SITE).json["example"] == "/example/2"
    assert site.http.get("/example/99", base_url=SITE).status_code == 404


@pytest.mark.parametrize("status", ["new", "accepted", "rejected"])
def test_a_code_takes_its_picture_back_at_any_time(
    site: Client, tmp_path: Path, status: str
) -> None:
    codes = [site.code(smiley=1) for _ in range(3)]
    store = Store(tmp_path, SMILEYS)
    for one in store.records():
        store.change(one.id, status=status, label=1)  # type: ignore[arg-type]
    before = {one.id: one.code for one in store.records()}
    assert site.withdraw(codes[1].lower().replace("-", " ")) == {"withdrawn": True}
    left = {one.id for one in store.records()}
    (gone,) = set(before) - left
    assert len(left) == 2
    assert not (tmp_path / "01-sad" / f"{gone}.jpg").exists()
    stone = json.loads((tmp_path / "01-sad" / f"{gone}.json").read_text())
    assert stone == {"format": 1, "id": gone, "smiley": 1, "status": "withdrawn"}
    assert store.withdrawn() == 1
    assert "no picture with this code" in site.withdraw(codes[1], 404)["error"]
    assert len(store.records()) == 2


def test_codes_are_typed_by_people() -> None:
    made = {make_code() for _ in range(200)}
    assert len(made) == 200
    for code in made:
        assert re.fullmatch(rf"([{ALPHABET}]{{4}}-){{2}}[{ALPHABET}]{{4}}", code)
        assert plain_code(f"  {code.lower()} ") == code.replace("-", "")
    assert len(ALPHABET) ** 12 > 2**50
    assert not set("IOQ01") & set(ALPHABET)
    assert plain_code("КРТА-МЕХН-РСАВ") == "KPTAMEXHPCAB"  # on a Cyrillic keyboard
    for wrong in ("", "KRTA-MEXD-PLW", "KRTA-MEXD-PLWNN", "KRTA-MEXD-PLW0", "x" * 10_000, "ö" * 12):
        assert plain_code(wrong) is None


def test_guesses_are_limited_and_cost_nothing_else(site: Client, tmp_path: Path) -> None:
    code = site.code()
    for guess in (make_code(), "", None, 7, ["x"]):
        assert site.withdraw(guess, 404)["reason"] == "code"
    assert site.withdraw(make_code(), 404)["reason"] == "code"
    assert site.withdraw(code, 429)["reason"] == "guesses"
    assert len(Store(tmp_path, SMILEYS).records()) == 1
    again = Client(site.http.application)
    assert again.withdraw(code) == {"withdrawn": True}


def test_strangers_who_guess_keep_nobody_from_taking_back(site: Client) -> None:
    code = site.code()
    for _ in range(11):
        stranger = Client(site.http.application)
        for _ in range(6):
            stranger.withdraw(make_code(), 404)
        stranger.withdraw(make_code(), 429)
    assert site.withdraw(code) == {"withdrawn": True}


def test_only_so_many_hashes_are_computed_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [client(tmp_path, limits=Limits(hashing=2))]
    people += [Client(people[0].http.application) for _ in range(7)]
    right, now, seen = people[0].code(), [], []  # type: ignore[var-annotated]

    def slow(code: str, salt: bytes) -> str:
        now.append(code)
        seen.append(len(now))
        time.sleep(0.05)
        now.remove(code)
        return digest(code, salt)

    monkeypatch.setattr(store_module, "digest", slow)
    with ThreadPoolExecutor(8) as pool:
        for one in people[1:]:
            pool.submit(one.withdraw, make_code(), 404)
        assert pool.submit(people[0].withdraw, right).result() == {"withdrawn": True}
    assert (len(seen), max(seen)) == (8, 2)


@pytest.mark.parametrize("content", NO_OBJECTS, ids=range(len(NO_OBJECTS)))
def test_what_is_no_request_to_withdraw(
    site: Client, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    answer = site.http.post(
        "/api/withdraw",
        base_url=SITE,
        data=content,
        headers=site.headers(),
        content_type="application/json",
    )
    assert (answer.status_code, answer.get_json()["reason"]) == (400, "request")
    assert not caplog.records


def test_somebody_else_gets_another_number(site: Client, tmp_path: Path) -> None:
    site.code()
    site.code()
    answer = site.http.post("/api/session", base_url=SITE, headers=site.headers())
    assert answer.status_code == 200
    assert site.upload().get_json()["reason"] == "token"  # the page was the other one's
    page = site.http.get("/", base_url=SITE).text
    site.token = re.findall(r'csrf-token" content="(\w+)"', page)[0]
    site.code()
    people = Counter(one.person for one in Store(tmp_path, SMILEYS).records())
    assert sorted(people.values()) == [1, 2]


def test_every_smiley_has_a_name_a_folder_and_a_drawing() -> None:
    assert len(set(NAMES.values())) == len(NAMES) == 17
    for name in (*NAMES.values(), "other"):
        svg = drawing(name)
        assert svg is not None
        assert svg.startswith("<svg ")
    assert drawing("../x") is None
    assert names(["x"]) == ["other"]
    folders = folder_names(list(NAMES))
    assert all(re.fullmatch(r"\d\d-[a-z]+", name) for name in folders)
    assert folders == sorted(folders)


def test_drawings_are_served(site: Client) -> None:
    answer = site.http.get("/face/wink.svg", base_url=SITE)
    assert answer.mimetype == "image/svg+xml"
    assert site.http.get("/face/no-such.svg", base_url=SITE).status_code == 404


def test_the_finder_of_these_tests_finds() -> None:
    boxes, scores = find_faces(np.asarray(face(count=2)))
    assert boxes.shape == (2, 4)
    assert len(scores) == 2
