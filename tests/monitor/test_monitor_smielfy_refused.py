"""Smielfy against strangers: what is refused, that nothing of it is stored, that it lives on."""

from __future__ import annotations

import struct
import threading
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from smielfy_client import FACE, SITE, SMILEYS, Client, client, encoded, face, files, find_faces

from monitor.gate import HEADERS
from monitor.smielfy.app import create_app
from monitor.smielfy.errors import Refusal
from monitor.smielfy.intake import decode, open_picture
from monitor.smielfy.limits import Limits, Rate
from monitor.smielfy.store import Store


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Client]:
    """A server that at the end has stored nothing, and still takes a picture."""
    site = client(tmp_path, limits=Limits(uploads=(1000, 1000), pixels=2_000_000))
    yield site
    assert files(tmp_path) == []
    site.code()
    assert len(Store(tmp_path, SMILEYS).records()) == 1


def refused(site: Client, content: bytes, status: int, reason: str) -> None:
    answer = site.upload(content)
    assert (answer.status_code, answer.get_json()["reason"]) == (status, reason)
    assert answer.get_json()["error"].endswith(".")


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG whose pixels are missing or compress to nothing."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = b"".join(chunk(*one) for one in chunks)
    return b"\x89PNG\r\n\x1a\n" + head + body + chunk(b"IEND", b"")


def webp(width: int, height: int) -> bytes:
    """Return the head of a lossless WebP of any size, without pixels."""
    bits = (width - 1) | (height - 1) << 14
    body = b"VP8L" + struct.pack("<IBI", 5, 0x2F, bits) + b"\0"
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


