"""The physical limit to compare with: a PTY read in a loop, and the same behind one bare TCP relay.

Run as a script (standard library only): `serve VIEWERS PROGRAM…` opens a PTY for each group of so many connections,
`replay FILE` sends a file to each, `relay PORT` copies between its clients and that port.

Blocking sockets and a thread a stream: without an event loop nothing lies between a read and the write that follows.
The terminal is read until nothing is left or a buffer is full, then sent at once: the kernel hands a PTY's bytes over
by 4 KiB, and passing each on alone wakes three processes for it and halves the rate.
"""

from __future__ import annotations

import os
import pty
import select
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Self

BUFFER = 65_536
PIECE = 4_096  # of a PTY at a time, at most
Serve = Callable[[socket.socket], None]


def main() -> None:
    """Print the port, then serve until killed."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    what, *arguments = sys.argv[1:]
    if what == "serve":
        _terminals(listener, int(arguments[0]), arguments[1:])
    elif what == "replay":
        _each(listener, partial(_replay, Path(arguments[0]).read_bytes()))
    else:
        _each(listener, partial(_relay, int(arguments[0])))


def _each(listener: socket.socket, serve: Serve) -> None:
    while True:
        threading.Thread(target=serve, args=(_accept(listener),), daemon=True).start()


def _accept(listener: socket.socket) -> socket.socket:
    return _quick(listener.accept()[0])


def _terminals(listener: socket.socket, viewers: int, program: list[str]) -> None:
    while True:
        connections = [_accept(listener) for _ in range(viewers)]
        threading.Thread(target=_terminal, args=(connections, program), daemon=True).start()


def _terminal(connections: list[socket.socket], program: list[str]) -> None:
    with Terminal(program) as terminal:
        poller, viewer = select.poll(), connections[0].fileno()
        for fd in (terminal.fileno(), viewer):
            poller.register(fd, select.POLLIN)
        while all(_turn(terminal, connections, typed=fd == viewer) for fd, _ in poller.poll()):
            pass
    for connection in connections:
        connection.close()


def _turn(terminal: Terminal, connections: list[socket.socket], *, typed: bool) -> bool:
    """Copy what there is one way; whether that side is still there."""
    if typed:
        keys = connections[0].recv(BUFFER)
        terminal.type(keys)
        return bool(keys)
    count = terminal.read()
    for connection in connections:
        connection.sendall(terminal.buffer[: count or 0])
    return count is not None


class Terminal:
    """A program in a PTY of its own, read in a loop: `raw`. It is a Client (see clients) as well."""

    def __init__(self, program: list[str]) -> None:
        self.buffer = memoryview(bytearray(BUFFER))
        self._pid, self._master = pty.fork()
        if self._pid == 0:
            os.execvp(program[0], program)  # noqa: S606 - a baseline has no use for a shell
        os.set_blocking(self._master, False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        os.close(self._master)  # which hangs up on the program
        os.waitpid(self._pid, 0)

    def fileno(self) -> int:
        """The master's."""
        return self._master

    def type(self, data: bytes) -> None:
        """A benchmark types less than a terminal takes."""
        os.write(self._master, data)

    def read(self) -> int | None:
        """Fill the buffer until the terminal is empty or it is full; how many bytes, None at the program's end."""
        count = 0
        try:
            while count <= BUFFER - PIECE:
                count += os.readv(self._master, [self.buffer[count:]])
        except BlockingIOError:
            return count
        except OSError:  # EIO: the program has ended
            return count or None
        return count

    def receive(self) -> Sequence[memoryview]:
        """Wait for output; nothing at the end."""
        select.select([self._master], [], [])
        count = self.read()
        return [] if count is None else [self.buffer[:count]]

    def close(self) -> None:
        """Nothing before the block's end."""


def _replay(data: bytes, client: socket.socket) -> None:
    client.sendall(data)
    client.close()


def _relay(port: int, client: socket.socket) -> None:
    upstream = _quick(socket.create_connection(("127.0.0.1", port)))
    threading.Thread(target=_copy, args=(client, upstream), daemon=True).start()
    _copy(upstream, client)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    buffer = memoryview(bytearray(BUFFER))
    try:
        while count := source.recv_into(buffer):
            sink.sendall(buffer[:count])
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return  # the other direction has ended it


def _quick(connection: socket.socket) -> socket.socket:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


if __name__ == "__main__":
    main()
