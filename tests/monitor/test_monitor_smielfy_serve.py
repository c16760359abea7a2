"""Smielfy's server: its certificate, TLS, silent and strange clients, and where it listens."""

from __future__ import annotations

import datetime as dt
import gc
import http.client
import os
import re
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from smielfy_client import FACE, SMILEYS, find_faces, serving

from monitor.smielfy import certificate as certificate_module
from monitor.smielfy.app import create_app
from monitor.smielfy.certificate import Certificate, ready_certificate
from monitor.smielfy.errors import SmielfyError
from monitor.smielfy.serve import own_addresses, serve

HERE = Path(__file__).parent
SERVE = f"""
import json, sys
sys.path.insert(0, {os.fspath(HERE)!r})
from smielfy_client import SMILEYS, find_faces
from monitor.smielfy.serve import serve
serve(sys.argv[1], find_faces, SMILEYS, port=0, say=lambda text: print(text, flush=True),
      **json.loads(sys.argv[2]))
"""
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int, ssl.SSLContext]]:
    """A server over HTTPS: host, port, and a client's settings that trust its certificate alone."""
    folder = tmp_path_factory.mktemp("served")
    with serving(create_app(folder, find_faces, SMILEYS), folder) as address:
        context = ssl.create_default_context(cafile=os.fspath(folder / "certificate.pem"))
        yield "localhost", int(address.rpartition(":")[2]), context


def ask(site: tuple[str, int, ssl.SSLContext], path: str = "/api/prompt") -> int:
    host, port, context = site
    connection = http.client.HTTPSConnection(host, port, context=context, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def parsed(made: Certificate) -> x509.Certificate:
    return x509.load_pem_x509_certificate(made.path.read_bytes())


def test_a_certificate_is_made_once_and_kept(tmp_path: Path) -> None:
    made = ready_certificate(tmp_path, ["192.168.7.5", "box.local"])
    found = parsed(made)
    named = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert named.get_values_for_type(x509.DNSName) == ["localhost", "box.local"]
    addresses = [str(one) for one in named.get_values_for_type(x509.IPAddress)]
    assert addresses == ["127.0.0.1", "::1", "192.168.7.5"]
    life = found.not_valid_after_utc - found.not_valid_before_utc
    assert dt.timedelta(days=300) < life < dt.timedelta(days=398)  # what phones put up with
    assert made.path.stat().st_mode & 0o777 == 0o600
    digest = found.fingerprint(hashes.SHA256()).hex().upper()
    assert made.fingerprint.replace(":", "") == digest
    assert ready_certificate(tmp_path, ["box.local"]) == made
    assert os.listdir(tmp_path) == ["certificate.pem"]


def test_a_certificate_is_renewed_when_it_has_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificate_module, "_DAYS", 1)
    path = tmp_path / "certificate.pem"
    path.write_bytes(certificate_module._make([x509.DNSName("localhost")]))
    path.chmod(0o600)
    monkeypatch.undo()
    seen = {path.read_bytes()}

    def renewed(*hosts: str) -> bool:
        ready_certificate(tmp_path, hosts)
        content = path.read_bytes()
        new = content not in seen
        seen.add(content)
        return new

    assert renewed()  # it ended within two days
    assert not renewed()
    assert renewed("10.0.0.7")  # it did not name this one
    assert not renewed()
    path.chmod(0o644)
    assert renewed()  # others may have read the key
    path.write_bytes(b"damaged")
    assert renewed()
    lines = path.read_bytes().split(b"-----END PRIVATE KEY-----\n")
    other = certificate_module._make([x509.DNSName("localhost")]).split(
        b"-----END PRIVATE KEY-----\n"
    )
    path.write_bytes(lines[0] + b"-----END PRIVATE KEY-----\n" + other[1])
    seen.add(path.read_bytes())
    assert renewed()  # the key was another one's
    with pytest.raises(SmielfyError, match="no name that a certificate can bear"):
        ready_certificate(tmp_path, ["x" * 80 + "ö"])


def test_browsers_that_trust_it_are_served(site: tuple[str, int, ssl.SSLContext]) -> None:
    assert ask(site) == 200
    with pytest.raises(ssl.SSLCertVerificationError):
        ask((site[0], site[1], ssl.create_default_context()))
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(site[:2], 30) as plain, old.wrap_socket(plain) as connection:
        assert connection.version() in {"TLSv1.2", "TLSv1.3"}


def test_somebody_who_typed_http_is_led_to_https(site: tuple[str, int, ssl.SSLContext]) -> None:
    host, port, _ = site
    for header, found in ((f"{host}:{port}", f"https://{host}:{port}/"), ("evil/x", None)):
        with socket.create_connection((host, port), 30) as connection:
            connection.sendall(f"GET / HTTP/1.1\r\nHost: {header}\r\n\r\n".encode())
            answer = connection.makefile("rb").read().decode()
        assert "begins with https://" in answer
        location = re.search(r"^Location: (\S+)", answer, re.MULTILINE)
        assert (location and location[1]) == found


