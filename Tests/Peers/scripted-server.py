#!/usr/bin/env python3
"""A server that answers just enough of a protocol to be refused by the service, for what no installed server shows.

usage: scripted-server.py KIND

    old-postgres      PostgreSQL 12
    old-redis         Redis 5
    strict-redis      a Redis to which every password is wrong
    old-clickhouse    ClickHouse 21.8
    old-kafka         a broker that gives producers no number, so that records could be stored twice
    strict-kafka      a broker to which every password is wrong
    deaf-replica      a replica that takes a request and ends the connection without an answer
    receiver          takes what webhooks push
    silent            takes every connection, and never says anything

It prints its port once it listens on 127.0.0.1, and serves until it is ended.
"""

import socketserver
import struct
import sys
from http.server import BaseHTTPRequestHandler


def exactly(stream, count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data


class Postgres(socketserver.StreamRequestHandler):
    """Messages of the protocol 3.0: a letter, the length with itself, the contents."""

    def say(self, kind: bytes, contents: bytes) -> None:
        self.wfile.write(kind + struct.pack("!i", len(contents) + 4) + contents)

    def ready(self) -> None:
        self.say(b"Z", b"I")

    def handle(self) -> None:
        try:
            self.begin()
            while True:
                kind = exactly(self.rfile, 1)
                exactly(self.rfile, struct.unpack("!i", exactly(self.rfile, 4))[0] - 4)
                if kind == b"Q":
                    # Whether it takes writes, which is all that is asked of one so old before its version is looked at.
                    self.say(b"T", struct.pack("!h", 1) + b"transaction_read_only\0" + struct.pack("!ihihih", 0, 0, 25, -1, -1, 0))
                    self.say(b"D", struct.pack("!hi", 1, 3) + b"off")
                    self.say(b"C", b"SHOW\0")
                    self.ready()
        except EOFError:
            pass

    def begin(self) -> None:
        while True:
            length, code = struct.unpack("!ii", exactly(self.rfile, 8))
            exactly(self.rfile, length - 8)
            if code == 3 << 16:
                break
            self.wfile.write(b"N")
        self.say(b"R", struct.pack("!i", 0))
        for name, value in [("server_version", "12.22"), ("client_encoding", "UTF8"), ("integer_datetimes", "on")]:
            self.say(b"S", f"{name}\0{value}\0".encode())
        self.ready()


class Redis(socketserver.StreamRequestHandler):
    """Commands are arrays of strings; it does not know HELLO, as it was before 6."""

    def handle(self) -> None:
        while line := self.rfile.readline():
            words = []
            for _ in range(int(line[1:])):
                words.append(exactly(self.rfile, int(self.rfile.readline()[1:]) + 2)[:-2])
            self.refuse(words[0])

    def refuse(self, command: bytes) -> None:
        self.wfile.write(b"-ERR unknown command `" + command + b"`, with args beginning with: \r\n")


class StrictRedis(Redis):
    """It knows HELLO, which signs in."""

    def refuse(self, command: bytes) -> None:
        self.wfile.write(b"-WRONGPASS invalid username-password pair or user is disabled.\r\n")


class ClickHouse(BaseHTTPRequestHandler):
    """It says its version to whatever it is asked."""

    protocol_version = "HTTP/1.1"
    answer = b"21.8.15.7\n"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    do_GET = do_POST

    def log_message(self, *_) -> None:
        pass


class Kafka(socketserver.StreamRequestHandler):
    """Requests and answers in their oldest versions, which is all that it says to know."""

    METADATA, HANDSHAKE, VERSIONS, AUTHENTICATE = 3, 17, 18, 36
    known = {0: 2, METADATA: 0, VERSIONS: 0}

    def handle(self) -> None:
        try:
            while True:
                request = exactly(self.rfile, struct.unpack("!i", exactly(self.rfile, 4))[0])
                key, version, correlation = struct.unpack("!hhi", request[:8])
                answer = struct.pack("!i", correlation) + self.answer(key, version)
                self.wfile.write(struct.pack("!i", len(answer)) + answer)
        except EOFError:
            pass

    def metadata(self) -> bytes:
        """The one broker, and the topic for the service's events, with one partition that is there."""
        host, port = b"127.0.0.1", self.server.server_address[1]
        topic = b"fleet-coordination.events"
        partition = struct.pack("!hiiiiii", 0, 0, 1, 1, 1, 1, 1)
        return (
            struct.pack("!iih", 1, 1, len(host)) + host + struct.pack("!i", port)
            + struct.pack("!ihh", 1, 0, len(topic)) + topic + struct.pack("!i", 1) + partition
        )

    def answer(self, key: int, version: int) -> bytes:
        match key:
            case self.VERSIONS:
                error = 35 if version > 0 else 0
                rows = b"".join(struct.pack("!hhh", key, 0, most) for key, most in self.known.items())
                return struct.pack("!hi", error, len(self.known)) + rows
            case self.METADATA:
                return self.metadata()
            case self.HANDSHAKE:
                return struct.pack("!hi", 0, 1) + struct.pack("!h", 5) + b"PLAIN"
            case self.AUTHENTICATE:
                words = b"wrong user or password"
                return struct.pack("!hh", 58, len(words)) + words + struct.pack("!i", 0)
            case _:
                raise EOFError


class StrictKafka(Kafka):
    known = Kafka.known | {Kafka.HANDSHAKE: 1, Kafka.AUTHENTICATE: 0}


class Receiver(ClickHouse):
    answer = b""


class DeafReplica(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while self.rfile.readline().strip():
            pass


class Silent(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while self.request.recv(65_536):
            pass


KINDS = {
    "old-postgres": Postgres,
    "old-redis": Redis,
    "strict-redis": StrictRedis,
    "old-clickhouse": ClickHouse,
    "old-kafka": Kafka,
    "strict-kafka": StrictKafka,
    "deaf-replica": DeafReplica,
    "receiver": Receiver,
    "silent": Silent,
}


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


def main() -> None:
    if len(sys.argv) != 2 or sys.argv[1] not in KINDS:
        sys.exit(__doc__)
    with Server(("127.0.0.1", 0), KINDS[sys.argv[1]]) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


main()
