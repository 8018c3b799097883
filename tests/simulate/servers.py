"""Real HTTP servers on this machine, for tests and benchmarks: what they answer is up to a function."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

BACKLOG = 1024


@dataclass(frozen=True)
class Call:
    """What a client sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Answer:
    """What the server sends: after `delay` seconds; with `cut`, half of the body and then nothing more."""

    body: bytes | dict[str, Any] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: bool = False

    def data(self) -> bytes:
        """Return the bytes to send."""
        body = json.dumps(self.body).encode() if isinstance(self.body, dict) else self.body
        kind = "application/json" if isinstance(self.body, dict) else "text/html"
        headers = {"content-type": kind, "content-length": str(len(body)), **self.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        data = f"HTTP/1.1 {self.status} Said\r\n{head}\r\n".encode() + body
        return data[: -len(body) // 2 or None] if self.cut else data


Handler = Callable[[Call], Answer]


async def serve(handler: Handler, *, record: list[Call] | None = None, port: int = 0) -> asyncio.Server:
    """Start a server on 127.0.0.1 that keeps connections open."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while call := await _read(reader):
                if record is not None:
                    record.append(call)
                answer = handler(call)
                if answer.delay:
                    await asyncio.sleep(answer.delay)
                writer.write(answer.data())
                await writer.drain()
                if answer.cut:
                    break
        except (ConnectionError, asyncio.CancelledError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    return await asyncio.start_server(talk, "127.0.0.1", port, backlog=BACKLOG)


async def _read(reader: asyncio.StreamReader) -> Call | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.splitlines()
    method, path, _ = first.split()
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    content = await reader.readexactly(int(headers.get("content-length", 0)))
    return Call(method, path, headers, json.loads(content) if content else None)


@contextlib.contextmanager
def serving(handler: Handler, record: list[Call] | None = None) -> Iterator[str]:
    """Run a server in a thread; yield its address, without a path."""
    loop = asyncio.new_event_loop()
    started: list[asyncio.Server] = []
    ready = threading.Event()

    def run() -> None:
        asyncio.set_event_loop(loop)
        started.append(loop.run_until_complete(serve(handler, record=record)))
        ready.set()
        loop.run_forever()
        started[0].close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    try:
        yield f"http://127.0.0.1:{started[0].sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def owned_by(owner: str) -> Answer:
    """Return the list of models as a server of that kind gives it."""
    return Answer({"object": "list", "data": [{"id": "m", "object": "model", "owned_by": owner}]})


def completion(texts: list[str | None], *, finish: str = "stop", tokens: tuple[int, int] = (50, 1)) -> Answer:
    """Return a chat completion of these texts."""
    choices = [
        {"index": place, "finish_reason": finish, "message": {"role": "assistant", "content": text}}
        for place, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1] * len(texts), "total_tokens": sum(tokens)}
    return Answer(
        {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": choices, "usage": usage}
    )
