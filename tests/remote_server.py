"""An OpenAI-compatible server that does on demand what servers do wrong."""

import json
import math
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "theirs"
TEXT = ("Once", " upon", " a", " time")


class Server(ThreadingHTTPServer):
    """`fault` is what the next answers are like; `asked` the bodies so far."""

    daemon_threads, allow_reuse_address = True, True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.fault, self.models = "", [MODEL]
        self.listed = ""  # what it answers instead of its models
        self.asked: list[dict[str, Any]] = []
        self.left = threading.Event()  # a client hung up in mid-stream


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        if self.server.listed == "drip":
            self.flood(b" ", pause_s=0.02)
            return
        if self.server.listed:
            self.whole(200, self.server.listed)
            return
        models = [{"id": name, "owned_by": "somebody"} for name in self.server.models]
        self.whole(200, json.dumps({"object": "list", "data": models}))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body)
        fault = self.server.fault
        if fault.isdigit():
            said = {"error": {"message": f"their own words on {fault}"}}
            self.whole(int(fault), json.dumps(said), retry="7")
        elif fault == "odd retry":
            self.whole(429, "[" * 100_000, retry="²")
        elif fault == "flood":
            self.flood(b"x" * 1_000_000, status=500)
        elif fault == "echo" and "bad" in str(body["prompt"]):
            self.whole(422, json.dumps({"detail": body}))
        elif fault == "page":
            self.whole(200, "<html>a proxy's page</html>", kind="text/html")
        elif fault == "no options" and "stream_options" in body:
            self.whole(400, json.dumps({"error": {"message": "stream_options is unknown"}}))
        else:
            self.stream(body, fault)

    def whole(
        self, status: int, text: str, *, kind: str = "application/json", retry: str = ""
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text.encode())))
        if retry:
            self.send_header("Retry-After", retry)
        self.end_headers()
        self.wfile.write(text.encode())

    def flood(self, part: bytes, *, status: int = 200, pause_s: float = 0.0) -> None:
        """Write a body without an end, as far as anybody takes it."""
        self.send_response(status)
        self.end_headers()
        self.close_connection = True
        try:
            for _ in range(500):
                self.wfile.write(part)
                time.sleep(pause_s)
        except (BrokenPipeError, ConnectionResetError):
            self.server.left.set()

    def stream(self, body: dict[str, Any], fault: str) -> None:
        """Write the text in pieces; somewhere in the middle the fault."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        try:
            for n, piece in enumerate(TEXT):
                if n == 2:
                    self.break_off(fault)
                self.event(self.chunk(body, piece))
            if fault != "no end":
                self.event(self.chunk(body, "", "stop"))
                self.wfile.write(b"data: [DONE]\n\n")
        except (BrokenPipeError, ConnectionResetError):
            self.server.left.set()
        self.close_connection = True

    def break_off(self, fault: str) -> None:
        if fault == "reset":  # RST, not FIN
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            os.close(self.connection.detach())
            raise ConnectionResetError
        if fault == "silence":
            time.sleep(2)
        if fault == "endless":
            while True:
                self.event(self.chunk({"prompt": ""}, " on"))
                time.sleep(0.01)
        if fault == "no json":
            self.wfile.write(b"data: {half of\n\n")
        if fault == "no event":
            self.wfile.write(b"<html>\n\n")
        if fault == "shape":
            self.event({"choices": [{"index": 9, "text": 3}]})
        if fault == "told":
            self.event({"error": {"message": "their worker died"}})
        if fault == "deep":
            self.wfile.write(b"data: " + b"[" * 100_000 + b"\n\n")
        if fault == "infinite":
            self.event({"choices": [], "usage": {"prompt_tokens": math.inf}})

    def chunk(self, body: dict[str, Any], piece: str, reason: str | None = None) -> dict[str, Any]:
        part = {"delta": {"content": piece}} if "messages" in body else {"text": piece}
        return {"choices": [{"index": 0, **part, "finish_reason": reason}], "error": None}

    def event(self, one: dict[str, Any]) -> None:
        self.wfile.write(b"data: " + json.dumps(one).encode() + b"\n\n")


@contextmanager
def running(port: int = 0) -> Iterator[Server]:
    """Run one for as long as the block lasts."""
    server = Server(port)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


def address(server: Server) -> str:
    """Return what LAB_ENGINE_URL is for it."""
    return f"http://127.0.0.1:{server.server_port}"
