"""Smielfy as a Flask application."""

from __future__ import annotations

import io
import os
import random
import threading
from collections.abc import Iterable, Sequence

from flask import Blueprint, Flask, Response, request
from PIL import Image

from monitor.gate import Gate
from monitor.smielfy.common import json_answer, new_app, sent_object
from monitor.smielfy.consent import consents
from monitor.smielfy.errors import Refusal
from monitor.smielfy.intake import FindFaces, choose_face, decode, encode, open_picture
from monitor.smielfy.limits import Limits, Rate
from monitor.smielfy.records import Record
from monitor.smielfy.sessions import Sessions
from monitor.smielfy.smileys import names
from monitor.smielfy.store import Store
from monitor.smielfy.texts import language, page

__all__ = ["create_app"]

_ROUND_A_FACE = 1.9  # times its side: what is shown of an example
_PERMISSIONS = "camera=(self), microphone=(), geolocation=()"


def create_app(
    folder: str | os.PathLike[str],
    find_faces: FindFaces,
    smileys: Sequence[str],
    *,
    contact: str | None = None,
    secure: bool = True,
    hosts: Iterable[str] = (),
    open_to_network: bool = False,
    limits: Limits | None = None,
) -> Flask:
    """Return the server that collects pictures into a folder.

    Parameters
    ----------
    folder : path-like
        See `monitor.smielfy.store`; made if it is missing.
    find_faces : callable
        Finds the faces in a picture, see `monitor.smielfy.intake.FindFaces`. Called by one thread
        at a time.
    smileys : sequence of str
        What is asked for; a smiley's place is its class.
    contact : str, optional
        Who collects the pictures and how to reach them, for the text of consent.
    secure : bool
        It is served over HTTPS.
    hosts, open_to_network
        See `monitor.gate.Gate`.
    limits : Limits, optional
        By default those of `Limits`.

    Raises
    ------
    SmielfyError
        If the folder cannot be used.
    """
    service = _Service(Store(folder, smileys), find_faces, contact, secure, limits or Limits())
    app = new_app("monitor.smielfy", service.limits.upload_bytes)
    app.register_blueprint(service.blueprint())
    app.after_request(_permit)
    app.wsgi_app = Gate(  # type: ignore[method-assign]
        app.wsgi_app, hosts, open_to_network=open_to_network
    )
    return app


