"""A relay before a server whose connections can be held: nothing passes, and nothing ends."""

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress

READ_BYTES = 65_536


class Relay:
    """Passes on what comes to `port`, by threads: a test of a browser blocks its loop."""

    def __init__(self, upstream_port: int) -> None:
        self._upstream_port = upstream_port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._passes = threading.Event()
        self._passes.set()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self) -> None:
        """As a network that is gone: connections stay open, new ones are taken, all are silent."""
        self._passes.clear()

    def release(self) -> None:
        """What was held arrives."""
        self._passes.set()

    def close(self) -> None:
        self.release()
        for one in (self._listening, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._upstream_port))
                self._open += [client, server]
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=self._pump, args=ends, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while chunk := source.recv(READ_BYTES):
                self._passes.wait()
                target.sendall(chunk)
            target.shutdown(socket.SHUT_WR)


@contextmanager
def relayed(upstream_port: int) -> Generator[Relay]:
    """A relay before a port of this machine."""
    relay = Relay(upstream_port)
    try:
        yield relay
    finally:
        relay.close()
