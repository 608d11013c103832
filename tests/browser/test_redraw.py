"""Our screens held against the xterm.js that the page uses: redraw and what follows equal the whole replay."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator

import pytest

from gestalt_session.screen.engine import SLICE, Engine
from gestalt_session.screen.script import bundle_path
from tests.browser.conftest import ROOT, Opens
from tests.support.client import Api

pytestmark = pytest.mark.asyncio(loop_scope="package")
LIBRARIES = ROOT / "dashboard" / "node_modules" / "@xterm"
SCRIPTS = ("xterm/lib/xterm.js", "addon-unicode11/lib/addon-unicode11.js")
CUTS = 8
LARGEST = 256 * 1024
PROGRAMS = {
    "colours and wrapped lines": r"""
        printf '\e[1;38;5;200mbold\e[0;48;2;1;2;3m back\e[m '; printf 'wrapped %.0s' {1..40}
        printf '\n\e[3;4:3;58;5;9mcurly\e[m'; seq 60; printf '\e[5;10Hplaced'
        printf 'on\e[K and on'; ls -l --color=always /""",
    "wide and combining characters": r"""
        printf '中文字符 e\u0301 \U1F600 안녕하세요'; printf '%.0s中' {1..60}
        printf '\e[3;7H\e[P\e[@x\e[1;1H\e[2K文'
        printf 'a\u0308\n\n漢'""",
    "alternate screen and regions": r"""
        printf 'before'; printf '\e7\e[?1049h\e[3;12r\e[?6h'; seq 30; printf '\e[?2004h\e[?1h'
        printf '\e[2;3Hin the region\eM\eM\e[?25l'
        printf '\e[?1049l\e8after'; seq 5""",
    "charsets, tabs and insertion": r"""
        printf '\e(0lqqk\e(B\e[3g\e[5G\eH\e[11G\eH\r\ta\tb\tc'
        printf '\e[4hinserted\e[4l\e[?7l'; printf 'x%.0s' {1..120}
        printf '\e[?7h\e[2;4Hz\e[3b\e[1L\e[2M'""",
    "a progress bar": r"""
        for i in {1..60}; do printf '\r\e[K\e[32m%3d%%\e[m %*s' $i $i '#'; done; printf '\n'""",
    "git": "git init -q r; cd r; touch a b; git -c color.ui=always status; git --no-pager help -a | head -90",
    "vim": "vim -u NONE -c 'syntax on' -c 'set number' -c 'normal ihello é' -c 'vsplit' -c 'redraw' -c 'qa!' text.py",
}
"""As a terminal gets them; real programs in all their ways are recorded in session-service/tests."""

COMPARE = """async ([all, redraw, rest, cols, rows]) => {
    const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
    const made = async (...parts) => {
        const terminal = new Terminal({cols, rows, scrollback: 1000, allowProposedApi: true})
        terminal.loadAddon(new Unicode11Addon.Unicode11Addon())
        terminal.unicode.activeVersion = '11'
        for (const part of parts) await new Promise((done) => terminal.write(bytes(part), done))
        return terminal
    }
    const line = (buffer, number) => {
        const row = buffer.getLine(number)
        const cells = Array.from({length: cols}, (_, column) => {
            const cell = row.getCell(column)
            return [
                cell.getChars() || ' ', cell.getWidth(), cell.getFgColorMode(), cell.getFgColor(),
                cell.getBgColorMode(), cell.getBgColor(), cell.isBold(), cell.isItalic(), cell.isDim(),
                cell.isUnderline(), cell.isBlink(), cell.isInverse(), cell.isInvisible(),
                cell.isStrikethrough(), cell.isOverline(),
            ].join()
        })
        return `${row.isWrapped}|${cells.join(';')}`
    }
    const told = (buffer) => Array.from({length: buffer.length}, (_, number) => line(buffer, number))
    const whole = await made(all), again = await made(redraw, rest)
    const found = []
    for (const name of ['normal', 'alternate']) {
        const [one, two] = [whole.buffer[name], again.buffer[name]].map(told)
        const shared = Math.min(one.length, two.length)
        one.slice(-shared).forEach((text, row) => {
            if (text !== two.slice(-shared)[row]) found.push([name, row, text, two.slice(-shared)[row]])
        })
    }
    const rest_of = ({buffer: {active}, modes}) => JSON.stringify([active.type, active.cursorX, active.cursorY, modes])
    if (rest_of(whole) !== rest_of(again)) found.push([rest_of(whole), rest_of(again)])
    return JSON.stringify(found.slice(0, 3))
}"""


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """What the screen process asks."""
    made = Engine(bundle_path().read_text())
    yield made
    made.close()


@pytest.mark.parametrize("size", [(80, 24), (41, 13)], ids=str)
@pytest.mark.parametrize("name", PROGRAMS)
async def test_a_redraw_goes_on_as_the_whole_would(
    opens: Opens, api: Api, engine: Engine, name: str, size: tuple[int, int]
) -> None:
    page = await opens("/healthz", bypass_csp=True)
    for script in SCRIPTS:
        await page.add_script_tag(path=LIBRARIES / script)
    said = await written(api, PROGRAMS[name], size)
    for cut in random.Random(name).sample(range(len(said)), CUTS):  # noqa: S311 - reproducible, not secret
        cursor, redraw = redrawn(engine, said[:cut], size)
        parts = [base64.b64encode(part).decode() for part in (said, redraw, said[cursor:])]
        assert json.loads(await page.evaluate(COMPARE, [*parts, *size])) == [], cursor


async def written(api: Api, command: str, size: tuple[int, int]) -> bytes:
    """All that a program says to a terminal of that size."""
    made = await api.create(["bash", "-c", command], cols=size[0], rows=size[1])
    async with api.viewer(made["uid"]) as viewer:
        assert await viewer.closed() == 1000
        return bytes(viewer.data)


def redrawn(engine: Engine, said: bytes, size: tuple[int, int]) -> tuple[int, bytes]:
    """How far a terminal has come that was told this, and what draws it again."""
    engine.open(1, *size)
    position = 0
    while taken := engine.feed(1, said[position : position + SLICE]):
        position += taken
    return position, engine.picture(1, LARGEST).redraw.encode("utf-8", "replace")