class _Service:
    """What the requests of one server share."""

    def __init__(
        self,
        store: Store,
        find_faces: FindFaces,
        contact: str | None,
        secure: bool,
        limits: Limits,
    ) -> None:
        self.store, self.limits = store, limits
        self._find_faces = find_faces
        self._consents = consents(contact)
        self._names = names(store.smileys)
        self._sessions = Sessions(store.key, secure=secure)
        own, together = limits.uploads
        self._uploads, self._all_uploads = Rate(own), Rate(together)
        self._withdrawals = Rate(limits.withdrawals)
        self._hashing = threading.BoundedSemaphore(limits.hashing)
        self._waiting = threading.BoundedSemaphore(limits.waiting)
        self._working = threading.Lock()

    def blueprint(self) -> Blueprint:
        """Return the pages and what they ask for."""
        routes = Blueprint("smielfy", __name__)
        routes.get("/")(self.ask)
        routes.get("/withdraw")(self.take_back)
        routes.get("/example/<int:number>")(self.example)
        routes.get("/api/prompt")(self.prompt)
        routes.post("/api/pictures")(self.upload)
        routes.post("/api/withdraw")(self.withdraw)
        routes.post("/api/session")(self.next_person)
        return routes

    def ask(self) -> Response:
        """Show the page that asks for a smiley."""
        consent = self._consents[language()]
        return self._page("ask", consent=consent)

    def take_back(self) -> Response:
        """Show the page that takes a picture back."""
        return self._page("withdraw")

    def prompt(self) -> Response:
        """Choose a smiley of which there are few, but none of those in `not`."""
        counts = self.store.counts()
        skipped = set(request.args.getlist("not", int))
        left = [number for number in range(len(counts)) if number not in skipped]
        left = left or list(range(len(counts)))
        fewest = min(counts[number] for number in left)
        number = random.choice([number for number in left if counts[number] == fewest])
        return json_answer(
            {
                "number": number,
                "smiley": self.store.smileys[number],
                "name": self._names[number],
                "example": f"/example/{number}" if self._shown(number) else None,
            }
        )

    def example(self, number: int) -> Response:
        """Show one of the pictures that were accepted, and released by whom they show."""
        shown = self._shown(number)
        if not shown:
            raise Refusal(404, "nothing")
        record = random.choice(shown)
        x, y, width, height = record.box
        half = _ROUND_A_FACE * height / 2
        middle = (x + width / 2, y + height / 2)
        try:
            with Image.open(self.store.picture(record)) as image:
                square = image.crop(
                    (
                        max(0, round(middle[0] - half)),
                        max(0, round(middle[1] - half)),
                        min(image.width, round(middle[0] + half)),
                        min(image.height, round(middle[1] + half)),
                    )
                )
        except FileNotFoundError:  # taken back at this moment
            raise Refusal(404, "nothing") from None
        square.thumbnail((480, 480))
        file = io.BytesIO()
        square.save(file, "JPEG", quality=85)
        answer = Response(file.getvalue(), mimetype="image/jpeg")
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def upload(self) -> tuple[Response, int]:
        """Take a picture: all that can be refused is refused before anything is stored."""
        session = self._sessions.require()
        if not self._uploads.take(session):
            raise Refusal(429, "often")
        texts = {consent.key: consent for consent in self._consents.values()}
        consent = texts.get(request.args.get("consent", ""))
        if consent is None:
            raise Refusal(409, "consent")
        smiley = request.args.get("smiley", -1, int)
        if not 0 <= smiley < len(self.store.smileys):
            raise Refusal(400, "smiley")
        person = self._sessions.person(session)
        self.store.make_sure_of_room(person, self.limits)
        content = request.get_data(cache=False)
        if not self._waiting.acquire(blocking=False):
            raise Refusal(503, "busy")
        try:
            with self._working:  # large arrays and the detector's: one at a time
                picture = open_picture(content, self.limits)
                # Counted only now: what costs nearly nothing shall not use up what all have.
                if not self._all_uploads.take():
                    raise Refusal(429, "often")
                image = decode(picture, self.limits)
                found = choose_face(image, self._find_faces)
                code = self.store.add(
                    encode(image),
                    smiley=smiley,
                    face=found,
                    size=(image.shape[1], image.shape[0]),
                    person=person,
                    consent=consent,
                    released=request.args.get("released") == "1",
                    limits=self.limits,
                )
        finally:
            self._waiting.release()
        return json_answer({"code": code}), 201

    def withdraw(self) -> Response:
        """Delete the picture that a code stands for."""
        session = self._sessions.require()
        if not self._withdrawals.take(session):
            raise Refusal(429, "guesses")
        code = sent_object().get("code")
        with self._hashing:
            if not isinstance(code, str) or not self.store.withdraw(code):
                raise Refusal(404, "code")
        return json_answer({"withdrawn": True})

    def next_person(self) -> Response:
        """Begin a new session: somebody else sits down in front of the camera."""
        self._sessions.require()
        answer = json_answer({})
        self._sessions.keep(answer, self._sessions.new())
        return answer

    def _page(self, name: str, **values: object) -> Response:
        session = self._sessions.current()
        fresh = session or self._sessions.new()
        answer = Response(page(name, self._sessions.token(fresh), **values))
        if session is None:
            self._sessions.keep(answer, fresh)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def _shown(self, number: int) -> list[Record]:
        return [
            record
            for record in self.store.records()
            if record.label == number and record.status == "accepted" and record.released
        ]


def _permit(answer: Response) -> Response:
    answer.headers["Permissions-Policy"] = _PERMISSIONS
    return answer
