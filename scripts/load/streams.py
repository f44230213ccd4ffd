"""Follows the events of a running service with many readers, on the loopback address, and prints how soon they hear.

    API_KEY=… FEDERATION=… KEYS=… streams.py PORT READERS RATE SECONDS [PID]

The readers are operators of the fleet load-1. RATE messages a second come to it from load-0, whose key is the first of
KEYS, one after the other; the time is taken from the first byte of the request that sends one to the receipt at each
reader, and so includes its way to the disk. With a RATE of 0 the readers are idle. With PID, what the process holds of
memory is printed.
"""

import asyncio
import json
import os
import sys
import time
import urllib.request

HOST, BASE = "127.0.0.1", "/api/v1/fleet-coordination"
PORT, READERS, RATE, SECONDS = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
PID = sys.argv[5] if len(sys.argv) > 5 else None

# One caller may not have so many open.
READERS_A_KEY = 500

sent: dict[str, float] = {}
waits: list[float] = []


def head(method: str, path: str, key: str, length: int = 0) -> bytes:
    return (
        f"{method} {BASE}{path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def make_key() -> str:
    request = urllib.request.Request(
        f"http://{HOST}:{PORT}{BASE}/api-keys",
        data=b'{"name":"streams","roles":["fleet_operator"],"fleet_ids":["load-1"]}',
        headers={"Authorization": f"Bearer {os.environ['API_KEY']}", "Content-Type": "application/json"},
    )
    return json.load(urllib.request.urlopen(request))["key"]


def resident() -> int:
    """KiB that the service holds."""
    with open(f"/proc/{PID}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


async def read(key: str) -> None:
    reader, writer = await asyncio.open_connection(HOST, PORT)
    writer.write(head("GET", "/events/stream?types=message.accepted", key))
    rest = b""
    while chunk := await reader.read(1 << 16):
        now = time.perf_counter()
        *blocks, rest = (rest + chunk).split(b"\n\n")
        for block in blocks:
            _, found, tail = block.partition(b'"name":"stream-')
            start = sent.get(tail.split(b'"', 1)[0].decode()) if found else None
            if start is not None:
                waits.append(now - start)


async def write() -> int:
    reader, writer = await asyncio.open_connection(HOST, PORT)
    message = {
        "federation_id": os.environ["FEDERATION"],
        "source_fleet_id": "load-0",
        "target_fleet_id": "load-1",
        "message_type": "dock.ready",
    }
    key = os.environ["KEYS"].split()[0]
    count, end = 0, time.monotonic() + SECONDS
    while time.monotonic() < end:
        name = f"{os.getpid()}-{count}"
        body = json.dumps(message | {"message_content": {"name": f"stream-{name}"}}, separators=(",", ":")).encode()
        sent[name] = time.perf_counter()
        writer.write(head("POST", "/messages", key, len(body)) + body)
        status, *fields = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        if " 201 " not in status:
            sys.exit(f"streams: a message is answered with {status}")
        await reader.readexactly(next(int(f.split(":")[1]) for f in fields if f.startswith("content-length:")))
        count += 1
        await asyncio.sleep(1 / RATE)
    return count


async def main() -> None:
    before = resident() if PID else 0
    readers = []
    for index in range(READERS):
        if index % READERS_A_KEY == 0:
            key = make_key()
        readers.append(asyncio.create_task(read(key)))
        if index % 100 == 99:
            await asyncio.sleep(0.05)
    await asyncio.sleep(3)
    if RATE > 0:
        count = await write()
        await asyncio.sleep(2)
        waits.sort()
        p50, p99 = (waits[len(waits) * part // 100] * 1000 for part in (50, 99))
        print(
            f"{READERS} streams, {count} messages: {len(waits)} of {count * READERS} heard, "
            f"p50 {p50:.1f} ms  p99 {p99:.1f} ms  most {waits[-1] * 1000:.1f} ms"
        )
    else:
        await asyncio.sleep(SECONDS)
        print(f"{READERS} idle streams: {(resident() - before) / READERS:.1f} KiB each")
    for reader in readers:
        reader.cancel()


asyncio.run(main())
