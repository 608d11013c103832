"""What the output of a program says to a terminal besides text: a bell, a question that wants an answer, a title.

Sans-IO: bytes in, findings out, with the offset where each ends; escape sequences may be cut anywhere. A BEL that only
ends a string (a window title) is no bell. Plain text costs two searches by memchr, a colour or movement 15 ns.
"""

from __future__ import annotations

import re
from enum import StrEnum

from msgspec import Struct

LONGEST_SEQUENCE = 256
"""A longer question does not exist."""

LONGEST_STRING = 4096
"""Of a longer title or location the beginning; every other string is only skipped to its end."""

_PASTE_MODE = rb"\[\?(?:\d+;)*2004(?:;\d+)*[hl]"
_PICTURE = rb"\[[0-9;:]*+[@-Zm]"  # colours and movements: nearly all there is, so it is ruled out first
_WHOLE_OSC = rb"\][^\x07\x18\x1a\x1b]*+(?:\x07|\x1b\\)"
_QUESTION = rb"\[[0-?]*+[ -/]*+[cnpqtu]|"
_TOLD_BY_ESCAPES = _PASTE_MODE + rb"|" + _WHOLE_OSC + rb"|[\]PX^_\\]"
_ESCAPE = rb"\x1b(?!" + _PICTURE + rb")(?:" + _QUESTION + _TOLD_BY_ESCAPES + rb")"
_ESCAPE_BUT_QUESTIONS = rb"\x1b(?:" + _TOLD_BY_ESCAPES + rb")"
_CONTROLS = (b"\x07", b"\x18", b"\x1a")
_CONTROL = rb"[\x07\x18\x1a]|"
_TOKENS = (re.compile(_ESCAPE), re.compile(_CONTROL + _ESCAPE))
_TOKENS_BUT_QUESTIONS = (re.compile(_ESCAPE_BUT_QUESTIONS), re.compile(_CONTROL + _ESCAPE_BUT_QUESTIONS))
"""Without controls and with them. The first begins with one byte: it is searched for by memchr, ten times as fast."""
LAST_PASTE_MODE = re.compile(rb"(?s:.*)\x1b" + _PASTE_MODE)
"""The last switch of bracketed paste in a stretch of output: the match's last byte is h (on) or l (off)."""
_UNFINISHED = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*)?\Z")
_STRING_OPENERS = frozenset({b"\x1b]", b"\x1bP", b"\x1bX", b"\x1b^", b"\x1b_"})
_TERMINATORS = frozenset({b"\x07", b"\x1b\\"})
_CANCELS = frozenset({b"\x18", b"\x1a"})


class Question(StrEnum):
    """What a program can ask its terminal."""

    CURSOR = "cursor position"
    CURSOR_DEC = "cursor position, DEC form"
    STATUS = "device status"
    SCHEME = "colour scheme"
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


class Sign(StrEnum):
    """What a program tells its terminal."""

    BELL = "bell"
    PASTE_ON = "bracketed paste on"
    PASTE_OFF = "bracketed paste off"
    TITLE = "title"
    ICON = "icon name"
    LOCATION = "location"
    PROMPT = "prompt mark"


class Finding(Struct, frozen=True, gc=False):
    """One of them. `text` is the whole sequence (of a sign told by a string, what it says); it ends before `end`."""

    kind: Question | Sign
    text: bytes
    end: int


_CSI_EXACT: dict[bytes, Question] = {
    b"\x1b[6n": Question.CURSOR,
    b"\x1b[?6n": Question.CURSOR_DEC,
    b"\x1b[5n": Question.STATUS,
    b"\x1b[?996n": Question.SCHEME,
    b"\x1b[c": Question.DEVICE_1,
    b"\x1b[0c": Question.DEVICE_1,
    b"\x1b[>c": Question.DEVICE_2,
    b"\x1b[>0c": Question.DEVICE_2,
    b"\x1b[=c": Question.DEVICE_3,
    b"\x1b[=0c": Question.DEVICE_3,
    b"\x1b[>q": Question.VERSION,
    b"\x1b[>0q": Question.VERSION,
    b"\x1b[?u": Question.KEYBOARD,
}
_CSI_QUESTIONS: tuple[tuple[re.Pattern[bytes], Question], ...] = (
    (re.compile(rb"\x1b\[\??\d+\$p"), Question.MODE),
    (re.compile(rb"\x1b\[(?:11|13|14|15|16|18|19|20|21)(?:;\d*)*t"), Question.WINDOW),
)
_STRINGS: tuple[tuple[re.Pattern[bytes], Question | Sign], ...] = (
    (re.compile(rb"\x1b\][02];(.*)", re.DOTALL), Sign.TITLE),
    (re.compile(rb"\x1b\]1;(.*)", re.DOTALL), Sign.ICON),
    (re.compile(rb"\x1b\]7;(.*)", re.DOTALL), Sign.LOCATION),
    (re.compile(rb"\x1b\]133;([ABCDINP](?:;.*)?)", re.DOTALL), Sign.PROMPT),
    (re.compile(rb"\x1b\](?:4(?:;\d+;\?)+|1[0-9](?:;\?)+)"), Question.COLOUR),
    (re.compile(rb"\x1bP\$q.*", re.DOTALL), Question.SETTING),
    (re.compile(rb"\x1bP\+q.*", re.DOTALL), Question.CAPABILITY),
)
_TOLD = re.compile(rb"\x1b(?:\](?:[0127];|133;|4;|1[0-9];)|P[$+]q)")
"""How a string begins that may mean something here."""


