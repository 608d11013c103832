"""What a window runs: it waits at the gate, starts the program, and stays until tmux has read the program's last words.

Called by path with the session's folder as its only argument; standard library only. `launch.json` in that folder says
what to run, and is removed. The gate is a named pipe: it opens when the worker is ready for output; nothing comes
through it when the program has been started, a JSON object with `error` and `errno` when that failed.

Why it stays: at a SIGCHLD tmux closes a terminal that looks empty although the kernel still holds a flood's last
kilobytes, and they are gone. So tmux's child is this process, which ends, as the program did, once tmux has read up to
the terminal's end. The program is leader of a session of its own with that terminal, as if it stood there alone.
"""

import errno
import fcntl
import json
import os
import resource
import signal
import sys
import termios
import time
from typing import Any

LAUNCH, GATE, PROGRAM = "launch.json", "gate", "program.pid"
FAILED = 127
LAST_WORDS_SECONDS = 1.0
"""How long tmux may take to read a terminal to its end; a job in the background may hold it open for ever."""
_LOOK_SECONDS = 0.005
_UMASK = 0o022


def main(folder: str) -> int:
    """Run the program; its exit code. One that ended by a signal ends this process by it."""
    gate = os.open(os.path.join(folder, GATE), os.O_WRONLY | os.O_CLOEXEC)
    launch = _taken(os.path.join(folder, LAUNCH))
    terminal = os.ttyname(0)
    name = os.stat(terminal)
    pid = _started(folder, launch, gate, terminal)
    with open(os.path.join(folder, PROGRAM), "w", encoding="ascii") as file:
        file.write(f"{pid}\n")
    os.close(gate)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    _wait_for_tmux(terminal, name)
    if code < 0:
        _end_by(-code)
    return code


def _started(folder: str, launch: dict[str, Any], gate: int, terminal: str) -> int:
    """The pid of the program, in a session of its own; this process has let go of the terminal."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # giving up a terminal hangs up on its foreground
    fcntl.ioctl(0, termios.TIOCNOTTY)
    pid = os.fork()
    if pid == 0:
        _become_or_say(folder, launch, gate, terminal)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)
    return pid


def _become_or_say(folder: str, launch: dict[str, Any], gate: int, terminal: str) -> None:
    try:
        os.setsid()
        slave = os.open(terminal, os.O_RDWR)  # a leader's first terminal is its controlling one
        for descriptor in range(3):
            os.dup2(slave, descriptor)
        _become(folder, launch)
    except OSError as error:
        what = os.fsdecode(error.filename or launch["argv"][0])
        os.write(gate, json.dumps({"error": f"{what}: {error.strerror}", "errno": error.errno}).encode())
    finally:
        os._exit(FAILED)


def _wait_for_tmux(terminal: str, name: os.stat_result) -> None:
    """Until tmux has read everything and closed the terminal: then its name is gone, or another's."""
    until = time.monotonic() + LAST_WORDS_SECONDS
    while time.monotonic() < until:
        try:
            now = os.stat(terminal)
        except FileNotFoundError:
            return
        if now.st_ctime_ns != name.st_ctime_ns:
            return
        time.sleep(_LOOK_SECONDS)  # noqa: TID251 - nothing tells, and nothing else happens here


def _end_by(number: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the program has left its own, if any
    if number not in {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.kill(os.getpid(), number)


def _taken(path: str) -> dict[str, Any]:
    with open(path, encoding="ascii") as file:
        launch: dict[str, Any] = json.load(file)
    os.unlink(path)  # it may hold secrets
    return launch


def _of_tmux(folder: str) -> dict[bytes, bytes]:
    """What programs know tmux by. Our tmux knows its socket by a relative path; the slot is two folders up."""
    ours = {name: os.environb[name] for name in (b"TMUX_PANE",) if name in os.environb}
    socket, comma, rest = os.environb.get(b"TMUX", b"").partition(b",")
    if comma:
        ours[b"TMUX"] = os.path.join(os.fsencode(os.path.dirname(os.path.dirname(folder))), socket) + comma + rest
    return ours


def _become(folder: str, launch: dict[str, Any]) -> None:
    argv = [os.fsencode(word) for word in launch["argv"]]
    env = {os.fsencode(name): os.fsencode(value) for name, value in launch["env"].items()} | _of_tmux(folder)
    os.chdir(os.fsencode(launch["cwd"]))
    os.umask(_UMASK)
    soft, hard = launch["open_files"], resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if soft is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.execve(_found(argv[0], env.get(b"PATH", os.fsencode(os.defpath))), argv, env)  # noqa: S606 - a program, not a shell


def _found(name: bytes, path: bytes) -> bytes:
    """The file a name stands for, searched as execvp does: the program's PATH, from its directory."""
    if b"/" in name:
        return name
    failure = errno.ENOENT
    for directory in path.split(b":"):
        candidate = os.path.join(directory or b".", name)
        if os.path.isfile(candidate):
            if os.access(candidate, os.X_OK):
                return candidate
            failure = errno.EACCES
    raise OSError(failure, os.strerror(failure), name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