BOMBS = {
    "PNG of ten thousand megapixels": png(100_000, 100_000, (b"IDAT", zlib.compress(b"\0" * 9999))),
    "PNG above Pillow's warning": png(12_000, 10_000, (b"IDAT", zlib.compress(b"\0" * 9999))),
    "PNG just above the limit": encoded(Image.new("RGB", (2001, 1000)), "PNG"),
    "JPEG with a false size": FACE[: FACE.index(b"\xff\xc0") + 5]
    + b"\xff\xff\xff\xff"
    + FACE[FACE.index(b"\xff\xc0") + 9 :],
    "JPEG of a thousand scans": FACE[:-2] + b"\xff\xda\0\x08\x01\x01\0\0\x3f\0\0" * 1000,
    "WebP of 268 megapixels": webp(16_383, 16_383),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(site: Client, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        begin = time.monotonic()
        refused(site, BOMBS[name], 422, "pixels")
        assert time.monotonic() - begin < 5


def test_a_text_that_unpacks_to_gigabytes(site: Client) -> None:
    text = b"Comment\0\0" + zlib.compress(b"\0" * 20_000_000)
    refused(site, png(200, 200, (b"zTXt", text), (b"IDAT", b"")), 415, "kind")


GIF = encoded(face(200, 200), "GIF")
NO_PICTURES = {
    "nothing": b"",
    "text": b"<script>alert(1)</script>" * 50,
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" width="200" height="200"/>',
    "GIF": GIF,
    "BMP": encoded(face(200, 200), "BMP"),
    "TIFF": encoded(face(200, 200), "TIFF"),
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 200 200\n",
    "half a JPEG": FACE[: len(FACE) // 2],
    "head of a JPEG": FACE[:20],
    "half a PNG": encoded(face(200, 200), "PNG")[:300],
    "zeros": bytes(10_000),
    "GIF called PNG": b"\x89PNG\r\n\x1a\n" + GIF,
    "half a WebP": encoded(face(200, 200), "WEBP")[:400],
}


@pytest.mark.parametrize("name", NO_PICTURES)
def test_what_is_no_picture(site: Client, name: str) -> None:
    refused(site, NO_PICTURES[name], 415, "kind")


def test_damaged_bytes(site: Client) -> None:
    rng = np.random.default_rng(0)
    for content in (FACE, encoded(face(200, 200), "PNG"), encoded(face(200, 200), "WEBP")):
        for _ in range(20):
            damaged = bytearray(content)
            for place in rng.integers(2, 400, 12):
                damaged[place] = rng.integers(256)
            answer = site.upload(bytes(damaged), smiley=99)
            assert answer.status_code == 400  # of the smiley, so that nothing is stored here
            with suppress(Refusal):  # and nothing else is raised
                picture = open_picture(bytes(damaged), Limits())
                assert decode(picture, Limits()).dtype == np.uint8


def test_faces_that_are_missing_small_or_too_many(site: Client) -> None:
    refused(site, encoded(Image.new("RGB", (640, 480), (60, 80, 120))), 422, "no_face")
    far = Image.new("RGB", (640, 480), (60, 80, 120))
    far.paste(face(90, 80), (300, 200))
    refused(site, encoded(far), 422, "no_face")
    refused(site, encoded(face(900, 480, count=2)), 422, "several")
    refused(site, encoded(face(90, 400)), 422, "small")


def test_what_is_too_large(site: Client) -> None:
    refused(site, bytes(4 * 1024 * 1024 + 1), 413, "large")


@pytest.mark.parametrize(
    "origin",
    [None, "", "null", "https://evil.example", "http://localhost:8443", "https://localhost",
     "https://localhost:8443.evil.example", "https://evil@localhost:8443"],
)  # fmt: skip
def test_a_foreign_origin(site: Client, origin: str | None) -> None:
    answer = site.upload(headers=site.headers(Origin=origin))
    assert (answer.status_code, answer.get_json()["reason"]) == (403, "origin")


@pytest.mark.parametrize("path", ["/", "/api/prompt", "/face/wink.svg", "/static/icon.svg"])
@pytest.mark.parametrize("host", ["evil.example", "192.168.0.9", "localhost.evil.example", ""])
def test_a_foreign_host(site: Client, path: str, host: str) -> None:
    answer = site.http.get(path, base_url=SITE, headers={"Host": host})
    assert answer.status_code == 403
    answer = site.upload(headers={**site.headers(Origin=f"https://{host}"), "Host": host})
    assert answer.status_code == 403


def test_the_token_belongs_to_the_cookie(site: Client, tmp_path: Path) -> None:
    other = Client(site.http.application)
    for token in (None, "", "x", "é", other.token):
        answer = site.upload(headers=site.headers(**{"X-CSRF-Token": token}))
        assert (answer.status_code, answer.get_json()["reason"]) == (403, "token")
    stranger = site.http.application.test_client()
    for cookie in ("", "x", "x.y", f"{'0' * 32}.{'0' * 40}", "é.é"):
        stranger.set_cookie("smielfy-session", cookie, domain="localhost")
        answer = stranger.post("/api/pictures", base_url=SITE, data=FACE, headers=site.headers())
        assert (answer.status_code, answer.get_json()["reason"]) == (403, "token")


def test_no_picture_without_the_text_of_this_moment(site: Client) -> None:
    for consent in ("", "x", "0" * 32):
        answer = site.upload(consent=consent)
        assert (answer.status_code, answer.get_json()["reason"]) == (409, "consent")


@pytest.mark.parametrize("smiley", [-1, 3, "x", "", "1.5", "٣" * 5])
def test_a_smiley_that_is_not_asked_for(site: Client, smiley: object) -> None:
    answer = site.upload(smiley=smiley)
    assert (answer.status_code, answer.get_json()["reason"]) == (400, "smiley")


def test_a_finder_that_fails(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def broken(image: np.ndarray) -> None:
        raise RuntimeError("no weights")

    site = Client(create_app(tmp_path, broken, SMILEYS))  # type: ignore[arg-type]
    answer = site.upload()
    assert (answer.status_code, answer.get_json()["reason"]) == (500, "mistake")
    assert "no weights" not in answer.text
    assert "no weights" in caplog.text
    assert files(tmp_path) == []


def test_refusals_are_in_the_readers_language(site: Client) -> None:
    headers = {**site.headers(), "Accept-Language": "ru"}
    assert "Это не снимок" in site.upload(b"", headers=headers).get_json()["error"]


def test_every_answer_is_told_how_to_be_treated(site: Client) -> None:
    for path in ("/", "/withdraw", "/api/prompt", "/nothing", "/static/icon.svg", "/base/x"):
        answer = site.http.get(path, base_url=SITE)
        assert all(answer.headers[name] == value for name, value in HEADERS)
        assert "camera=(self)" in answer.headers["Permissions-Policy"]
        answer.close()
    cookie = site.http.application.test_client().get("/", base_url=SITE).headers["Set-Cookie"]
    for attribute in ("HttpOnly", "SameSite=Strict", "Secure", "Path=/"):
        assert attribute in cookie
    assert "expires" not in cookie.lower()


@pytest.mark.parametrize(
    "path",
    ["/static/../store.py", "/base/../gate.py", "/face/..%2f..%2fx.svg", "/example/..%2fx",
     "/static/%2e%2e/app.py", "/02-tongue/x.jpg", "/smielfy.json", "/certificate.pem"],
)  # fmt: skip
def test_nothing_else_is_served(site: Client, path: str) -> None:
    assert site.http.get(path, base_url=SITE).status_code == 404


def test_a_session_sends_only_so_often(tmp_path: Path) -> None:
    site = client(tmp_path, limits=Limits(uploads=(3, 5)))
    reasons = [site.upload(b"").get_json()["reason"] for _ in range(4)]
    assert reasons == ["kind"] * 3 + ["often"]
    assert files(tmp_path) == []


def test_junk_of_strangers_keeps_nobody_from_sending(tmp_path: Path) -> None:
    site = client(tmp_path, limits=Limits(uploads=(6, 2), pictures_per_session=1))
    for _ in range(3):
        stranger = Client(site.http.application)
        refused(stranger, b"", 415, "kind")
        refused(stranger, BOMBS["PNG of ten thousand megapixels"], 422, "pixels")
        refused(stranger, encoded(face(90, 80)), 422, "small")
        assert stranger.upload(consent="x").get_json()["reason"] == "consent"
        assert stranger.upload(smiley=99).get_json()["reason"] == "smiley"
        assert stranger.upload(bytes(4 * 1024 * 1024 + 1)).get_json()["reason"] == "large"
        assert stranger.upload().get_json()["reason"] == "often"  # of this session
    site.code()
    for _ in range(3):
        assert site.upload().get_json()["reason"] == "enough"
    another, late = Client(site.http.application), Client(site.http.application)
    another.code()
    refused(late, FACE, 429, "often")  # of all together: two whole pictures have come
    assert len(Store(tmp_path, SMILEYS).records()) == 2


def test_a_span_of_time_passes() -> None:
    now = [0.0]
    rate = Rate(2, 60, clock=lambda: now[0])
    assert [rate.take("a"), rate.take("a"), rate.take("a"), rate.take("b")] == [1, 1, 0, 1]
    now[0] = 59.9
    assert not rate.take("a")
    now[0] = 60
    assert rate.take("a")
    for number in range(10_000):
        rate.take(str(number))
    assert rate.take("a")  # forgotten among so many, which takes the memory of none


def test_a_person_gives_only_so_many_and_a_folder_holds_only_so_much(tmp_path: Path) -> None:
    site = client(tmp_path, limits=Limits(pictures_per_session=2))
    code = site.code()
    site.code()
    assert site.upload().get_json()["reason"] == "enough"
    site.withdraw(code)
    site.code()
    size = sum(record.bytes for record in Store(tmp_path, SMILEYS).records())
    full = client(tmp_path, limits=Limits(folder_bytes=size + 100))
    answer = full.upload()
    assert (answer.status_code, answer.get_json()["reason"]) == (507, "full")
    assert len(Store(tmp_path, SMILEYS).records()) == 2


def test_a_flood_is_turned_away_and_what_was_taken_is_whole(tmp_path: Path) -> None:
    """Eight pictures wait, one is looked at; the rest is told to come again."""
    begun, go = threading.Semaphore(0), threading.Event()

    def slow(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        begun.release()
        assert go.wait(30)
        return find_faces(image)

    app = create_app(tmp_path, slow, SMILEYS, limits=Limits(uploads=(100, 100), waiting=3))
    people = [Client(app) for _ in range(10)]
    with ThreadPoolExecutor(10) as pool:
        first = pool.submit(people[0].upload)
        begun.acquire()
        rest = [pool.submit(one.upload) for one in people[1:]]
        end = time.monotonic() + 30
        while sum(one.done() for one in rest) < 7:
            assert time.monotonic() < end
            time.sleep(0.01)
        turned_away = [one.result() for one in rest if one.done()]
        go.set()
        statuses = [one.result().status_code for one in (first, *rest)]
    assert {one.get_json()["reason"] for one in turned_away} == {"busy"}
    assert statuses.count(201) == 3
    assert statuses.count(503) == 7
    records = Store(tmp_path, SMILEYS).records()
    assert len(records) == 3
    assert len(files(tmp_path)) == 7  # with the text
    people[0].code()


def test_a_limit_holds_for_uploads_at_the_same_time(tmp_path: Path) -> None:
    limits = Limits(uploads=(100, 100), pictures_per_session=4, waiting=20)
    site = client(tmp_path, limits=limits)
    clients = [site]
    for _ in range(9):
        twin = Client(site.http.application)
        twin.http.set_cookie(
            "smielfy-session",
            site.http.get_cookie("smielfy-session").value,  # type: ignore[union-attr]
            secure=True,
        )
        twin.token = site.token
        clients.append(twin)
    send: Callable[[Client], int] = lambda one: one.upload().status_code  # noqa: E731
    with ThreadPoolExecutor(10) as pool:
        statuses = list(pool.map(send, clients))
    assert statuses.count(201) == 4
    assert statuses.count(429) == 6
    assert len(Store(tmp_path, SMILEYS).records()) == 4
