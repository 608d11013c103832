"""The physical limit to compare with: a PTY read in a loop, and the same behind one bare TCP relay.

Run as a script (standard library only): `serve VIEWERS PROGRAM…` opens a PTY for each group of so many connections,
`relay PORT` copies. Blocking calls in threads: for one stream that is the least Python can do, the kernel does the
rest.
"""

from __future__ import annotations

import os
import pty
import select
import socket
import sys
import threading

READ = 65_536


def main() -> None:
    """Print the port, then serve until killed."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    if sys.argv[1] == "serve":
        _serve(listener, int(sys.argv[2]), sys.argv[3:])
    else:
        _relay(listener, int(sys.argv[2]))


def _serve(listener: socket.socket, viewers: int, program: list[str]) -> None:
    while True:
        connections = [_quick(listener.accept()[0]) for _ in range(viewers)]
        threading.Thread(target=_terminal, args=(connections, program), daemon=True).start()


def _terminal(connections: list[socket.socket], program: list[str]) -> None:
    pid, master = pty.fork()
    if pid == 0:
        os.execvp(program[0], program)  # noqa: S606 - a baseline has no use for a shell
    while _turn(master, connections):
        pass
    for connection in connections:
        connection.close()
    os.close(master)
    os.waitpid(pid, 0)


def _turn(master: int, connections: list[socket.socket]) -> bool:
    """Copy what there is both ways; whether both sides are still there."""
    ready, _, _ = select.select([master, connections[0]], [], [])
    if connections[0] in ready:
        typed = connections[0].recv(READ)
        if not typed:
            return False
        os.write(master, typed)
    if master not in ready:
        return True
    data = _read(master)
    for connection in connections:
        connection.sendall(data)
    return bool(data)


def _read(master: int) -> bytes:
    try:
        return os.read(master, READ)
    except OSError:
        return b""


def _relay(listener: socket.socket, port: int) -> None:
    while True:
        client = _quick(listener.accept()[0])
        upstream = _quick(socket.create_connection(("127.0.0.1", port)))
        for source, sink in ((client, upstream), (upstream, client)):
            threading.Thread(target=_copy, args=(source, sink), daemon=True).start()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(READ):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return  # the other direction has ended it


def _quick(connection: socket.socket) -> socket.socket:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


if __name__ == "__main__":
    main()
