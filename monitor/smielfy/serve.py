"""Serving Smielfy: where it listens, and what is said about it."""

from __future__ import annotations

import socket
import ssl
import webbrowser
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from os import PathLike, fspath
from pathlib import Path

from cheroot.wsgi import Server
from flask import Flask

from monitor.serve import is_loopback, say_at_once
from monitor.smielfy.app import create_app
from monitor.smielfy.certificate import Certificate, ready_certificate
from monitor.smielfy.errors import SmielfyError
from monitor.smielfy.intake import FindFaces
from monitor.smielfy.limits import Limits
from monitor.smielfy.server import make_server, run

__all__ = ["listen", "own_addresses", "serve"]

_OUTSIDE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}  # nobody's


def serve(
    folder: str | PathLike[str],
    find_faces: FindFaces,
    smileys: Sequence[str],
    *,
    host: str = "127.0.0.1",
    port: int = 8443,
    http: bool = False,
    hosts: Iterable[str] = (),
    contact: str | None = None,
    limits: Limits | None = None,
    open_browser: bool = False,
    say: Callable[[str], None] = say_at_once,
) -> None:
    """Serve the pages that collect pictures, until interrupted.

    Parameters
    ----------
    folder, find_faces, smileys, contact, limits
        See `monitor.smielfy.app.create_app`.
    host, port : str, int
        Where to listen; port 0 for any free one.
    http : bool
        Without TLS, which only the own machine's browsers accept.
    hosts : iterable of str
        More names under which browsers reach this machine.
    open_browser : bool
        Open the page in a browser.
    say : callable
        Told where the page is, and what the browser's warning means.

    Raises
    ------
    SmielfyError
        If it cannot listen there, or the folder cannot be used.
    OSError
        If the folder cannot be written.
    """
    host = host or "0.0.0.0"
    network = not is_loopback(host)
    if http and network:
        raise SmielfyError(
            f"Without HTTPS browsers give the camera to pages of their own machine only; got "
            f"host {host!r}: leave out --http, or listen on 127.0.0.1."
        )
    named = [*hosts, *_names(host)]
    app = create_app(
        folder,
        find_faces,
        smileys,
        contact=contact,
        secure=not http,
        hosts=named,
        open_to_network=network,
        limits=limits,
    )
    certificate = None if http else ready_certificate(Path(folder), named)
    server = listen(app, host, port, certificate.context() if certificate else None)
    scheme = "http" if http else "https"
    addresses = [f"{scheme}://{_written(name)}:{server.bind_addr[1]}/" for name in _reached(host)]
    say(f"Smielfy collects into {fspath(folder)}: {addresses[0]}  (Ctrl-C ends it)")
    if network:
        for address in addresses[1:]:
            say(f"For phones in the same network: {address}")
    if certificate is not None:
        _explain(certificate, network, say)
    if open_browser:
        webbrowser.open(addresses[0])
    run(server)


def listen(app: Flask, host: str, port: int, context: ssl.SSLContext | None) -> Server:
    """Return a server of an application that listens already.

    Raises
    ------
    SmielfyError
        If it cannot listen there.
    """
    # A little more than the application takes, so that it is what refuses, in a sentence.
    largest = 64 * 1024 + int(app.config["MAX_CONTENT_LENGTH"])
    try:
        return make_server(app, host, port, context, largest=largest)
    except (OSError, OverflowError) as error:
        raise SmielfyError(
            f"Smielfy cannot listen on {host}, port {port} ({error}); choose others with --host "
            "and --port."
        ) from error


def own_addresses() -> list[str]:
    """Return the addresses of this machine by which its network reaches it; nothing is sent."""
    found = []
    for family, outside in _OUTSIDE.items():
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((outside, 9))  # of a datagram socket: chooses a route, sends nothing
                found.append(str(probe.getsockname()[0]))
        except OSError:
            continue
    return [one for one in found if not ip_address(one).is_loopback]


def _explain(certificate: Certificate, network: bool, say: Callable[[str], None]) -> None:
    say(
        "The browser will warn that it does not know this server: its certificate is signed by "
        "itself. The connection is encrypted all the same; go on by Advanced, Proceed"
        + (
            ". Whoever wants to be sure compares the fingerprint (SHA-256), valid until "
            f"{certificate.until}:"
            if network
            else f" (valid until {certificate.until}, SHA-256):"
        )
    )
    digits = certificate.fingerprint
    say(f"  {digits[:48]}\n  {digits[48:]}")


def _names(host: str) -> list[str]:
    """Return what the certificate names besides the own machine's loopback."""
    if is_loopback(host):
        return [host]
    own = socket.gethostname()
    return [*_addresses(host), own, f"{own.partition('.')[0]}.local"]


def _reached(host: str) -> list[str]:
    """Return the addresses for browsers: this machine's first."""
    address = _parsed(host)
    if is_loopback(host):
        return [host]
    if address is not None and address.is_unspecified:
        return ["localhost", *_addresses(host)]
    return [host, host]


def _addresses(host: str) -> list[str]:
    address = _parsed(host)
    if address is None or not address.is_unspecified:
        return [host]
    # "::" takes connections of both families only where the system is set so.
    return [one for one in own_addresses() if _parsed(one).version == address.version]  # type: ignore[union-attr]


def _parsed(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host.strip("[]"))
    except ValueError:
        return None


def _written(name: str) -> str:
    address = _parsed(name)
    return f"[{address}]" if address is not None and address.version == 6 else name
