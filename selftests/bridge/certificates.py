# SPDX-License-Identifier: GPL-2.0
"""Certificates for tests: an authority and what it signs, as PEM files in a folder."""
import datetime
import ipaddress
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def secret(path, text):
    """Write a file that only its owner can read.  Return its path."""
    with open(path, "w", encoding="ascii", opener=lambda p, f: os.open(p, f, 0o600)) as f:
        f.write(text)
    return path


class Authority:
    """An authority, whose own certificate is in the file `path`."""

    def __init__(self, folder, name="authority"):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.path, _ = self._sign(name, self.name, self.key, 1, [
            (x509.BasicConstraints(ca=True, path_length=None), True)])

    def _sign(self, name, subject, key, days, extensions):
        """Write a certificate, which is expired if `days` is negative, and its key."""
        start = datetime.datetime.utcnow() - datetime.timedelta(days=10)
        end = datetime.datetime.utcnow() + datetime.timedelta(days=days)
        builder = x509.CertificateBuilder(self.name, subject, key.public_key(),
                                          x509.random_serial_number(), start, end)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        pem = builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        base = os.path.join(self.folder, name)
        private = key.private_bytes(serialization.Encoding.PEM,
                                    serialization.PrivateFormat.PKCS8,
                                    serialization.NoEncryption())
        with open(base + ".pem", "wb") as f:
            f.write(pem)
        return base + ".pem", secret(base + ".key", private.decode())

    def issue(self, name, hosts=(), days=1):
        """Return the paths of a certificate for these hosts and of its key."""
        hosts = [x509.IPAddress(ipaddress.ip_address(h)) if h[0].isdigit() else x509.DNSName(h)
                 for h in hosts]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        return self._sign(name, subject, ec.generate_private_key(ec.SECP256R1()), days,
                          [(x509.SubjectAlternativeName(hosts), False)] if hosts else [])
