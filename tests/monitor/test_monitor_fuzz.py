"""The monitor's server under malformed input: a sentence, never a mistake of its own."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from monitor_client import SITE, Client, client, write_run

PARAMETERS = ["tag", "x", "from", "to", "width", "ghosts", "smooth", "cursor", "offset", "limit",
              "order", "metadata", "boxes", "step", "stage", "media", "v", "run", "baseline",
              "token", "unknown"]  # fmt: skip
PLACES = ["", "/series", "/delta", "/csv", "/pictures", "/media/0-0", "/boxes", "/histograms",
          "/funnel", "/rejected", "/queue", "/architecture", "/texts", "/notes",
          "/delete"]  # fmt: skip
TELLING = ["", "0", "1", "-1", "1e3", "nan", "inf", "-0", "1_0", " 1", "٣", "9" * 30, "0x10", "1.5",
           "train/loss", "valid/accuracy", "detections/a", "weights/conv1", "detect-1", "step",
           "epoch", "time", "newest", "first", "..", "0-0", "0-99", "é", "\x00", "\ud800",
           "a" * 3000, "0.1.0.0.0.0-3-running-x",
           "0.99999999999999999999.0.0.0.0-3-x-y"]  # fmt: skip
values = st.sampled_from(TELLING) | st.text(max_size=30) | st.integers().map(str)
queries = st.lists(st.tuples(st.sampled_from(PARAMETERS), values), max_size=5)
parts = st.sampled_from(["first", "..", "%00", "x" * 2000]) | st.text(max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
fields = st.sampled_from(["tags", "note", "star", "archived", "confirm", "other"])
relaxed = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Client:
    folder = tmp_path_factory.mktemp("runs")
    write_run(folder / "first")
    return client(folder)


def check(answer: Any) -> None:
    """Fail if the server is at fault, or does not say in a sentence what is wrong."""
    assert answer.status_code < 500, answer.data
    if answer.status_code >= 400:
        found = answer.get_json()
        assert list(found) == ["error"]
        assert found["error"].endswith((".", "?"))
        assert len(found["error"]) < 1500


@relaxed
@given(place=st.sampled_from(PLACES), query=queries)
def test_query_strings(site: Client, place: str, query: list[tuple[str, str]]) -> None:
    text = "&".join(f"{name}={quote(value, errors='surrogatepass')}" for name, value in query)
    check(site.http.get(f"/api/runs/first{place}?{text}", base_url=SITE))


@relaxed
@given(query=queries)
def test_query_strings_of_all_runs(site: Client, query: list[tuple[str, str]]) -> None:
    text = "&".join(f"{name}={quote(value, errors='surrogatepass')}" for name, value in query)
    for path in ("/api/runs", "/api/session", "/api/trash", "/api/compare"):
        check(site.http.get(f"{path}?{text}", base_url=SITE))


@relaxed
@given(raw=st.binary(max_size=40), place=st.sampled_from(PLACES))
def test_raw_bytes_in_the_query(site: Client, raw: bytes, place: str) -> None:
    environ = {"QUERY_STRING": raw.decode("latin-1")}
    check(site.http.get(f"/api/runs/first{place}", base_url=SITE, environ_overrides=environ))


@relaxed
@given(pieces=st.lists(parts, max_size=5))
def test_addresses(site: Client, pieces: list[str]) -> None:
    path = "/api/" + "/".join(pieces)
    environ = {"PATH_INFO": path.encode("utf-8", "surrogatepass").decode("latin-1")}
    answer = site.http.get(base_url=SITE, environ_overrides=environ)
    if answer.status_code != 308:
        check(answer)


@relaxed
@given(
    path=st.sampled_from(["runs/first/notes", "trash/empty", "trash/x/restore", "runs/x/delete"]),
    body=json_values | st.dictionaries(fields, json_values, max_size=3),
)
def test_bodies(site: Client, path: str, body: Any) -> None:
    csrf = site.json("/api/session")["csrf"]
    answer = site.http.post(
        f"/api/{path}",
        base_url=SITE,
        data=json.dumps(body),
        content_type="application/json",
        headers={"Origin": SITE, "X-CSRF-Token": csrf},
    )
    check(answer)
    assert site.json("/api/runs/first")["step"] == 39


@relaxed
@given(raw=st.binary(max_size=60) | st.sampled_from([b"[" * 60_000, b"{" * 60_000, b"1" * 60_000]))
def test_bodies_that_are_no_json(site: Client, raw: bytes) -> None:
    csrf = site.json("/api/session")["csrf"]
    check(
        site.http.post(
            "/api/runs/first/notes",
            base_url=SITE,
            data=raw,
            content_type="application/json",
            headers={"Origin": SITE, "X-CSRF-Token": csrf},
        )
    )


@relaxed
@given(
    name=st.sampled_from(
        ["Host", "Origin", "X-CSRF-Token", "If-None-Match", "Accept-Encoding", "Cookie",
         "Authorization", "Accept-Language", "Content-Type", "If-Modified-Since", "Range"]
    ),
    value=st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40),
)  # fmt: skip
def test_headers(site: Client, name: str, value: str) -> None:
    environ = {
        (
            "CONTENT_TYPE" if name == "Content-Type" else f"HTTP_{name.upper().replace('-', '_')}"
        ): value
    }
    for path in ("/api/runs/first", "/api/runs/first/media/0-0", "/"):
        answer = site.http.get(path, base_url=SITE, environ_overrides=environ)
        assert answer.status_code < 500


def test_a_body_that_is_too_large(site: Client) -> None:
    found = site.post("/api/runs/first/notes", {"note": "x" * 70_000}, 413)
    assert "at most" in found["error"]
    assert (
        "at most 20000" in site.post("/api/runs/first/notes", {"note": "x" * 60_000}, 400)["error"]
    )


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("series?tag=a&width=0", "width is a whole number from 1 to 10000, not '0'."),
        ("series?tag=a&width=1&width=2", "width is given once here, not 2 times."),
        ("series?tag=a&x=steps", "x is one of step, epoch, time, not 'steps'."),
        ("series?tag=a&from=nan", "from is a finite number, not 'nan'."),
        ("series?tag=a&smooth=1", "smooth is a finite number from 0 to below 1, not '1'."),
        ("series?tag=a&ghosts=yes", "ghosts is one of 0, 1, not 'yes'."),
        ("pictures", "tag is missing; add ?tag=... to the address."),
        ("funnel?stop=1", "'stop' is no parameter here; known are: step."),
    ],
)
def test_sentences(site: Client, path: str, sentence: str) -> None:
    assert site.error(f"/api/runs/first/{path}") == sentence
