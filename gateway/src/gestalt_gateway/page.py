"""The built dashboard as answers: one page for every address of it, and assets whose names tell their content."""

from __future__ import annotations

from pathlib import Path

from gestalt_gateway.answers import TEXT_TYPE, Answer
from gestalt_gateway.headers import Headers

FOLDER = Path(__file__).with_name("dashboard")
"""Where `make dashboard` and the image's build put it."""

INDEX = "index.html"
SCREENS = frozenset(
    {"sessions", "plans", "flows", "logs", "traces", "charts", "operations", "agents", "settings"}
)  # fmt: skip
"""First words of addresses within the page, as in the dashboard's screens.ts."""

ASSETS = "assets/"
"""Below it a name has the hash of what it names: it may be kept for ever."""

TYPES = {
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".svg": b"image/svg+xml",
    ".woff2": b"font/woff2",
}
"""What is served; a file of another kind is not."""

PACKED = ".gz"
"""What the build has packed already lies beside itself under this name; without it a file is sent as it is."""

POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    b"base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    b"trusted-types svelte-trusted-html"
)
GUARDS: Headers = [
    (b"content-security-policy", POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
KEPT = (b"cache-control", b"public, max-age=31536000, immutable")
ASKED_AGAIN = (b"cache-control", b"no-cache")
WELCOME = (
    b"Gestalt: the API is under /api, its description at /docs. No dashboard is built: `make dashboard` needs Node.\n"
)


class Page:
    """The files below `folder`, by address. They are listed anew when the page is built anew."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._built: int | None = None
        self._files: dict[str, Path] = {}
        self._answers: dict[tuple[str, bool], Answer] = {}

    def answer(self, path: str, *, packed: bool) -> Answer | None:
        """What `path` shows, gzipped if the client takes that; None for a file there is not."""
        self._look()
        if not self._files:
            return Answer(200, WELCOME, TEXT_TYPE, [*GUARDS, ASKED_AGAIN]) if path == "/" else None
        name = path.removeprefix("/")
        if name not in self._files:
            if name and name.split("/", 1)[0] not in SCREENS:
                return None
            name = INDEX
        return self._shown(name, packed=packed)

    def _look(self) -> None:
        """One `stat`; only a new build is listed."""
        try:
            built = (self._folder / INDEX).stat().st_mtime_ns
        except OSError:
            built = None
        if built != self._built:
            found = self._folder.rglob("*") if built is not None else ()
            self._files = {file.relative_to(self._folder).as_posix(): file for file in found if file.suffix in TYPES}
            self._answers.clear()
            self._built = built

    def _shown(self, name: str, *, packed: bool) -> Answer:
        key = (name, packed)
        if key not in self._answers:
            self._answers[key] = _answer(name, self._files[name], packed=packed)
        return self._answers[key]


def _answer(name: str, file: Path, *, packed: bool) -> Answer:
    headers = [*GUARDS, KEPT if name.startswith(ASSETS) else ASKED_AGAIN]
    smaller = file.with_name(file.name + PACKED)
    if smaller.exists():
        headers.append((b"vary", b"accept-encoding"))
        if packed:
            return Answer(200, smaller.read_bytes(), TYPES[file.suffix], [*headers, (b"content-encoding", b"gzip")])
    return Answer(200, file.read_bytes(), TYPES[file.suffix], headers)
