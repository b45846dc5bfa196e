# SPDX-License-Identifier: GPL-2.0
"""A proxy between the bridge and its server, which answers garbage until it is told to be honest."""
import json
import random
import socket
import threading
import time

HUGE = 10 ** 30
RATE = 0.1      # of lies


def frames(source, verbs=(b"MSG", b"HMSG")):
    """The protocol messages of a server: pairs of their line and their payload, which these have."""
    while True:
        line = source.readline()
        if not line:
            return
        payload = b""
        if line.split(b" ", 1)[0] in verbs:
            payload = source.read(int(line.split()[-1]) + 2)
        yield line, payload


def with_payload(line, payload):
    """The protocol message `line` with another payload, which has no headers."""
    words = line.split()
    words[-1] = b"%d" % len(payload)
    return b" ".join(words) + b"\r\n" + payload + b"\r\n"


def is_json(line, payload):
    return line.startswith(b"MSG") and payload.startswith(b"{")


# What stays true in JSON: a stored message, since no client can know that it is another one; and
# the names of a new consumer, without which js_PullSubscribe() of libnats 3.4.1 crashes.
TRUE = "message", "name", "stream_name"


def is_new_consumer(payload):
    """Whether this is the JSON with the names of TRUE."""
    return b"consumer_create_response" in payload


def changed(value, rng):
    """JSON, in which numbers and texts are others, and parts are missing."""
    if isinstance(value, dict):
        return {key: item if key in TRUE else changed(item, rng)
                for key, item in value.items() if key in TRUE or rng.random() < 0.9}
    if isinstance(value, list):
        return [changed(item, rng) for item in value]
    other = rng.choice((None, True, [], {}, "", "x" * 5000, 0, -1, 1.5, 2 ** 64 - 1, HUGE))
    return other if rng.random() < 0.3 else value


# Each lie gets a protocol message of the server, and returns what to send instead, or None if it
# cannot change this one.  No lie takes the end of a PONG away and leaves the connection open: with
# half a line as the first answer, natsConnection_Connect() of libnats 3.4.1 never returns.

def noise(line, payload, rng):
    del line, payload
    return rng.randbytes(rng.randrange(1, 300)) + b"\r\n"


def cut(line, payload, rng):
    """Send a part, and no more."""
    whole = line + payload
    return whole[:rng.randrange(len(whole))]


def size(line, payload, rng):
    if not payload:
        return None
    words = line.split()
    words[-1] = rng.choice((b"-1", b"0", b"1", b"x", b"2147483648", b"4294967295",
                                b"99999999999999999999", b"9" * 5000))
    return b" ".join(words) + b"\r\n" + payload


