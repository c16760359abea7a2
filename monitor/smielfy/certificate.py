"""The server's certificate, signed by itself: made once, kept in the folder, renewed in time.

Browsers give the camera only to pages that come over HTTPS. A phone asks once whether it should
trust a certificate that nobody vouches for, and remembers the answer as long as the certificate
stays the same.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import ssl
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from monitor.smielfy.errors import SmielfyError
from monitor.smielfy.places import write_bytes

__all__ = ["Certificate", "ready_certificate"]

FILE = "certificate.pem"
_DAYS = 365  # phones refuse longer ones
_RENEWED = dt.timedelta(days=2)  # so much before the end
_ALWAYS = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key.

    Attributes
    ----------
    path : Path
        The file with both, which only its owner may read.
    fingerprint : str
        SHA-256, as browsers show it.
    until : date
        Its last day.
    """

    path: Path
    fingerprint: str
    until: dt.date

    def context(self) -> ssl.SSLContext:
        """Return the settings of a server that uses it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.path)
        return context


def ready_certificate(folder: Path, hosts: Iterable[str]) -> Certificate:
    """Return the folder's certificate; make one if there is none that can be used.

    A new one is made where there is none, where it ends within two days, does not name all hosts,
    or where others may have read the key.

    Parameters
    ----------
    folder : Path
        Where it is kept.
    hosts : iterable of str
        Names and addresses under which the server is reached, besides the own machine's.

    Raises
    ------
    SmielfyError
        If a host is no name that can stand in a certificate.
    OSError
        If it cannot be written.
    """
    path = folder / FILE
    wanted = [_general(name) for name in dict.fromkeys([*_ALWAYS, *hosts])]
    found = _usable(path, wanted)
    if found is None:
        write_bytes(path, _make(wanted))
        found = _usable(path, wanted)
        assert found is not None
    digits = found.fingerprint(hashes.SHA256()).hex().upper()
    pairs = ":".join(digits[place : place + 2] for place in range(0, len(digits), 2))
    return Certificate(path, pairs, found.not_valid_after_utc.date())


def _general(name: str) -> x509.GeneralName:
    bare = name.strip("[]").partition("%")[0]
    try:
        return x509.IPAddress(ipaddress.ip_address(bare))
    except ValueError:
        pass
    try:
        return x509.DNSName(bare.lower().encode("idna").decode())
    except (UnicodeError, ValueError) as error:
        raise SmielfyError(f"{name!r} is no name that a certificate can bear.") from error


def _usable(path: Path, wanted: list[x509.GeneralName]) -> x509.Certificate | None:
    """Return the certificate in a file, if it serves."""
    try:
        if stat.S_IMODE(os.lstat(path).st_mode) & 0o077:
            return None
        content = path.read_bytes()
        certificate = x509.load_pem_x509_certificate(content)
        key = serialization.load_pem_private_key(content, None)
        named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, TypeError, x509.ExtensionNotFound):
        return None
    now = dt.datetime.now(dt.UTC)
    fits = (
        certificate.public_key() == key.public_key()
        and certificate.not_valid_before_utc <= now
        and now + _RENEWED < certificate.not_valid_after_utc
        and all(one in list(named) for one in wanted)
    )
    return certificate if fits else None


def _make(wanted: list[x509.GeneralName]) -> bytes:
    """Return key and certificate as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Smielfy on this network")])
    now = dt.datetime.now(dt.UTC)
    others = (
        *("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
        *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    usage = x509.KeyUsage(digital_signature=True, **dict.fromkeys(others, False))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))  # for phones whose clock is slow
        .not_valid_after(now + dt.timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName(wanted), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)
