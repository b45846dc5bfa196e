# SPDX-License-Identifier: GPL-2.0
"""TLS, and secrets of the bridge in files."""
import contextlib
import os
import tempfile

import ringbuffer
from certificates import Authority, secret
from nkeys import USER, Key, Operator
from test_command import refused
from world import World, check_all, until, write


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory() as path:
        yield path


def tls(certificate, key, more=""):
    return f"tls {{ cert_file: '{certificate}', key_file: '{key}', {more} }}\n"


def passes(conf, *options, url="nats://127.0.0.1:%d"):
    """Require that messages come through a server with this configuration."""
    with World(conf=conf, halves=options) as w:
        w.server.url = url % w.server.port
        w.server.start()
        reader = w.there.reader(ringbuffer.OLDEST)
        publish, subscribe = w.publish(), w.subscribe()
        until(lambda: not w.here.stats().readers_lacking, "the bridge does not attach")
        write(w.here, 10, 100)
        check_all(reader, 10, 100)
        for half in publish, subscribe:
            assert half.end()[0] == 0, half.said()


def fails(words, conf, *options, url="nats://127.0.0.1:%d"):
    """Require that both halves say why they cannot connect, and try again."""
    with World(conf=conf, halves=options) as w:
        w.server.url = url % w.server.port
        w.server.start()
        w.server.connect().close()
        halves = w.publish(), w.subscribe()
        for half in halves:
            until(lambda h=half: words in h.said() or h.process.poll() is not None, "no complaint")
            assert words in half.said() and half.process.poll() is None, half.said()
            assert "trying again" in half.said() and "secret" not in half.said(), half.said()


def test_tls_url_trusts_the_given_authority_and_no_other():
    with folder() as f:
        ca, other = Authority(f), Authority(f, "other")
        conf = tls(*ca.issue("server", ["localhost", "127.0.0.1"]))
        for host in "localhost", "127.0.0.1":
            passes(conf, "--tls-ca", ca.path, url=f"tls://{host}:%d")
        passes(conf, "--tls-ca", ca.path)       # turns TLS on by itself
        fails("unable to get local issuer", conf, "--tls-ca", other.path, url="tls://localhost:%d")
        fails("unable to get local issuer", conf, url="tls://localhost:%d")
        # What the system trusts counts without --tls-ca only.
        os.environ["SSL_CERT_FILE"] = ca.path
        try:
            passes(conf, url="tls://localhost:%d")
            fails("unable to get local issuer", conf, "--tls-ca", other.path,
                  url="tls://localhost:%d")
        finally:
            del os.environ["SSL_CERT_FILE"]


def test_certificate_of_another_host_or_time_is_refused():
    with folder() as f:
        ca = Authority(f)
        conf = tls(*ca.issue("server", ["elsewhere", "127.0.0.2"]))
        fails("hostname mismatch", conf, "--tls-ca", ca.path, url="tls://localhost:%d")
        fails("IP address mismatch", conf, "--tls-ca", ca.path, url="tls://127.0.0.1:%d")
        conf = tls(*ca.issue("server", ["localhost"], days=-1))
        fails("certificate has expired", conf, "--tls-ca", ca.path, url="tls://localhost:%d")


def test_tls_is_not_given_up_if_the_server_has_none():
    with folder() as f:
        fails("Secure Connection not available", "", url="tls://localhost:%d")
        fails("Secure Connection not available", "", "--tls-ca", Authority(f).path)
        # One URL with TLS is enough.
        fails("Secure Connection not available", "", url="nats://127.0.0.1:%d,tls://127.0.0.1:1")


def test_server_gets_the_certificate_of_the_client():
    with folder() as f:
        ca, other = Authority(f), Authority(f, "other")
        conf = tls(*ca.issue("server", ["127.0.0.1"]), f"ca_file: '{ca.path}', verify: true")
        for authority, works in (ca, True), (other, False):
            certificate, key = authority.issue("client-" + str(works))
            options = "--tls-ca", ca.path, "--tls-cert", certificate, "--tls-key", key
            if works:
                passes(conf, *options)
            else:
                fails("cannot connect", conf, *options)
        fails("cannot connect", conf, "--tls-ca", ca.path)


def test_token_and_password_come_from_files():
    with folder() as f:
        right, wrong = secret(f + "/right", "s3cr3t\n"), secret(f + "/wrong", "secret\n")
        conf = "authorization { token: s3cr3t }\n"
        passes(conf, "--token-file", right)
        fails("Authorization", conf, "--token-file", wrong)
        fails("Authorization", conf)
        conf = "authorization { user: me, password: s3cr3t }\n"
        passes(conf, "--user-file", secret(f + "/me", "me\ns3cr3t"))
        fails("Authorization", conf, "--user-file", secret(f + "/you", "me\nsecret\n"))


