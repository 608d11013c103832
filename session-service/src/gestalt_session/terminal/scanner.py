"""What the output of a program says to a terminal besides text: a bell, or a question that wants an answer.

Sans-IO: bytes in, findings out; escape sequences may be cut anywhere. A BEL that only ends a string (a window title)
is no bell. Plain text costs two searches by memchr, a colour or movement 15 ns.
"""

from __future__ import annotations

import re
from enum import StrEnum

LONGEST_SEQUENCE = 256  # longer questions do not exist; a longer string is only skipped to its end

_PASTE_MODE = rb"\[\?(?:\d+;)*2004(?:;\d+)*[hl]"
_PICTURE = rb"\[[0-9;:]*+[@-Zm]"  # colours and movements: nearly all there is, so it is ruled out first
_ESCAPE = rb"\x1b(?!" + _PICTURE + rb")(?:\[[0-?]*+[ -/]*+[cnpqtu]|" + _PASTE_MODE + rb"|[\]PX^_\\])"
_CONTROLS = (b"\x07", b"\x18", b"\x1a")
_TOKEN = re.compile(rb"[\x07\x18\x1a]|" + _ESCAPE)
_TOKEN_WITHOUT_CONTROLS = re.compile(_ESCAPE)
"""Beginning with one byte, it is searched for by memchr: ten times as fast in a coloured flood."""
LAST_PASTE_MODE = re.compile(rb"(?s:.*)\x1b" + _PASTE_MODE)
"""The last switch of bracketed paste in a stretch of output: the match's last byte is h (on) or l (off)."""
_UNFINISHED = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*)?\Z")
_STRING_OPENERS = frozenset({b"\x1b]", b"\x1bP", b"\x1bX", b"\x1b^", b"\x1b_"})
_STRING_ENDS = frozenset({b"\x07", b"\x1b\\", b"\x18", b"\x1a"})


class Question(StrEnum):
    """What a program can ask its terminal."""

    CURSOR = "cursor position"
    CURSOR_DEC = "cursor position, DEC form"
    STATUS = "device status"
    DEVICE_1 = "primary device attributes"
    DEVICE_2 = "secondary device attributes"
    DEVICE_3 = "tertiary device attributes"
    MODE = "mode"
    VERSION = "version"
    KEYBOARD = "keyboard flags"
    WINDOW = "window report"
    COLOUR = "colour"
    SETTING = "setting"
    CAPABILITY = "capability"


BELL = "bell"
PASTE_ON = "bracketed paste on"
PASTE_OFF = "bracketed paste off"
Finding = Question | str

_CSI_QUESTIONS: tuple[tuple[re.Pattern[bytes], Question], ...] = (
    (re.compile(rb"\x1b\[6n"), Question.CURSOR),
    (re.compile(rb"\x1b\[\?6n"), Question.CURSOR_DEC),
    (re.compile(rb"\x1b\[\??5n"), Question.STATUS),
    (re.compile(rb"\x1b\[0?c"), Question.DEVICE_1),
    (re.compile(rb"\x1b\[>0?c"), Question.DEVICE_2),
    (re.compile(rb"\x1b\[=0?c"), Question.DEVICE_3),
    (re.compile(rb"\x1b\[\??\d+\$p"), Question.MODE),
    (re.compile(rb"\x1b\[>0?q"), Question.VERSION),
    (re.compile(rb"\x1b\[\?u"), Question.KEYBOARD),
    (re.compile(rb"\x1b\[(?:11|13|14|15|16|18|19|20|21)(?:;\d+)?t"), Question.WINDOW),
)
_STRING_QUESTIONS: tuple[tuple[re.Pattern[bytes], Question], ...] = (
    (re.compile(rb"\x1b\](?:4;\d+|1[0-9]);\?"), Question.COLOUR),
    (re.compile(rb"\x1bP\$q.*", re.DOTALL), Question.SETTING),
    (re.compile(rb"\x1bP\+q.*", re.DOTALL), Question.CAPABILITY),
)


class Scanner:
    """Follows one terminal's output. `cursor` is the offset up to which it has looked."""

    def __init__(self, cursor: int = 0) -> None:
        self.cursor = cursor
        self._carry = b""
        self._string: bytes | None = None  # the string being skipped, cut to LONGEST_SEQUENCE

    def feed(self, data: bytes) -> list[Finding]:
        """Look at the next bytes; what they hold, in order."""
        self.cursor += len(data)
        if not self._carry and self._string is None and b"\x1b" not in data:
            return [BELL] * data.count(b"\x07") if b"\x07" in data else []  # counting looks at each byte by itself
        return self._walk(self._carry + data)

    def jump(self, cursor: int) -> None:
        """Output was skipped (trimmed before it could be looked at): go on at `cursor` as after a clean cut."""
        self.__init__(cursor)  # type: ignore[misc]

    def _walk(self, text: bytes) -> list[Finding]:
        findings: list[Finding] = []
        position = 0
        token = _TOKEN if any(control in text for control in _CONTROLS) else _TOKEN_WITHOUT_CONTROLS
        for match in token.finditer(text):
            finding = self._token(match.group(), text[position : match.start()])
            position = match.end()
            if finding is not None:
                findings.append(finding)
        self._keep_tail(text, position)
        return findings

    def _token(self, token: bytes, before: bytes) -> Finding | None:
        if self._string is not None:
            self._grow(before)
            return self._in_string(token)
        if token in _STRING_OPENERS:
            self._string = token
            return None
        if token == b"\x07":
            return BELL
        if b"2004" in token:
            return PASTE_ON if token.endswith(b"h") else PASTE_OFF
        return _recognise(token, _CSI_QUESTIONS)

    def _in_string(self, token: bytes) -> Finding | None:
        """Only its end matters; a CAN or SUB takes the string back."""
        string = self._string or b""
        if token in _STRING_OPENERS:
            self._string = token  # a terminal too starts anew at an ESC that is no end
            return None
        if token.startswith(b"\x1b["):
            self._string = None
            return self._token(token, b"")
        self._string = None if token in _STRING_ENDS else string
        return _recognise(string, _STRING_QUESTIONS) if token in {b"\x07", b"\x1b\\"} else None

    def _grow(self, part: bytes) -> None:
        room = LONGEST_SEQUENCE - len(self._string or b"")
        if room > 0:
            self._string = (self._string or b"") + part[:room]

    def _keep_tail(self, text: bytes, position: int) -> None:
        unfinished = _UNFINISHED.search(text, max(position, len(text) - LONGEST_SEQUENCE))
        self._carry = unfinished.group() if unfinished else b""
        if self._string is not None:
            self._grow(text[position : len(text) - len(self._carry)])


def _recognise(sequence: bytes, table: tuple[tuple[re.Pattern[bytes], Question], ...]) -> Question | None:
    for pattern, question in table:
        if pattern.fullmatch(sequence):
            return question
    return None
