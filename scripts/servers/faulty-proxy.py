#!/usr/bin/env python3
"""A TCP proxy on 127.0.0.1 that fails on command, for tests.

usage: faulty-proxy.py HOST:PORT [--port PORT] [--control PORT]

It prints a line such as `port=21001 control=21002` once it listens; without the options it takes ports that are free.
Commands come one a line, by standard input or by a connection to the control port, and each is answered by a line `ok` or
`error: …` once it is in force. It ends when standard input does, if that is a pipe, a socket or a terminal.

    pass            everything goes through, at once; this is how it begins
    delay SECONDS   everything goes through so much later, each way, in order; more of it may be underway
    black-hole      connections stay open and new ones are taken, but nothing goes through; what was sent meanwhile, as far
                    as it has room, arrives after the next `pass`, as it does when a network comes back
    reset           every connection is reset now, and each new one as soon as it is there
    refuse          no new connection is taken; those that are open go on

What it cannot do: lose the first packet of a connection, so that connecting itself would hang, or lose single packets.
"""

import argparse
import asyncio
import os
import random
import socket
import stat
import struct
import sys
from dataclasses import dataclass, field

# What is read at a time, and how much of one direction may be underway: then its sender has to wait, as it would for a
# network.
CHUNK_BYTES = 64 * 1024
UNDERWAY_CHUNKS = 256

# Below the ports that the system gives to outgoing connections: a client that tries again while it is refused could be
# given the proxy's own port, and be connected to itself.
PORTS = range(20_000, 32_000)


@dataclass
class State:
    """What holds for every connection, and what has to hear of a change."""

    mode: str = "pass"
    delay: float = 0.0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def until_open(self) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: self.mode != "black-hole")


def reset(writer: asyncio.StreamWriter) -> None:
    """Ends the connection by RST: what is on its way is lost, and the other side sees an error, not an end."""
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def all_or_none(*parts) -> None:
    """Runs the parts beside each other; when one fails, the others end too."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, state: State) -> None:
    """One direction of a connection: what is read is due after the delay that held when it was read."""
    clock = asyncio.get_running_loop()
    underway: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(UNDERWAY_CHUNKS)

    async def take() -> None:
        while True:
            await state.until_open()
            data = await reader.read(CHUNK_BYTES)
            await underway.put((clock.time() + state.delay, data))
            if not data:
                return

    async def give() -> None:
        while True:
            due, data = await underway.get()
            await asyncio.sleep(max(0.0, due - clock.time()))
            await state.until_open()
            if not data:
                # The other direction may go on.
                writer.write_eof()
                return
            writer.write(data)
            await writer.drain()

    await all_or_none(take(), give())


async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int, state: State) -> None:
    if state.mode == "reset":
        reset(writer)
        return
    state.writers.add(writer)
    onward = None
    try:
        await state.until_open()
        if writer.is_closing():
            return
        onward_reader, onward = await asyncio.open_connection(host, port)
        state.writers.add(onward)
        await all_or_none(carry(reader, onward, state), carry(onward_reader, writer, state))
    except OSError:
        # One side failed, or is not there: so does the other.
        for side in (writer, onward):
            if side is not None:
                reset(side)
    finally:
        for side in (writer, onward):
            if side is not None:
                state.writers.discard(side)
                side.close()


async def listen_at(accepted, port: int) -> asyncio.Server:
    """At the port, or at one that is free."""
    candidates = [port] if port else random.sample(PORTS, 100)
    for candidate in candidates:
        try:
            return await asyncio.start_server(accepted, "127.0.0.1", candidate)
        except OSError:
            if candidate == candidates[-1]:
                raise
    raise AssertionError("there is at least one candidate")


class Proxy:
    """The listener, and the commands."""

    def __init__(self, host: str, target_port: int, state: State) -> None:
        self.host, self.target_port, self.state = host, target_port, state
        self.server: asyncio.Server | None = None
        self.port = 0

    async def listen(self, port: int) -> None:
        def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
            return connect(reader, writer, self.host, self.target_port, self.state)

        self.server = await listen_at(accepted, port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def obey(self, words: list[str]) -> str:
        state = self.state
        match words:
            case ["pass" | "refuse" | "reset" | "black-hole" as mode]:
                delay = 0.0
            case ["delay", seconds]:
                try:
                    mode, delay = "pass", float(seconds)
                except ValueError:
                    return "error: a delay is a number of seconds"
            case _:
                return "error: write pass, refuse, reset, black-hole or delay SECONDS"
        if mode == "refuse" and self.server is not None:
            self.server.close()
            self.server = None
        elif mode != "refuse" and self.server is None:
            await self.listen(self.port)
        async with state.changed:
            state.mode, state.delay = mode, delay
            state.changed.notify_all()
        if mode == "reset":
            for writer in list(state.writers):
                reset(writer)
        return "ok"

    async def take_commands(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter | None) -> None:
        while line := await reader.readline():
            answer = await self.obey(line.decode(errors="replace").split())
            if writer is None:
                print(answer, flush=True)
            else:
                writer.write(f"{answer}\n".encode())
                await writer.drain()
        if writer is not None:
            writer.close()


async def standard_input() -> asyncio.StreamReader | None:
    """Nothing where it cannot be waited for, as with a file."""
    mode = os.fstat(sys.stdin.fileno()).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or sys.stdin.isatty()):
        return None
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def main() -> None:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("target")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control", type=int, default=0)
    arguments = parser.parse_args()
    host, _, port = arguments.target.rpartition(":")
    proxy = Proxy(host, int(port), State())
    await proxy.listen(arguments.port)
    control = await listen_at(proxy.take_commands, arguments.control)
    print(f"port={proxy.port} control={control.sockets[0].getsockname()[1]}", flush=True)
    commands = await standard_input()
    if commands is None:
        await asyncio.Event().wait()
    else:
        await proxy.take_commands(commands, None)


asyncio.run(main())
