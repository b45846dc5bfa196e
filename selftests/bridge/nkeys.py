# SPDX-License-Identifier: GPL-2.0
"""Keys and signed claims of NATS for tests, as its tools nk and nsc make them."""
import base64
import binascii
import json
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

SEED = 18 << 3          # these make the first letter of the text: S
OPERATOR, ACCOUNT, USER = 14 << 3, 0, 20 << 3       # O, A, U


def _text(data):
    data += binascii.crc_hqx(data, 0).to_bytes(2, "little")
    return base64.b32encode(data).decode().rstrip("=")


def _base64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Key:
    """A key for one of the roles above: `seed` and `public` are texts."""

    def __init__(self, role):
        self.key = ed25519.Ed25519PrivateKey.generate()
        raw = serialization.Encoding.Raw
        private = self.key.private_bytes(raw, serialization.PrivateFormat.Raw,
                                         serialization.NoEncryption())
        public = self.key.public_key().public_bytes(raw, serialization.PublicFormat.Raw)
        self.seed = _text(bytes([SEED | role >> 5, (role & 31) << 3]) + private)
        self.public = _text(bytes([role]) + public)

    def claim(self, subject, kind, **nats):
        """The JWT in which this key says something of another one."""
        head = {"typ": "JWT", "alg": "ed25519-nkey"}
        body = {"iat": int(time.time()), "iss": self.public, "name": kind, "sub": subject.public,
                "nats": {**nats, "type": kind, "version": 2}}
        text = ".".join(_base64(json.dumps(part).encode()) for part in (head, body))
        return text + "." + _base64(self.key.sign(text.encode()))


class Operator:
    """An operator with one account, in which JetStream may be used."""

    def __init__(self):
        key, system = Key(OPERATOR), Key(ACCOUNT)
        self.account = Key(ACCOUNT)
        limits = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf",
                                "mem_storage", "disk_storage", "streams", "consumer"), -1)
        accounts = {self.account.public: key.claim(self.account, "account", limits=limits),
                    system.public: key.claim(system, "account")}
        self.conf = (f"operator: {key.claim(key, 'operator')}\nsystem_account: {system.public}\n"
                     "resolver: MEMORY\nresolver_preload: {\n"
                     + "".join(f"{k}: {v}\n" for k, v in accounts.items()) + "}\n")

    def creds(self):
        """The text of a file with the credentials of a new user."""
        user = Key(USER)
        jwt = self.account.claim(user, "user", subs=-1, data=-1, payload=-1)
        return (f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
                f"-----BEGIN USER NKEY SEED-----\n{user.seed}\n------END USER NKEY SEED------\n")
