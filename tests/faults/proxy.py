"""A way to PostgreSQL that a test can cut, refuse or stall: what a network does.

It hands bytes on and looks at them only for the moment of a cut: COMMIT is one message of the
protocol, and a transaction is known by the text of a statement in it.
"""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit

COMMIT = b"COMMIT\x00"
CHUNK_BYTES = 1 << 16
PATIENCE_SECONDS = 60


class Cut:
    """Cut the connection of the first transaction that holds `mark`, around its COMMIT.

    `answer` loses the server's answer: the transaction has committed, and its client never learns.
    `request` loses the COMMIT itself: the transaction is rolled back.
    """

    def __init__(self, mark: str, lost: str) -> None:
        self.mark = mark.encode()
        self.lost = lost
        self.done = threading.Event()


class Proxy:
    """Listens on a port of its own until `close()`, in a thread of its own."""

    def __init__(self, address: str) -> None:
        self._parts = urlsplit(address)
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()
        self._reachable = True
        self._flowing = asyncio.Event()
        self._cut: Cut | None = None
        threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True).start()
        self._server: asyncio.Server = self._do(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self._loop.call_soon_threadsafe(self._flowing.set)
        port = self._server.sockets[0].getsockname()[1]
        login = self._parts.netloc.rpartition("@")[0]
        self.address = urlunsplit(self._parts._replace(netloc=f"{login}@127.0.0.1:{port}"))

    @property
    def way(self) -> dict[str, str]:
        """The environment of a process that goes this way."""
        return {"DATABASE_URL": self.address}

    def lose(self, lost: str, *, mark: str) -> Cut:
        """Order a cut; its `done` is set when it happened."""
        self._cut = Cut(mark, lost)
        return self._cut

    def refuse(self) -> None:
        """Nobody is there: connections break, new ones are closed at once."""
        self._reachable = False
        self._do(self._break_all())

    def stall(self) -> None:
        """Bytes are taken and go nowhere: nobody says that nobody is there."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def restore(self) -> None:
        self._reachable = True
        self._loop.call_soon_threadsafe(self._flowing.set)

    def close(self) -> None:
        self._server.close()
        self.restore()
        self._do(self._break_all())
        self._do(self._end_all())
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_SECONDS)

    async def _break_all(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    async def _end_all(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._reachable:
            writer.transport.abort()
            return
        where = (self._parts.hostname, self._parts.port)
        try:
            server_reader, server_writer = await asyncio.open_connection(*where)
        except OSError:
            writer.transport.abort()
            return
        link = _Link(self, writer, server_writer)
        self._open |= {writer, server_writer}
        with suppress(asyncio.CancelledError):  # the proxy closes
            await asyncio.gather(link.carry_requests(reader), link.carry_answers(server_reader))
        self._open -= {writer, server_writer}

    async def flow(self) -> None:
        await self._flowing.wait()

    def due(self, chunk: bytes) -> bool:
        """Whether the cut that was ordered waits for what is in these bytes."""
        return self._cut is not None and not self._cut.done.is_set() and self._cut.mark in chunk

    def cut(self) -> Cut:
        assert self._cut is not None
        return self._cut


class _Link:
    """One client's connection and its twin to the server."""

    def __init__(
        self, proxy: Proxy, client: asyncio.StreamWriter, server: asyncio.StreamWriter
    ) -> None:
        self.proxy = proxy
        self.client = client
        self.server = server
        self.marked = False  # the transaction under way is the one to be cut
        self.losing = False  # its COMMIT was handed on

    async def carry_requests(self, reader: asyncio.StreamReader) -> None:
        try:
            while chunk := await reader.read(CHUNK_BYTES):
                await self.proxy.flow()
                self.marked |= self.proxy.due(chunk)
                if self.marked and COMMIT in chunk and self._lose():
                    return
                self.server.write(chunk)
                await self.server.drain()
        except OSError:
            pass  # one side broke off: so does the other
        finally:
            self.server.close()

    async def carry_answers(self, reader: asyncio.StreamReader) -> None:
        try:
            while chunk := await reader.read(CHUNK_BYTES):
                await self.proxy.flow()
                if self.losing:
                    self._break()
                    return
                self.client.write(chunk)
                await self.client.drain()
        except OSError:
            pass
        finally:
            self.client.close()

    def _lose(self) -> bool:
        """At the COMMIT of the marked transaction: true if it goes no further."""
        if self.proxy.cut().done.is_set():  # another connection had it first
            self.marked = False
            return False
        if self.proxy.cut().lost == "answer":
            self.losing = True
            return False
        self._break()
        return True

    def _break(self) -> None:
        self.client.transport.abort()
        self.server.transport.abort()
        self.proxy.cut().done.set()
