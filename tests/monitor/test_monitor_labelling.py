"""The labelling page's server: what it shows, what it changes, and whom it turns away."""

from __future__ import annotations

import gc
import json
import re
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from monitor.gate import HEADERS
from monitor.labelling import Command, Smiley, create_app, serve
from monitor.labelling.app import _GROUPS
from monitor.labelling.words import fill, words
from monitor.layout import RunLogError
from monitor.pages import LANGUAGES

SITE = "http://localhost:8266"
TOKEN = "a token for the tests"
HOSTILE = '"><script>alert(1)</script>'
FOLDER = Path(__file__).parents[2] / "monitor" / "labelling"
TEXT = "\n".join(
    path.read_text(encoding="utf-8")
    for path in (FOLDER / "static" / "labelling.js", FOLDER / "templates" / "labelling.html")
)


SERVE = """
from monitor.labelling import create_app, serve
class Desk:
    def state(self): return {"frame": 7}
made = dict(name="a", count=1, size=(1, 1), smileys=[], commands=[])
app = create_app(Desk(), bytes, **made, token="a token+for & tests")
say = lambda text: print(text, flush=True)
serve(app, token="a token+for & tests", port=0, open_browser=False, say=say)
"""


class Desk:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []
        self.error: Exception | None = None

    def press(self, key: str) -> bool:
        self.told.append(("press", key))
        return key in ("w", "left")

    def seek(self, frame: int) -> None:
        self.told.append(("seek", frame))

    def tick(self, seconds: float) -> None:
        self.told.append(("tick", seconds))

    def state(self) -> dict[str, Any]:
        if self.error is not None:
            raise self.error
        return {"frame": 1, "told": len(self.told)}


class Site:
    """A browser's part."""

    def __init__(self, name: str = "clip") -> None:
        self.desk = Desk()
        self.app = create_app(
            self.desk,
            lambda number: b"picture %d" % number,
            name=name,
            count=3,
            size=(640, 360),
            smileys=[Smiley("w", ";-)", "#4363d8"), Smiley("a", ">:-(", "#fabebe")],
            commands=[Command("left", "back"), Command("v", "mark")],
            token=TOKEN,
        )
        self.http = self.app.test_client()
        self.get("/?token=" + TOKEN.replace(" ", "+"), 303)
        self.csrf = re.findall(r'csrf-token" content="([\w-]+)"', self.get("/").text)[0]

    def get(self, path: str, status: int = 200, **headers: str) -> TestResponse:
        answer = self.http.get(path, base_url=SITE, headers=headers)
        assert answer.status_code == status, (path, answer.text[:300])
        return answer

    def post(self, path: str, body: Any = None, status: int = 200, **options: Any) -> Any:
        headers = {"Origin": SITE, "X-CSRF-Token": self.csrf, **options.pop("headers", {})}
        if "data" not in options:
            options["json"] = body
        answer = self.http.post(path, base_url=SITE, headers=headers, **options)
        assert answer.status_code == status, (path, answer.status_code, answer.text[:300])
        return answer.get_json()


@pytest.fixture
def site() -> Site:
    return Site()


def test_the_state_and_its_changes(site: Site) -> None:
    state = site.get("/api/state").get_json()
    assert (state["frame"], state["told"]) == (1, 0)
    assert site.post("/api/key", {"key": "w"}) == {**state, "told": 1}
    assert site.post("/api/seek", {"frame": -7}) == {**state, "told": 2}
    assert site.post("/api/tick", {"elapsed": 0.25}) == {**state, "told": 3}
    site.post("/api/tick", {"elapsed": 1e6})
    assert site.desk.told == [("press", "w"), ("seek", -7), ("tick", 0.25), ("tick", 10.0)]


def test_frames_are_kept_by_browsers_and_belong_to_a_clip(site: Site) -> None:
    clip = site.get("/api/state").get_json()["clip"]
    answer = site.get(f"/api/frames/{clip}/2")
    assert (answer.data, answer.mimetype) == (b"picture 2", "image/jpeg")
    assert "immutable" in answer.headers["Cache-Control"]
    assert Site().get("/api/state").get_json()["clip"] != clip
    for path in (f"{clip}/3", f"{clip}/-1", f"{clip}/99999999999999999999", "other/0", "../0"):
        assert site.get(f"/api/frames/{path}", 404).mimetype == "application/json"