def test_credentials_and_nkeys_come_from_files():
    with folder() as f:
        operator, other = Operator(), Operator()
        passes(operator.conf, "--creds", secret(f + "/creds", operator.creds()))
        fails("Authorization", operator.conf, "--creds", secret(f + "/other", other.creds()))
        key, other = Key(USER), Key(USER)
        conf = f"authorization {{ users: [ {{ nkey: {key.public} }} ] }}\n"
        passes(conf, "--nkey-file", secret(f + "/nkey", f"{key.seed}\n{key.public}\n"))
        for seed, public in (other.seed, key.public), (other.seed, other.public):
            fails("Authorization", conf, "--nkey-file",
                  secret(f + "/wrong", f"{seed}\n{public}\n"))


def test_token_that_has_changed_is_read_again():
    with folder() as f:
        path = secret(f + "/token", "old\n")
        with World(conf="authorization { token: new }\n", halves=("--token-file", path)) as w:
            w.server.start()
            reader = w.there.reader(ringbuffer.OLDEST)
            halves = w.publish(), w.subscribe()
            for half in halves:
                until(lambda h=half: "Authorization" in h.said(), "no complaint")
            os.unlink(path)
            for half in halves:
                until(lambda h=half: "token: No such file" in h.said(), "no complaint")
            secret(path, "new\n")
            write(w.here, 10, 100)
            check_all(reader, 10, 100)


def test_next_server_is_used_if_one_is_away_or_is_not_trusted():
    with folder() as f, World() as other:
        ca, away = Authority(f), other.server.port
        conf = tls(*ca.issue("server", ["localhost"]))
        for _ in range(5):      # since libnats chooses at random
            passes(conf, "--tls-ca", ca.path, url=f"tls://localhost:{away},tls://localhost:%d")
        with World(conf=tls(*Authority(f, "liar").issue("liar", ["localhost"]))) as liar:
            liar.server.start()
            liar.server.connect().close()
            for _ in range(5):
                passes(conf, "--tls-ca", ca.path,
                       url=f"tls://localhost:{liar.server.port},tls://localhost:%d")


def test_file_of_a_secret_that_others_can_use_is_refused():
    with folder() as f, World() as w:
        key = Authority(f).issue("client")
        files = {"--creds": Operator().creds(), "--nkey-file": Key(USER).seed,
                 "--token-file": "t", "--user-file": "a\nb"}
        for option, text in files.items():
            for mode in 0o604, 0o640, 0o602, 0o620:
                path = secret(f + "/file", text)
                os.chmod(path, mode)
                refused("file: other users can read or write", "publish", w.here.name, "s",
                        option, path)
        os.chmod(key[1], 0o644)
        refused("client.key: other users can", "publish", w.here.name, "s", "--tls-cert", key[0],
                "--tls-key", key[1])
        # A group may read a file of another user: so a credential of systemd looks.
        if not os.geteuid():
            os.chmod(path, 0o640)
            os.chown(path, 1, -1)
            passes("", "--user-file", path)


def test_wrong_file_ends_the_bridge_before_it_connects():
    with folder() as f, World() as w:
        def wrong(words, *options):
            refused(words, "publish", w.here.name, "s", *options)
        empty = secret(f + "/empty", "\n")
        for option in ("--creds", "--nkey-file", "--token-file", "--user-file", "--tls-ca"):
            wrong("none: No such file", option, f + "/none")
        wrong("has no token", "--token-file", empty)
        wrong("not a user and a password", "--user-file", secret(f + "/user", "user\n"))
        wrong("public key", "--nkey-file", secret(f + "/seed", Key(USER).seed))
        wrong("no certificate", "--tls-ca", empty)
        wrong("empty", "--tls-cert", empty, "--tls-key", empty)
        wrong("give one of", "--token-file", empty, "--user-file", empty)
        wrong("both --tls-cert and --tls-key", "--tls-cert", empty)
        wrong("both --tls-cert and --tls-key", "--tls-key", empty)


def test_secrets_in_urls_are_refused_and_not_printed():
    for url in ("nats://u:secret@h", "nats://secret@h", "nats://h,tls://u:secret@h", "u:secret@h"):
        run = refused("--user-file", "publish", "a", "b", "--server", url)
        assert "secret" not in run.stdout + run.stderr, run
    for url in "", "http://h", "nats://", "nats://h,", "nats://h/x", "nats://h, nats://i":
        refused("not nats://HOST:PORT", "publish", "a", "b", "--server", url)
    refused("more than 64", "publish", "a", "b", "--server", "h," * 64 + "h")
