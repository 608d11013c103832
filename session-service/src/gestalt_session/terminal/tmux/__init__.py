"""The tmux runner (`runner: "external"`): programs in windows of a tmux server of ours, to which people can attach.

Each slot has one tmux server, on `tmux.sock` in the slot's folder. It is a daemon of its own, started by the first such
session and ended by tmux itself with the last window. It outlives workers and pty hosts, holds neither the slot's lock
nor anything of their environment, and reads no configuration but ours.

**Output.** tmux reads the terminal. `pipe-pane` hands what it reads, unchanged, to `cat`, and `cat` to a named pipe
in the session's folder. The reading end of that pipe goes to the pty host in place of a PTY's master (ADOPT, which
was made for terminals that somebody else opened): so the bytes of the program, never tmux's redraws, are journalled
as those of every session. `cat` opens the pipe for reading as well, so while no host lives it waits
instead of dying, and tmux keeps what it cannot pass on. A window's program waits at a gate (a second named pipe)
until all of this stands: its first byte is in the journal. tmux never waits for a pipe, so nothing slows such a
program for its viewers.

**The end.** The host watches `cat`, which ends after the last byte, never before it. The worker watches the program.
When it ends, its launcher waits until tmux has read the terminal to its end (a tmux that is told earlier loses a
flood's last kilobytes: one time in thirty, measured) and ends as the program did. The window stays (`remain-on-exit`)
until the worker has read the exit code; then it is killed, tmux closes the pipe, `cat` ends, the host says EXIT.
Without a worker the dead window waits for the next one. Whoever kills the window or the tmux server ends the session,
with a code that nobody knows.

**Input and sizes** go through one control-mode client per worker, in order and acknowledged: `set-buffer` and
`paste-buffer -r -d` with a buffer name per session (`send-keys -H` for NUL, which no buffer can hold), for one pane id.
Bytes arrive exactly, 0.15 ms apart; keys would be a tenth as fast and would go to a copy mode that a person left open.
tmux takes input without bound, so the worker looks at how much the program has left unread before it sends more.

**Questions** of programs are answered by tmux, which is their terminal; replies of viewers are dropped.

Considered: a control-mode client that lives in a pty host session as its program (every byte escaped and parsed once
more, lost with that client), and the program in a pty host session with a viewer in the window (a client with a token
and a connection of its own per window; closing the window would not close the session).

Targets are ids (`$1`, `@2`, `%3`), never names; names are only shown. A window knows its session by `@gestalt_uid`.
"""