class Scanner:
    """Follows one terminal's output. `cursor` is the offset up to which it has looked."""

    def __init__(self, cursor: int = 0) -> None:
        self.cursor = cursor
        self.asks = True
        """Whether questions are looked for: a program that only asks would hold up everybody, so it is not heard."""
        self._carry = b""
        self._string: bytes | None = None  # the string being skipped, cut to LONGEST_STRING

    def feed(self, data: bytes) -> list[Finding]:
        """Look at the next bytes; what they hold, in order. Bells of plain text are one."""
        before, self.cursor = self.cursor, self.cursor + len(data)
        if not self._carry and self._string is None and b"\x1b" not in data:
            return [Finding(Sign.BELL, b"\x07", before + data.rindex(b"\x07") + 1)] if b"\x07" in data else []
        return self._walk(self._carry + data, before - len(self._carry))

    def jump(self, cursor: int) -> None:
        """Output was skipped (trimmed before it could be looked at): go on at `cursor` as after a clean cut."""
        self.cursor, self._carry, self._string = cursor, b"", None

    def _walk(self, text: bytes, start: int) -> list[Finding]:
        findings: list[Finding] = []
        position = 0
        tokens = _TOKENS if self.asks else _TOKENS_BUT_QUESTIONS
        token = tokens[any(control in text for control in _CONTROLS)]
        for match in token.finditer(text):
            before = text[position : match.start()] if self._string is not None else b""
            position = match.end()
            finding = self._token(match.group(), before, start + position)
            if finding is not None:
                findings.append(finding)
        self._keep_tail(text, position)
        return findings

    def _token(self, token: bytes, before: bytes, end: int) -> Finding | None:
        if self._string is not None:
            self._grow(before)
            if token == b"\x07" and not self._string.startswith(b"\x1b]"):
                self._grow(token)  # it ends no other string
                return None
            if token in _TERMINATORS or token in _CANCELS:
                return self._ended(token, end)
            self._string = None  # a terminal too starts anew at an ESC that is no end
        if token.startswith(b"\x1b["):
            return _csi(token, end)
        if token in _STRING_OPENERS:
            self._string = token
            return None
        if token == b"\x07":
            return Finding(Sign.BELL, token, end)
        return _whole(token, end) if token.startswith(b"\x1b]") else None

    def _ended(self, terminator: bytes, end: int) -> Finding | None:
        """A CAN or SUB takes the string back."""
        string, self._string = self._string or b"", None
        return None if terminator in _CANCELS else _string(string, terminator, end)

    def _grow(self, part: bytes) -> None:
        room = LONGEST_STRING - len(self._string or b"")
        if room > 0:
            self._string = (self._string or b"") + part[:room]

    def _keep_tail(self, text: bytes, position: int) -> None:
        unfinished = _UNFINISHED.search(text, max(position, len(text) - LONGEST_SEQUENCE))
        self._carry = unfinished.group() if unfinished else b""
        if self._string is not None:
            self._grow(text[position : len(text) - len(self._carry)])


def _csi(token: bytes, end: int) -> Finding | None:
    exact = _CSI_EXACT.get(token)
    if exact is not None:
        return Finding(exact, token, end)
    if token[-1:] in b"hl":
        return Finding(Sign.PASTE_ON if token.endswith(b"h") else Sign.PASTE_OFF, token, end)
    for pattern, question in _CSI_QUESTIONS:
        if pattern.fullmatch(token):
            return Finding(question, token, end)
    return None


def _whole(osc: bytes, end: int) -> Finding | None:
    terminator = b"\x07" if osc.endswith(b"\x07") else b"\x1b\\"
    return _string(osc[: min(len(osc) - len(terminator), LONGEST_STRING)], terminator, end)


def _string(string: bytes, terminator: bytes, end: int) -> Finding | None:
    if not _TOLD.match(string):
        return None
    for pattern, kind in _STRINGS:
        match = pattern.fullmatch(string)
        if match:
            return Finding(kind, match.group(1) if isinstance(kind, Sign) else string + terminator, end)
    return None
