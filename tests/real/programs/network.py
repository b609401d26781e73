"""A server of compressed JSON over a Unix socket, its clients in threads, and child processes beside them.

Every connection has a thread of its own, so threads come and go, and a document is allocated in one thread
and freed in another. While that goes on the main thread starts children by fork and exec. Prints what was
exchanged.
"""

import hashlib
import json
import queue
import socketserver
import struct
import subprocess
import sys
import threading
import zlib
from multiprocessing import get_context
from pathlib import Path
from socket import AF_UNIX, SOCK_STREAM, socket
from tempfile import TemporaryDirectory

CLIENTS = 8
REQUESTS = 40
CHILDREN = 12


def document(seed: int) -> dict[str, object]:
    """A document whose size and shape depend on the seed alone."""
    rows = [
        {"id": n, "text": "word " * ((seed * n) % 60), "parts": list(range((seed + n) % 30))}
        for n in range(50 + seed % 200)
    ]
    return {"seed": seed, "rows": rows}


def pack(value: object) -> bytes:
    body = zlib.compress(json.dumps(value).encode(), 1)
    return struct.pack("!I", len(body)) + body


def receive(connection: socket) -> object:
    """The next value, or None when the other side has ended."""
    head = connection.recv(4, 0x100)  # MSG_WAITALL
    if len(head) < 4:
        return None
    (length,) = struct.unpack("!I", head)
    body = bytearray()
    while len(body) < length:
        body += connection.recv(min(65536, length - len(body)))
    return json.loads(zlib.decompress(body))


class Handler(socketserver.BaseRequestHandler):
    """Answers each seed with its document until the client ends."""

    def handle(self) -> None:
        while (seed := receive(self.request)) is not None:
            assert isinstance(seed, int)
            self.request.sendall(pack(document(seed)))


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = False


def client(path: str, number: int, documents: "queue.Queue[tuple[int, object]]") -> None:
    for request in range(REQUESTS):
        # A new connection every few requests: a new thread in the server.
        if request % 5 == 0:
            connection = socket(AF_UNIX, SOCK_STREAM)
            connection.connect(path)
        seed = number * 1000 + request
        connection.sendall(pack(seed))
        documents.put((seed, receive(connection)))
        if request % 5 == 4:
            connection.close()


def work_in_child(seed: int) -> int:
    return len(json.dumps(document(seed)))


def main() -> None:
    documents: queue.Queue[tuple[int, object]] = queue.Queue()
    with TemporaryDirectory() as directory:
        path = str(Path(directory) / "socket")
        with Server(path, Handler) as server:
            serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            serving.start()
            clients = [threading.Thread(target=client, args=(path, n, documents)) for n in range(CLIENTS)]
            for thread in clients:
                thread.start()
            for number in range(CHILDREN):
                code = f"import json, zlib; print(len(json.dumps(list(range({number} * 1000)))))"
                answer = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
                print("child", number, answer.stdout.decode().strip())
            # Fork without exec, while the threads above allocate.
            with get_context("fork").Pool(2) as pool:
                print("pool", pool.map(work_in_child, range(0, 400, 20)))
            for thread in clients:
                thread.join()
            server.shutdown()
            serving.join()
    got = dict(documents.get() for _ in range(CLIENTS * REQUESTS))
    assert all(value == document(seed) for seed, value in got.items())
    print(len(got), hashlib.sha256(json.dumps(got, sort_keys=True).encode()).hexdigest())
    print("done")


main()
