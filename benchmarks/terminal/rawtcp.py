"""The physical limit to compare with: a PTY read in a loop, and the same behind one bare TCP relay.

Run as a script (standard library only): `serve VIEWERS PROGRAM…` opens a PTY for each group of so many connections,
`gather VIEWERS PROGRAM…` too, `replay FILE` sends a file to each, `relay PORT` copies between its clients and a port.

Blocking calls and a thread for each direction: between a read and the write that follows lies no event loop. `serve`
passes on what one read gives, as terminal servers do. `gather` reads on until nothing is left or a buffer is full: the
kernel hands a PTY's bytes over by 4 KiB, and here three processes are not woken for each. No loop does better.
"""

from __future__ import annotations

import os
import pty
import select
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

BUFFER = 65_536
PIECE = 4_096  # of a PTY at a time, at most
Serve = Callable[[socket.socket], None]


def main() -> None:
    """Print the port, then serve until killed."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    what, *arguments = sys.argv[1:]
    if what in {"serve", "gather"}:
        _terminals(listener, int(arguments[0]), arguments[1:], gathers=what == "gather")
    elif what == "replay":
        _each(listener, partial(_replay, Path(arguments[0]).read_bytes()))
    else:
        _each(listener, partial(_relay, int(arguments[0])))


def _each(listener: socket.socket, serve: Serve) -> None:
    while True:
        threading.Thread(target=serve, args=(_accept(listener),), daemon=True).start()


def _accept(listener: socket.socket) -> socket.socket:
    return _quick(listener.accept()[0])


def _terminals(listener: socket.socket, viewers: int, program: list[str], *, gathers: bool) -> None:
    while True:
        connections = [_accept(listener) for _ in range(viewers)]
        terminal = Terminal(program, gathers=gathers)
        for connection in connections:
            threading.Thread(target=_type, args=(connection, terminal), daemon=True).start()
        threading.Thread(target=_show, args=(terminal, connections), daemon=True).start()


def _type(connection: socket.socket, terminal: Terminal) -> None:
    while keys := connection.recv(BUFFER):
        terminal.type(keys)


def _show(terminal: Terminal, connections: list[socket.socket]) -> None:
    while output := terminal.receive():
        for connection in connections:
            connection.sendall(output[0])
    for connection in connections:
        connection.shutdown(socket.SHUT_RDWR)


class Terminal:
    """A program in a PTY of its own, read in a loop: `raw`. It is a Client (see clients) as well."""

    def __init__(self, program: list[str], *, gathers: bool = False) -> None:
        self._buffer = memoryview(bytearray(BUFFER))
        self._gathers = gathers
        self._pid, self._master = pty.fork()
        if self._pid == 0:
            os.execvp(program[0], program)  # noqa: S606 - a baseline has no use for a shell
        os.set_blocking(self._master, not gathers)

    def fileno(self) -> int:
        """The master's."""
        return self._master

    def type(self, data: bytes) -> None:
        """A benchmark types less than a terminal takes."""
        os.write(self._master, data)

    def receive(self) -> Sequence[memoryview]:
        """Wait for output; nothing at the end. Valid until the next call."""
        try:
            count = self._gather() if self._gathers else os.readv(self._master, [self._buffer])
        except OSError:  # EIO: the program has ended
            return []
        return [self._buffer[:count]]

    def _gather(self) -> int:
        """Fill the buffer until the terminal is empty or it is full; how many bytes."""
        select.select([self._master], [], [])
        count = os.readv(self._master, [self._buffer])
        with suppress(OSError):
            while count <= BUFFER - PIECE:
                count += os.readv(self._master, [self._buffer[count:]])
        return count

    def close(self) -> None:
        """Hang up on the program."""
        os.close(self._master)
        os.waitpid(self._pid, 0)


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
