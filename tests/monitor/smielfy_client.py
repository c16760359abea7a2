"""Smielfy for its tests: a drawn face, what finds it, a server, and a browser's part."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from flask import Flask
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from werkzeug.test import TestResponse

from monitor.smielfy.app import create_app
from monitor.smielfy.certificate import ready_certificate
from monitor.smielfy.consent import consents
from monitor.smielfy.serve import listen

SMILEYS = [":-)", ":-(", ":-P"]
SITE = "https://localhost:8443"
SKIN = (250, 200, 120)


def face(width: int = 640, height: int = 480, count: int = 1) -> Image.Image:
    """Draw faces side by side; each is a disc of two thirds of the height."""
    image = Image.new("RGB", (width, height), (60, 80, 120))
    draw = ImageDraw.Draw(image)
    radius = min(height / 3, width / count / 2.4)
    for number in range(count):
        x, y = width * (number + 0.5) / count, height / 2
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), SKIN)
        for side in (-0.4, 0.4):
            eye = (x + side * radius, y - 0.25 * radius)
            draw.ellipse((eye[0] - 8, eye[1] - 8, eye[0] + 8, eye[1] + 8), (40, 20, 10))
        mouth = (x - 0.5 * radius, y - 0.2 * radius, x + 0.5 * radius, y + 0.6 * radius)
        draw.arc(mouth, 20, 160, (40, 20, 10), 8)
    return image


def find_faces(image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Find the drawn faces by their colour."""
    near = np.abs(image[::2, ::2].astype(int) - SKIN).max(axis=2) < 40
    columns = np.flatnonzero(near.sum(axis=0) > 2)
    if not len(columns):
        return np.empty((0, 4), np.float32), np.empty(0, np.float32)
    parts = np.split(columns, np.flatnonzero(np.diff(columns) > 4) + 1)
    boxes = []
    for part in parts:
        rows = np.flatnonzero(near[:, part].any(axis=1))
        boxes.append((part[0], rows[0], len(part), np.ptp(rows) + 1))
    return 2 * np.array(boxes, np.float32), np.full(len(boxes), 0.95, np.float32)


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    """Return a picture's file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


FACE = encoded(face())


class Client:
    """Asks a server as its own page does."""

    def __init__(self, app: Flask, site: str = SITE) -> None:
        self.http, self.site = app.test_client(), site
        page = self.http.get("/", base_url=site).text
        self.token = re.findall(r'csrf-token" content="(\w+)"', page)[0]
        self.consent = re.findall(r'data-consent="(\w+)"', page)[0]

    def headers(self, **changes: str | None) -> dict[str, str]:
        """Return what the page's requests carry; None leaves a header out."""
        usual = {"Origin": self.site, "X-CSRF-Token": self.token, **changes}
        return {name: value for name, value in usual.items() if value is not None}

    def upload(
        self,
        content: bytes = FACE,
        *,
        headers: dict[str, str] | None = None,
        **query: object,
    ) -> TestResponse:
        """Send a picture."""
        return self.http.post(
            "/api/pictures",
            base_url=self.site,
            query_string={"smiley": 2, "consent": self.consent, "released": 0, **query},
            data=content,
            content_type="image/jpeg",
            headers=headers or self.headers(),
        )

    def code(self, **query: object) -> str:
        """Send a picture that is taken, and return its code."""
        answer = self.upload(**query)
        assert answer.status_code == 201, answer.text
        return str(answer.get_json()["code"])

    def withdraw(self, code: object, status: int = 200) -> Any:
        """Take a picture back, and check the status."""
        answer = self.http.post(
            "/api/withdraw", base_url=self.site, json={"code": code}, headers=self.headers()
        )
        assert answer.status_code == status, answer.text
        return answer.get_json()


# What is no small JSON object; the brackets are more than a parser can enter.
NO_OBJECTS = (
    b"",
    b"[" * 4000,
    b'{"code":' * 500,
    b"[" * 100_000,
    b"[]",
    b"null",
    b'"KRTA-MEXD-PLWN"',
    b'{"code": "KRTA',
    b"\xff\xfe\x00",
    b"1" * 4000,
    b"{" + b" " * 5000 + b"}",
)


def client(folder: Path, **options: Any) -> Client:
    """Return a client of a server of a folder."""
    return Client(create_app(folder, find_faces, SMILEYS, **options))


def files(folder: Path) -> list[str]:
    """Return all pictures and records in a folder, and whatever is left of any."""
    return sorted(
        path.relative_to(folder).as_posix()
        for place in (*folder.glob("[0-9][0-9]-*"), folder / "consents")
        for path in place.iterdir()
    )


@contextmanager
def serving(app: Flask, folder: Path | None = None) -> Iterator[str]:
    """Serve an application, over HTTPS with the certificate of a folder; gives the address."""
    context = None if folder is None else ready_certificate(folder, ["localhost"]).context()
    server = listen(app, "127.0.0.1", 0, context)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    scheme = "http" if folder is None else "https"
    try:
        yield f"{scheme}://localhost:{server.bind_addr[1]}"
    finally:
        server.stop()
        thread.join(10)


def text_of(language: str = "en") -> Any:
    """Return the consent of a language."""
    return consents(None)[language]