def test_silent_and_strange_clients_hold_nobody_up(site: tuple[str, int, ssl.SSLContext]) -> None:
    host, port, context = site
    silent = [socket.create_connection((host, port), 30) for _ in range(40)]
    half = socket.create_connection((host, port), 30)
    half.sendall(b"\x16\x03\x01\x02\x00\x01")  # begins to greet, and stops
    try:
        begin = time.monotonic()
        assert ask(site) == 200
        assert time.monotonic() - begin < 14  # less than what a silent one is waited for
        for garbage in (b"\x16" + bytes(600), b"\x00" * 100, b"\x16\x03\x01\x00\x05hello", b"G"):
            with socket.create_connection((host, port), 30) as one:
                one.sendall(garbage)
        with socket.create_connection((host, port), 30) as plain:
            one = context.wrap_socket(plain, server_hostname=host)
            one.sendall(b"POST /api/pictures HTTP/1.1\r\nHost: localhost\r\nContent-Le")
            one.close()
        assert ask(site) == 200
    finally:
        for one in (*silent, half):
            one.close()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"Content-Length: 99999999999\r\n", b"413"),
        (b"Content-Length: 5000000\r\n", b"413"),
        (b"Content-Length: x\r\n", b"400"),
        (b"Transfer-Encoding: chunked\r\n", b"403"),
        (b"X: " + b"y" * 70_000 + b"\r\n", b"413"),
    ],
)
def test_bodies_and_heads_that_are_too_large(
    site: tuple[str, int, ssl.SSLContext], head: bytes, status: bytes
) -> None:
    host, port, context = site
    with (
        socket.create_connection((host, port), 30) as plain,
        context.wrap_socket(plain, server_hostname=host) as connection,
    ):
        connection.sendall(b"POST /api/pictures HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n")
        assert connection.recv(100).split(b" ")[1] == status
    assert ask(site) == 200


def test_a_process_serves_phones_and_ends(start_script: Start, tmp_path: Path) -> None:
    process = start_script(SERVE, tmp_path / "pictures", '{"host": "0.0.0.0"}')
    assert process.stdout is not None
    lines = []
    while not re.fullmatch(r"  ([0-9A-F]{2}:){15}[0-9A-F]{2}\n", line := process.stdout.readline()):
        assert line, process.communicate()
        lines.append(line)
    said = "".join(lines)
    found = re.search(r"https://localhost:(\d+)/", said)
    assert found is not None
    for address in own_addresses():
        if ":" not in address:
            assert f"For phones in the same network: https://{address}:{found[1]}/" in said
    assert "browser will warn" in said
    assert "fingerprint (SHA-256)" in said
    trusted = os.fspath(tmp_path / "pictures" / "certificate.pem")
    context = ssl.create_default_context(cafile=trusted)
    assert ask(("localhost", int(found[1]), context)) == 200
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")


def test_without_https_only_this_machine_is_served(tmp_path: Path) -> None:
    with pytest.raises(SmielfyError, match=r"Without HTTPS .* got host '0\.0\.0\.0'"):
        serve(tmp_path / "x", find_faces, SMILEYS, host="0.0.0.0", http=True)
    assert not (tmp_path / "x").exists()
    app = create_app(tmp_path, find_faces, SMILEYS, secure=False)
    with serving(app) as address:
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert answer.status == 200
        assert "Secure" not in answer.headers["Set-Cookie"]
        connection.close()


# cheroot leaves a socket that it could not bind to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SmielfyError, match=rf"cannot listen on 127\.0\.0\.1, port {port}"):
            serve(tmp_path, find_faces, SMILEYS, port=port)
    gc.collect()  # so that the warning comes here


def test_a_picture_comes_in_over_https(
    site: tuple[str, int, ssl.SSLContext],
) -> None:
    host, port, context = site
    connection = http.client.HTTPSConnection(host, port, context=context, timeout=30)
    connection.request("GET", "/")
    answer = connection.getresponse()
    page, cookie = answer.read().decode(), answer.headers["Set-Cookie"].partition(";")[0]
    headers = {
        "Cookie": cookie,
        "Origin": f"https://{host}:{port}",
        "X-CSRF-Token": re.findall(r'csrf-token" content="(\w+)"', page)[0],
    }
    consent = re.findall(r'data-consent="(\w+)"', page)[0]
    path = f"/api/pictures?smiley=0&consent={consent}"
    for _ in range(2):  # over one connection
        connection.request("POST", path, FACE, headers)
        answer = connection.getresponse()
        assert (answer.status, answer.read()[:9]) == (201, b'{"code":"')
    connection.close()