@pytest.mark.parametrize(
    ("path", "body", "rule"),
    [
        ("key", {"key": "~"}, "The key '~' means nothing"),
        ("key", {"key": HOSTILE}, "key is the name|means nothing"),
        ("key", {"key": ""}, "key is the name of a key"),
        ("key", {"key": "w" * 33}, "key is the name of a key"),
        ("key", {"key": 3}, "key is the name of a key"),
        ("key", {"key": ["w"]}, "key is the name of a key"),
        ("key", {"key": None}, "key is the name of a key"),
        ("key", {}, 'a JSON object with "key" alone'),
        ("key", {"key": "w", "frame": 1}, 'a JSON object with "key" alone'),
        ("key", ["key"], 'a JSON object with "key" alone'),
        ("key", "key", 'a JSON object with "key" alone'),
        ("seek", {"frame": 1.5}, "a whole number"),
        ("seek", {"frame": "1"}, "a whole number"),
        ("seek", {"frame": True}, "a whole number"),
        ("tick", {"elapsed": "1"}, "a number of seconds"),
        ("tick", {"elapsed": -1}, "not below 0"),
        ("tick", {"elapsed": False}, "a number of seconds"),
    ],
)
def test_a_body_that_is_no_change(site: Site, path: str, body: Any, rule: str) -> None:
    error = site.post(f"/api/{path}", body, 400)["error"]
    assert re.search(rule, error)
    assert error.isascii()
    assert not [told for told in site.desk.told if told[0] != "press"]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"key": "w"', 400),
        (b"\xff\xfe", 400),
        (b'{"elapsed": NaN}', 400),
        (b'{"elapsed": Infinity}', 400),
        (b'{"elapsed": 1e999}', 400),
        (b"[" * 1000, 400),
        (b'{"key": "' + b"w" * 2000 + b'"}', 413),
    ],
)
def test_bytes_that_are_no_change(site: Site, data: bytes, status: int) -> None:
    for path in ("key", "seek", "tick"):
        found = site.post(f"/api/{path}", status=status, data=data, content_type="application/json")
        assert list(found) == ["error"]
    assert site.desk.told == []


def test_who_does_not_know_the_token_sees_and_changes_nothing(site: Site) -> None:
    clip = site.get("/api/state").get_json()["clip"]
    other = site.app.test_client()
    for path in ("/", "/api/state", f"/api/frames/{clip}/0", "/labelling/labelling.js"):
        answer = other.get(path, base_url=SITE)
        assert (answer.status_code, list(answer.get_json())) == (401, ["error"])
        assert "open the address that it printed" in answer.get_json()["error"]
    assert other.get("/?token=wrong", base_url=SITE).status_code == 401
    own = {"Origin": SITE, "X-CSRF-Token": site.csrf}
    for path, body in (("key", {"key": "w"}), ("seek", {"frame": 1}), ("tick", {"elapsed": 1})):
        answer = other.post(f"/api/{path}", base_url=SITE, json=body, headers=own)
        assert answer.status_code == 401
    assert site.desk.told == []


def test_a_very_large_frame_is_the_desks_business(site: Site) -> None:
    site.post("/api/seek", {"frame": 10**300})
    assert site.desk.told == [("seek", 10**300)]


@pytest.mark.parametrize("path", ["/api/key", "/api/seek", "/api/tick"])
def test_other_sites_change_nothing(site: Site, path: str) -> None:
    body = {"key": "w"}
    for origin in ("http://evil.example", "null", "", "http://localhost:1"):
        assert "Origin" in site.post(path, body, 403, headers={"Origin": origin})["error"]
    for token in ("", "x", "é"):
        found = site.post(path, body, 403, headers={"X-CSRF-Token": token})
        assert "X-CSRF-Token" in found["error"]
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        site.post(path, status=415, data=json.dumps(body), content_type=kind)
    site.get(path, 405)
    for method in ("put", "delete", "patch"):
        assert getattr(site.http, method)(path, base_url=SITE).status_code in {403, 405}
    assert site.desk.told == []


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "10.0.0.1", "", "a b"])
def test_a_foreign_host_is_turned_away(site: Site, host: str) -> None:
    for path in ("/", "/api/state", "/labelling/labelling.js"):
        answer = site.http.get(path, base_url=SITE, headers={"Host": host})
        assert answer.status_code == 403
        assert "not known by that name" in answer.get_json()["error"]


