"""An asyncio server under load: 32 clients in the same process talk HTTP to it over a Unix socket.

An operation is one request answered. Each client keeps its connection for 25 requests.
"""

import asyncio
import json
import os
from zlib import crc32

from lab_protocol import Run, operations, size_of

_CLIENTS = 32
_REQUESTS_A_CONNECTION = 25
_ITEMS = 2000

ADDRESS = f"\0hakmem-lab-{os.getpid()}"
"""An abstract socket (unix(7)): no file that could be left behind, no limit by the directory's name."""


class Shop:
    """The server's state: items that requests read, and each client's basket, which they change."""

    def __init__(self) -> None:
        self.items = [
            {"item": number, "name": f"item {number}", "text": "a good one " * (number % 30)}
            for number in range(_ITEMS)
        ]
        self.baskets: dict[int, list[dict[str, int]]] = {}

    def answer(self, request: dict[str, int]) -> dict[str, object]:
        """What one request gets; it depends on that client's requests alone, not on the others'."""
        client, number = request["client"], request["number"]
        basket = self.baskets.setdefault(client, [])
        basket.append({"item": number * 7 % _ITEMS, "count": 1 + number % 5})
        if len(basket) > 20:
            del basket[:10]
        shown = [self.items[(number * 13 + client * 101 + index) % _ITEMS] for index in range(8)]
        return {"number": number, "items": shown, "basket": basket}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers the requests of one connection until the client closes it."""
        while line := await reader.readline():
            method, path, _ = line.decode().split(" ")
            headers = await read_headers(reader)
            body = await reader.readexactly(int(headers["content-length"]))
            answer = json.dumps(self.answer(json.loads(body)) | {"path": path, "method": method}).encode()
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                % len(answer)
            )
            writer.write(answer)
            await writer.drain()
        writer.close()


async def read_headers(reader: asyncio.StreamReader) -> dict[str, str]:
    """Header lines up to the empty one."""
    headers = {}
    while line := (await reader.readline()).decode().rstrip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return headers


async def client(number: int, requests: int) -> int:
    """Makes `requests` requests, one after the other; the answers' checksum."""
    checksum = 0
    for first in range(0, requests, _REQUESTS_A_CONNECTION):
        reader, writer = await asyncio.open_unix_connection(ADDRESS)
        for index in range(first, min(first + _REQUESTS_A_CONNECTION, requests)):
            body = json.dumps({"client": number, "number": index}).encode()
            writer.write(
                b"POST /shop/%d HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%s" % (index, len(body), body)
            )
            await writer.drain()
            await reader.readline()
            headers = await read_headers(reader)
            answer = await reader.readexactly(int(headers["content-length"]))
            checksum = crc32(f"{json.loads(answer)}".encode(), checksum)
        writer.close()
        await writer.wait_closed()
    return checksum


async def load(shop: Shop, count: int) -> list[int]:
    """Serves `count` requests, shared out to the clients; the checksum of each."""
    server = await asyncio.start_unix_server(shop.serve, ADDRESS, backlog=_CLIENTS)
    async with server:
        shares = [count // _CLIENTS + (number < count % _CLIENTS) for number in range(_CLIENTS)]
        return await asyncio.gather(*(client(number, share) for number, share in enumerate(shares)))


def main() -> None:
    """Serves as many requests as the command line says."""
    count = operations()
    run = Run()
    shop = Shop()
    run.point(size_of(shop))
    with run.timed():
        checksums = asyncio.run(load(shop, count))
    run.point(size_of(shop))
    run.check(*checksums)
    run.result(count)


if __name__ == "__main__":
    main()