def no_json(line, payload, rng):
    if not is_json(line, payload):
        return None
    lies = [b"", b"{", b"[]", b"null", b"[" * 5000, b'{"seq":', b'{"error":1}',
            b'{"error":{"code":503,"err_code":-1,"description":""}}',
            b'\xff\xfe{"a":"\\ud800"}', rng.randbytes(100), payload[:len(payload) // 2]]
    if not is_new_consumer(payload):
        lies += [b"{}", b'{"error":{}}', b'{"stream":"s"}', b'{"seq":1}', b'{"stream":"t","seq":1}',
                 b'{"stream":"s","seq":0}']
    return with_payload(line, rng.choice(lies))


def other_json(line, payload, rng):
    if not is_json(line, payload):
        return None
    return with_payload(line, json.dumps(changed(json.loads(payload), rng)).encode())


def sequence(line, payload, rng):
    """Change the numbers of a stored message, which are in its reply subject."""
    words = line.split()
    if len(words) < 5 or not words[3].startswith(b"$JS.ACK."):
        return None
    token = words[3].split(b".")
    token[rng.randrange(4, len(token))] = rng.choice(
        (b"0", b"1", b"-1", b"x", b"", b"18446744073709551615", b"9" * 50))
    words[3] = b".".join(token[:rng.choice((len(token), rng.randrange(len(token))))])
    return b" ".join(words) + b"\r\n" + payload


def status(line, payload, rng):
    if not payload:
        return None
    headers = b"NATS/1.0 %s\r\n\r\n" % rng.choice(
        (b"100", b"404 No Messages", b"408 Request Timeout", b"409 Consumer Deleted", b"503",
         b"999 What", b"-1", b"", b"x" * 3000))
    return b"HMSG %s %d %d\r\n%s\r\n" % (b" ".join(line.split()[1:3]), len(headers), len(headers),
                                         headers)


def other_request(line, payload, rng):
    """Answer another request than the one that was asked."""
    words = line.split()
    if not payload or not words[1].startswith(b"_INBOX."):
        return None
    words[1] = words[1][:-1] + rng.choice((b"0", b"1", b"a", b"A", b""))
    return b" ".join(words) + b"\r\n" + payload


def twice(line, payload, rng):
    del rng
    return (line + payload) * 2 if payload else None


def nothing(line, payload, rng):
    del rng
    return b"" if payload else None


def late(line, payload, rng):
    time.sleep(rng.random() * 0.3)
    return line + payload


def other_server(line, payload, rng):
    """Describe the server as another one, also when nobody has asked."""
    del line, payload
    return b"INFO " + json.dumps(rng.choice((
        {}, [], 1, {"max_payload": 0}, {"max_payload": -1}, {"max_payload": HUGE},
        {"max_payload": 1, "headers": False}, {"tls_required": True}, {"auth_required": True},
        {"connect_urls": ["x" * 3000, "", ":", "127.0.0.1:1"]}, {"nonce": "x" * 3000}))
        ).encode() + b"\r\n"


def failure(line, payload, rng):
    del line, payload
    return b"-ERR '%s'\r\n" % rng.choice((b"", b"Stale Connection", b"Authorization Violation",
                                          b"x" * 5000))


LIES = (noise, cut, size, no_json, other_json, sequence, status, other_request, twice, nothing, late,
        other_server, failure)


def flip(line, payload, rng):
    """Change one byte of anything."""
    if is_new_consumer(payload):
        return None
    whole = bytearray(line + payload)
    whole[rng.randrange(len(whole) - line.startswith(b"PONG"))] ^= rng.randrange(1, 256)
    return bytes(whole)


class Liar:
    """Listens at `url` for clients of the server, and tells this many lies of these kinds."""

    def __init__(self, server, seed, lies=LIES):
        self.server = server
        self.lies = lies
        self.rng = random.Random(seed)
        self.lock = threading.Lock()
        self.left = 0       # lies to be told
        self.told = {lie.__name__: 0 for lie in lies}
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = "nats://127.0.0.1:%d" % self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.socket.accept()
                server = self.server.connect()
            except OSError:
                return
            for job in self.forward, self.answer:
                threading.Thread(target=self.until_closed, args=(job, client, server),
                                 daemon=True).start()

    @staticmethod
    def until_closed(job, client, server):
        """Do the job for one direction of a connection, which ends both."""
        try:
            job(client, server)
        except OSError:
            pass
        for end in client, server:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    @staticmethod
    def forward(client, server):
        while data := client.recv(65536):
            server.sendall(data)

    def answer(self, client, server):
        with server.makefile("rb") as source:
            for line, payload in frames(source):
                lie, instead = self.choose(line, payload)
                client.sendall(line + payload if instead is None else instead)
                if lie is cut:
                    return

    def choose(self, line, payload):
        """Return a lie and what it makes of a protocol message; or None twice, for the truth."""
        with self.lock:
            if not self.left or self.rng.random() > RATE:
                return None, None
            lie = self.rng.choice(self.lies)
            instead = lie(line, payload, self.rng)
            if instead is not None:
                self.left -= 1
                self.told[lie.__name__] += 1
            return lie, instead

    def close(self):
        self.socket.close()


class Forgetful(Liar):
    """Drops this many messages of the stream, and says that it had them already.

    A server of a cluster does so with a message that the others do not get, and that it drops later.
    """

    def __init__(self, server):
        super().__init__(server, 0)
        self.client_lock = threading.Lock()

    def forward(self, client, server):
        inboxes = {}        # subject, without its *: number of the subscription
        with client.makefile("rb") as source:
            for line, payload in frames(source, (b"PUB", b"HPUB")):
                words = line.split()
                if words[0] == b"SUB":
                    inboxes[words[1].rstrip(b"*")] = words[-1]
                if self.left and line.startswith(b"HPUB ringbuf."):
                    self.left -= 1
                    number = next(number for inbox, number in inboxes.items()
                                  if words[2].startswith(inbox))
                    self.tell(client, b"MSG %s %s 0\r\n" % (words[2], number),
                              b'{"stream":"s","seq":0,"duplicate":true}')
                else:
                    server.sendall(line + payload)

    def tell(self, client, line, payload):
        with self.client_lock:
            client.sendall(with_payload(line, payload))

    def answer(self, client, server):
        with server.makefile("rb") as source:
            for line, payload in frames(source):
                with self.client_lock:
                    client.sendall(line + payload)


def delivered(line):
    """The parts of the reply subject of a message that a consumer gives; None for all else."""
    words = line.split()
    if len(words) < 5 or not words[3].startswith(b"$JS.ACK."):
        return None
    return words[3].split(b".")


class Lagging(Liar):
    """Gives no message of the first consumer, or of any one, and answers all else.

    A server of a cluster does so that does not get what the others have.
    """

    def __init__(self, server, every=False):
        super().__init__(server, 0)
        self.every = every
        self.first = None

    def choose(self, line, payload):
        token = delivered(line)
        if not token:
            return None, None
        self.first = self.first or token[3]
        return None, b"" if self.every or token[3] == self.first else None


class Replacing(Liar):
    """Takes one message of the first consumer away, and gives its number to the next one.

    A cluster does so that loses a message that came, and stores it again together with others.
    """

    def __init__(self, server, number):
        super().__init__(server, 0)
        self.number = number
        self.first = None

    def choose(self, line, payload):
        token = delivered(line)
        if not token:
            return None, None
        self.first = self.first or token[3]
        if token[3] != self.first or int(token[5]) < self.number:
            return None, None
        if int(token[5]) == self.number:
            return None, b""
        for place in 5, 6:
            token[place] = b"%d" % (int(token[place]) - 1)
        words = line.split()
        words[3] = b".".join(token)
        return None, b" ".join(words) + b"\r\n" + payload


class Restamping(Liar):
    """Says once that the last message of the stream is another one than that which came."""

    def choose(self, line, payload):
        if not self.left or b'"last_ts":"2' not in payload:
            return None, None
        self.left -= 1
        info = json.loads(payload)
        info["state"]["last_ts"] = "2001-01-01T00:00:00Z"
        return None, with_payload(line, json.dumps(info).encode())