def test_every_answer_is_told_how_to_be_treated(site: Site) -> None:
    clip = site.get("/api/state").get_json()["clip"]
    for path in ("/", "/api/state", f"/api/frames/{clip}/0", "/labelling/labelling.css", "/no"):
        answer = site.http.get(path, base_url=SITE)
        answer.close()
        assert all(answer.headers[name] == value for name, value in HEADERS)
        assert "unsafe" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("climb", ["..%2f..%2fapp.py", "../app.py", "%2e%2e/words.py", "/etc/x"])
def test_nothing_leads_out_of_the_folder(site: Site, climb: str) -> None:
    for begin in ("/labelling/", "/static/", "/labelling/words/"):
        answer = site.http.get(begin + climb, base_url=SITE)
        assert answer.status_code in {308, 404}
        assert "import" not in answer.text


def test_a_mistake_is_one_sentence(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.desk.error = RuntimeError("secret")
    answer = site.get("/api/state", 500)
    assert answer.get_json() == {"error": "The server made a mistake; its terminal says more."}
    assert "secret" in caplog.text


def test_the_page_holds_no_script_and_no_markup_of_others() -> None:
    page = Site(HOSTILE).get("/").text
    assert "alert(1)</script>" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert re.findall(r"<script[^>]*>", page) == [
        '<script src="/labelling/labelling.js" type="module">'
    ]
    assert not re.search(r"\son\w+=|\sstyle=|javascript:", page.replace(HOSTILE, ""))
    assert 'data-key="w" data-label="0" data-colour="#4363d8" data-smiley=";-)"' in page
    assert 'data-smiley="&gt;:-("' in page


@pytest.mark.parametrize(
    ("accept", "cookie", "language"),
    [("", "", "en"), ("ru,en;q=0.5", "", "ru"), ("fr", "", "en"), ("ru", "en", "en"),
     ("en", "ru", "ru"), ("en", "../x", "en")],
)  # fmt: skip
def test_the_language(site: Site, accept: str, cookie: str, language: str) -> None:
    site.http.set_cookie("lasagnette-language", cookie)
    page = site.get("/", **{"Accept-Language": accept})
    assert f'<html lang="{language}"' in page.text
    assert words(language)["group.smileys"] in page.text


def test_the_texts_of_all_languages() -> None:
    first, *others = (words(language) for language in LANGUAGES)
    for other in others:
        assert list(other) == list(first)
        for key, text in first.items():
            assert set(re.findall(r"\{\w+\}", other[key])) == set(re.findall(r"\{\w+\}", text))
        assert {key for key in first if first[key] == other[key]} == {
            *("language.en", "language.ru", "key.home", "key.end"),
        }
    asked = set(re.findall(r"""\bt\(["']([\w.]+\w)["']""", TEXT))
    assert len(asked) > 10
    assert asked <= set(first)
    begun = re.findall(r"""\bt\((?:`([\w.]+\.)\$|["']([\w.]+\.)["'] \+|"(smiley\.)%d)""", TEXT)
    begins = {one for found in begun for one in found if one}
    assert begins == {"said.", "smiley.", "group.", "command.", "key.", "language."}
    assert not {k for k in first if k not in asked and not k.startswith(tuple(begins))}
    assert sum(key.startswith("smiley.") for key in first) == 17
    commands = {name for names in _GROUPS.values() for name in names}
    assert {key for key in first if key.startswith("command.")} == {
        f"command.{n}" for n in commands
    }
    assert fill("{a} {b} {a}", {"a": 1, "b": "x"}) == "1 x 1"


def test_it_serves_this_machine_until_interrupted(
    start_script: Callable[..., subprocess.Popen[str]],
) -> None:
    process = start_script(SERVE)
    assert process.stdout is not None
    found = re.fullmatch(
        r"Label at (http://127\.0\.0\.1:\d+/)(\?token=[\w%+]+)  \(Ctrl-C ends it\)\n",
        process.stdout.readline(),
    )
    assert found is not None
    with pytest.raises(urllib.error.HTTPError, match="401") as refused:
        urllib.request.urlopen(f"{found[1]}api/state", timeout=30)
    refused.value.close()
    jar = urllib.request.HTTPCookieProcessor()
    with urllib.request.build_opener(jar).open(f"{found[1]}api/state{found[2]}") as answer:
        assert json.load(answer)["frame"] == 7
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")


# waitress leaves a socket that it could not bind to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_port_that_is_taken(site: Site) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(RunLogError, match=rf"cannot be served on port {port} .*--port"):
            serve(site.app, token=TOKEN, port=port, open_browser=False, say=print)
    gc.collect()  # so that the warning comes here
