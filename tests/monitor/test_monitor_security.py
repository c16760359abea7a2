"""The monitor's server against foreign pages, foreign names and hostile folders."""

import json
import os
import re
import shutil
import time
from pathlib import Path
from urllib.parse import urlencode

import h5py
import numpy as np
import pytest
from monitor_client import SITE, Client, client, write_run

from monitor.app import create_app
from monitor.gate import HEADERS
from monitor.layout import RunLogError, segment_name
from monitor.runlog import RunLog

SECRET = "root:x:0:0:secret"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs beside a secret; the tests leave both as they are."""
    place = tmp_path_factory.mktemp("place")
    write_run(place / "runs" / "run", steps=10)
    shutil.copytree(place / "runs" / "run", place / "secret")
    (place / "secret" / "secret.txt").write_text(SECRET)
    return place


@pytest.fixture
def site(place: Path) -> Client:
    return client(place / "runs")


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8265", "127.0.0.1.evil.example", "localhost@evil", "", "[::2]",
     "10.0.0.1", "localhost:8265/x", "localhost evil", "0.0.0.0:8265"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/api/runs", "/static/nothing", "/api/runs/run/media/0-0"])
def test_a_foreign_host_is_turned_away(site: Client, host: str, path: str) -> None:
    answer = site.http.get(path, base_url=SITE, headers={"Host": host})
    assert answer.status_code == 403
    assert "not known by that name" in answer.get_json()["error"]
    assert all(answer.headers[name] == value for name, value in HEADERS)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]:8265", "LOCALHOST."])
def test_the_own_machine_is_let_in(site: Client, host: str) -> None:
    assert site.http.get("/api/runs", headers={"Host": host}).status_code == 200


def test_more_names_can_be_let_in(tmp_path: Path) -> None:
    app = create_app(tmp_path, hosts=["lab.example"])
    for host, status in (("lab.example:80", 200), ("x.lab.example", 403)):
        answer = app.test_client().get("/api/runs", headers={"Host": host})
        assert answer.status_code == status


@pytest.mark.parametrize("path", ["/", "/api/runs", "/nothing", "/api/nothing", "/api/runs/run"])
def test_every_answer_is_told_how_to_be_treated(site: Client, path: str) -> None:
    answer = site.http.get(path, base_url=SITE)
    assert all(answer.headers[name] == value for name, value in HEADERS)
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "Access-Control-Allow-Origin" not in answer.headers


CHANGES = [
    ("/api/runs/run/notes", {"star": True}),
    ("/api/runs/run/delete", {}),
    ("/api/trash/x/restore", {}),
    ("/api/trash/empty", {"confirm": True}),
]


@pytest.mark.parametrize(("path", "body"), CHANGES)
@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "", "http://localhost:1", "http://localhost.evil.example:8265",
     "file://localhost:8265", "http://evil@localhost:8265"],
)  # fmt: skip
def test_a_foreign_origin_changes_nothing(site: Client, path: str, body: dict, origin: str) -> None:
    found = site.post(path, body, 403, Origin=origin)
    assert "Origin" in found["error"]
    _nothing_changed(site)


@pytest.mark.parametrize(("path", "body"), CHANGES)
def test_changes_need_the_token_of_the_page(site: Client, path: str, body: dict) -> None:
    assert "X-CSRF-Token" in site.post(path, body, 403, **{"X-CSRF-Token": "é"})["error"]
    for headers in ({}, {"Origin": SITE}, {"X-CSRF-Token": site.json("/api/session")["csrf"]}):
        answer = site.http.post(path, base_url=SITE, json=body, headers=headers)
        assert answer.status_code == 403
    _nothing_changed(site)


@pytest.mark.parametrize(("path", "_"), CHANGES)
def test_reading_changes_nothing(site: Client, path: str, _: dict) -> None:
    site.error(path, 405)
    for method in ("put", "delete", "patch"):
        assert getattr(site.http, method)(path, base_url=SITE).status_code in {403, 405}
    _nothing_changed(site)


def test_a_form_of_another_site_is_no_change(site: Client) -> None:
    csrf = site.json("/api/session")["csrf"]
    headers = {"Origin": SITE, "X-CSRF-Token": csrf}
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = site.http.post(
            "/api/runs/run/notes", base_url=SITE, data="{}", content_type=kind, headers=headers
        )
        assert answer.status_code == 415


def _nothing_changed(site: Client) -> None:
    run = site.json("/api/runs/run")
    assert run["star"] is False
    assert site.json("/api/trash")["trash"] == []


def test_a_token_is_asked_from_everybody(place: Path) -> None:
    token = "a token of 23 letters &"
    app = create_app(place / "runs", token=token)
    http = app.test_client()
    for path in ("/", "/api/runs", "/static/style.css", "/api/runs/run/media/0-0", "/nothing"):
        assert http.get(path, base_url=SITE).status_code == 401
    for wrong in ("?token=", "?token=x", "?token=%C3%A9", f"?tok={token}"):
        assert http.get("/" + wrong, base_url=SITE).status_code == 401
    assert http.get("/api/runs", headers={"Authorization": "Bearer x"}).status_code == 401
    assert http.get("/api/runs", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    answer = http.get("/api/runs", query_string={"token": token}, base_url=SITE)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/api/runs")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert http.get("/api/runs", base_url=SITE).status_code == 200  # with the cookie
    assert http.get("/api/runs", headers={"Host": "192.168.0.7:80"}).status_code == 401
    assert http.get("/api/runs", headers={"Host": "evil.example"}).status_code == 403
    environ = {"PATH_INFO": "//evil.example/", "QUERY_STRING": urlencode({"token": token, "x": 1})}
    answer = http.get(base_url=SITE, environ_overrides=environ)
    assert answer.headers["Location"] == "/evil.example/?x=1"


def test_a_short_token_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunLogError, match="at least 16 printable"):
        create_app(tmp_path, token="short")


CLIMBING = ["..", "../secret", "..%2Fsecret", "%2e%2e%2fsecret", "....//secret", "..\\secret",
            "~..", "..~secret", "=2E=2E~secret", "/etc/passwd", "%00", "run%00", "run/..%2f..",
            "=2e=2e=2fsecret", "secret"]  # fmt: skip


@pytest.mark.parametrize("climb", CLIMBING)
def test_nothing_leads_out_of_the_folder(place: Path, site: Client, climb: str) -> None:
    for path in (
        f"/api/runs/{climb}",
        f"/api/runs/{climb}/series?tag=train/loss",
        f"/api/runs/{climb}/media/0-0",
        f"/api/runs/run/media/{climb}",
        f"/api/runs/run/boxes?media={climb}",
        f"/api/runs/run/pictures?tag={climb}",
        f"/api/runs/run/rejected?stage={climb}",
        f"/api/runs/run/histograms?tag={climb}",
        f"/api/runs/run/csv?tag={climb}",
        f"/api/runs/run/delta?cursor={climb}",
        f"/api/compare?run=run&run={climb}",
        f"/static/{climb}",
        f"/static/../{climb}",
    ):
        answer = site.http.get(path, base_url=SITE)
        assert answer.status_code in {400, 404, 308} or (
            "rejected" in path and answer.get_json()["pictures"] == []
        ), path
        assert SECRET not in answer.text
        assert "train/loss" not in answer.text
    for path in (
        f"/api/runs/{climb}/delete",
        f"/api/runs/{climb}/notes",
        f"/api/trash/{climb}/restore",
    ):
        answer = site.http.post(
            path, base_url=SITE, json={},
            headers={"Origin": SITE, "X-CSRF-Token": site.json("/api/session")["csrf"]},
        )  # fmt: skip
        assert answer.status_code in {400, 404, 405, 308}, path
    assert sorted(os.listdir(place)) == ["runs", "secret"]
    assert os.listdir(place / "runs") == ["run"]


def test_links_out_of_the_folder_are_not_followed(place: Path, tmp_path: Path) -> None:
    outside, runs = tmp_path / "outside", tmp_path / "runs"
    shutil.copytree(place / "runs" / "run", outside)
    (outside / "notes.json").write_text(json.dumps({"note": SECRET}))
    runs.mkdir()
    (runs / "linked").symlink_to(outside)
    (runs / "files").mkdir()
    for name in ("run.json", "seg-000.h5", "architecture.json", "notes.json"):
        (runs / "files" / name).symlink_to(outside / name)
    (runs / "mixed").mkdir()
    (runs / "mixed" / "run.json").write_text("{}")
    for name in ("seg-000.h5", "architecture.json", "notes.json"):
        (runs / "mixed" / name).symlink_to(outside / name)
    site = client(runs)
    assert list(site.runs()) == ["mixed"]
    run = site.json("/api/runs/mixed")
    assert (run["curves"], run["layers"], run["note"], run["net"]) == ([], 0, "", None)
    site.post("/api/runs/mixed/notes", {"note": "mine"})
    assert SECRET in (outside / "notes.json").read_text()
    assert not (runs / "mixed" / "notes.json").is_symlink()


def test_a_trash_that_is_a_link_is_not_used(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "runs", tmp_path / "runs")
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("kept")
    (tmp_path / "runs" / ".trash").symlink_to(tmp_path / "precious")
    site = client(tmp_path / "runs")
    assert "link" in site.post("/api/runs/run/delete", status=409)["error"]
    assert site.post("/api/trash/empty", {"confirm": True}) == {"deleted": 0}
    assert (tmp_path / "precious" / "file").read_text() == "kept"
    assert (tmp_path / "runs" / "run" / "run.json").exists()


@pytest.mark.parametrize(
    "name", ["../../outside", "/tmp/outside", "a/../../outside", ".hidden", ""]
)
def test_an_origin_that_was_tampered_with_leads_nowhere(
    place: Path, tmp_path: Path, name: str
) -> None:
    shutil.copytree(place / "runs", tmp_path / "runs")
    site = client(tmp_path / "runs")
    key = site.post("/api/runs/run/delete")["trash"]
    origin = tmp_path / "runs" / ".trash" / key / "origin.json"
    origin.write_text(json.dumps({"name": name, "deleted": 1.0}))
    assert "leads out" in site.post(f"/api/trash/{key}/restore", status=409)["error"]
    assert sorted(os.listdir(tmp_path)) == ["runs"]


def test_a_pipe_in_a_files_place_holds_nobody_up(tmp_path: Path) -> None:
    for name in ("run.json", "seg-000.h5"):
        (tmp_path / name.partition(".")[0]).mkdir()
        os.mkfifo(tmp_path / name.partition(".")[0] / name)
    (tmp_path / "run").mkdir(exist_ok=True)
    (tmp_path / "third").mkdir()
    (tmp_path / "third" / "run.json").write_text("{}")
    os.mkfifo(tmp_path / "third" / "notes.json")
    begun = time.monotonic()
    assert list(client(tmp_path).runs()) == ["third"]
    assert time.monotonic() - begun < 5


def test_a_segment_cannot_show_other_files(place: Path, tmp_path: Path) -> None:
    """HDF5 can point to other files: by external links, external storage and virtual data."""
    shutil.copytree(place / "runs" / "run", tmp_path / "donor")
    (tmp_path / "secret.bin").write_bytes(SECRET.encode() * 10_000)
    runs = tmp_path / "runs"
    with h5py.File(tmp_path / "donor" / segment_name(0), "r") as donor:
        attributes = dict(donor.attrs)
    for number, way in enumerate(("link", "storage", "virtual")):
        (runs / way).mkdir(parents=True)
        with h5py.File(runs / way / segment_name(0), "w", userblock_size=512) as file:
            file.attrs.update(attributes)
            if number == 0:
                for name in ("tags", "events", "texts", "blob"):
                    file[name] = h5py.ExternalLink(tmp_path / "donor" / segment_name(0), name)
            elif number == 1:
                kinds = np.dtype([("kind", "u1"), ("name", "S128")])
                place = [(os.fspath(tmp_path / "secret.bin"), 0, 129 * 10)]
                file.create_dataset("tags", (10,), kinds, external=place)
            else:
                layout = h5py.VirtualLayout((10,), np.dtype([("kind", "u1"), ("name", "S128")]))
                file.create_virtual_dataset("tags", layout)
    site = client(runs)
    for name, run in site.runs().items():
        assert run["last"] == {}, name
        assert any("damaged" in problem for problem in run["problems"]), name
        text = site.get(f"/api/runs/{name}").text
        assert "secret" not in text.replace("secret.bin", "")
        assert "train/loss" not in text
        assert site.json(f"/api/runs/{name}/texts")["texts"] == []


HOSTILE = ["<script>alert(1)<", "\"><img src=x onerror=alert(1)>", "a'b", "%2e%2e", "né~=", "a b",
           "-rf", "=1+1", "\u202eevil", "a\nb", "$(id)", "{{7*7}}", "con", "x" * 120]  # fmt: skip


def test_hostile_names_of_runs_and_tags(tmp_path: Path) -> None:
    tags = [name for name in HOSTILE if name.isprintable()]
    with RunLog(tmp_path / HOSTILE[0]) as log:
        for tag in tags:
            log.scalar(tag, 1.0, 0)
            log.funnel(0, tag, 1, 1, 1)
        log.text(HOSTILE[0], 0)
    strange = os.fsdecode(b"\xff\xfe bytes")
    for name in [*HOSTILE[1:], strange]:
        shutil.copytree(tmp_path / HOSTILE[0], tmp_path / name)
    site = client(tmp_path)
    found = site.runs()
    assert set(found) == {*HOSTILE, "\ufffd\ufffd bytes"}
    for name, run in found.items():
        assert re.fullmatch(r"[A-Za-z0-9._~=-]+", run["id"]), name
        page = site.get(f"/api/runs/{run['id']}")
        assert page.mimetype == "application/json"
        assert [curve["tag"] for curve in page.get_json()["curves"]] == tags
        csv = site.get(f"/api/runs/{run['id']}/csv")
        assert csv.headers["Content-Disposition"] == f'attachment; filename="{run["id"]}.csv"'
        html = site.get(f"/run/{run['id']}").text
        assert "<script>alert" not in html
        assert "onerror=alert(1)>" not in html
        site.post(f"/api/runs/{run['id']}/notes", {"star": True})
        key = site.post(f"/api/runs/{run['id']}/delete")["trash"]
        assert site.post(f"/api/trash/{key}/restore")["id"] == run["id"]
    assert len(site.runs()) == len(found)
    for tag in tags:
        header, _ = site.frame(f"/api/runs/{run['id']}/series?" + urlencode({"tag": tag}))
        assert header["series"][0]["tag"] == tag


def test_a_spreadsheet_takes_no_tag_for_a_formula(tmp_path: Path) -> None:
    with RunLog(tmp_path / "run") as log:
        log.scalar('=HYPERLINK("x")', 1.0, 0)
    line = client(tmp_path).get("/api/runs/run/csv").text.splitlines()[1]
    assert line.startswith("\"'=HYPERLINK")


def test_an_error_does_not_tell_where_the_runs_lie(place: Path, site: Client) -> None:
    sentences = [
        site.error("/api/runs/run/media/0-99", 404),
        site.error("/api/runs/run/boxes?media=x", 404),
        site.error("/api/runs/no", 404),
    ]
    assert not any(str(place) in sentence for sentence in sentences)
