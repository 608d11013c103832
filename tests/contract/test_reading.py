"""What a session wrote, read in every way there is: output, history, recording, viewers (contract §3)."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support import programs
from tests.support.client import Api
from tests.support.eventually import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
LINES = 30
WRITTEN = b"".join(b"\x1b[3%dm%d\x1b[0m\r\n" % (number % 8, number) for number in range(1, LINES + 1))
LAST = WRITTEN.rindex(b"\x1b[36m30")
"""Where the last line starts."""


def socket(api: Api, uid: str, query: str = "", **options: Any) -> connect:
    url = f"ws{api.url.removeprefix('http')}/ws/session/{quote(uid)}?{query}"
    return connect(url, proxy=None, compression=None, **options)


async def frame(connection: ClientConnection) -> str | bytes:
    """The next one."""
    async with asyncio.timeout(5):
        return await connection.recv()


async def received(connection: ClientConnection, count: int) -> bytes:
    """So many bytes of output, or more; who leads is told beside it."""
    data = b""
    while len(data) < count:
        chunk = await frame(connection)
        if isinstance(chunk, str):
            assert json.loads(chunk)["type"] == "leader"
        else:
            data += chunk
    return data


async def wrote(api: Api, uid: str, count: int) -> bool:
    """Whether so many bytes are in the journal."""
    return bool((await api.session(uid))["output_bytes"] >= count)


async def closed(api: Api, uid: str) -> bool:
    return bool((await api.session(uid))["status"] == "closed")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def coloured(api: Api) -> dict[str, Any]:
    """A running session that has written WRITTEN."""
    script = 'for n in $(seq 1 30); do printf "\\033[3%dm%d\\033[0m\\n" $((n % 8)) $n; done; exec sleep 600'
    session = await api.create(["sh", "-c", script])
    await eventually(lambda: wrote(api, session["uid"], len(WRITTEN)))
    return session


async def test_output_is_the_last_lines_with_their_escapes(api: Api, coloured: dict[str, Any]) -> None:
    answer = await api.get(f"/api/sessions/{coloured['uid']}/output")
    assert set(answer) == {"id", "lines", "cursor"}
    assert (answer["id"], answer["cursor"]) == (coloured["id"], len(WRITTEN))
    assert "\n".join(answer["lines"]).rstrip("\n") == WRITTEN.decode().rstrip("\n")


async def test_text_has_no_escapes(api: Api, coloured: dict[str, Any]) -> None:
    for route in ("output", "history"):
        answer = await api.get(f"/api/sessions/{coloured['uid']}/{route}", format="text")
        assert [line for line in answer["lines"] if line] == [str(number) for number in range(1, LINES + 1)]


async def test_a_page_says_where_it_begins_and_how_to_go_on(api: Api, coloured: dict[str, Any]) -> None:
    path = f"/api/sessions/{coloured['uid']}/history"
    first = await api.get(path, lines=10, format="text")
    assert set(first) == {"id", "lines", "cursor", "next_before"}
    assert first["cursor"] == len(WRITTEN)
    assert first["lines"] == [str(number) for number in range(21, 31)]
    second = await api.get(path, lines=10, format="text", before_cursor=first["next_before"])
    assert second["lines"] == [str(number) for number in range(11, 21)]
    assert second["cursor"] == second["next_before"] == WRITTEN.index(b"\x1b[33m11")
    third = await api.get(path, lines=10, before_cursor=second["next_before"])
    assert (third["cursor"], third["next_before"]) == (0, None)


async def test_before_the_beginning_is_nothing_and_beyond_the_end_is_the_end(
    api: Api, coloured: dict[str, Any]
) -> None:
    path = f"/api/sessions/{coloured['uid']}/history"
    nothing = await api.get(path, before_cursor=0)
    assert (nothing["lines"], nothing["cursor"], nothing["next_before"]) == ([], 0, None)
    beyond = await api.get(path, before_cursor=10**9, lines=1, format="text")
    assert beyond["lines"] == [str(LINES)]
    blank = await api.get(path, before_cursor="", lines="")
    assert blank["cursor"] == len(WRITTEN)


async def test_invalid_utf_8_shows_as_replacement_characters(api: Api) -> None:
    session = await api.create(["printf", "caf\\303\\251 \\377 \\342\\202\n"])
    await eventually(lambda: closed(api, session["uid"]))
    (line,) = (await api.get(f"/api/sessions/{session['uid']}/history", format="text"))["lines"]
    assert line.startswith("café \ufffd \ufffd")


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("cursor=0", 0),
        ("cursor=17", 17),
        (f"tail={len(WRITTEN) - LAST}", LAST),
        (f"tail={len(WRITTEN) - LAST - 1}", len(WRITTEN)),
        ("tail=1000000", 0),
        (f"tail={len(WRITTEN) - 5}", WRITTEN.index(b"\x1b[32m2")),
        ("cursor=999999999", len(WRITTEN)),
        ("cursor=-1", len(WRITTEN)),
        ("cursor=x", len(WRITTEN)),
        ("", len(WRITTEN)),
    ],
)
async def test_a_viewer_begins_where_it_asked_to(api: Api, coloured: dict[str, Any], query: str, first: int) -> None:
    async with socket(api, coloured["uid"], f"{query}&control=1") as viewer:
        ready = json.loads(await frame(viewer))
        assert ready == {"type": "ready", "cursor": first, "cols": 80, "rows": 24, "readonly": False}
        assert await received(viewer, len(WRITTEN) - first) == WRITTEN[first:]


async def test_without_control_no_text_is_sent_and_the_subprotocol_asks_for_it_too(api: Api) -> None:
    session = await api.create(programs.echo())
    async with socket(api, session["uid"], "cursor=0") as plain:
        assert await received(plain, len(programs.BEGUN)) == programs.BEGUN
        async with socket(api, session["uid"], subprotocols=["gestalt.control"]) as told:
            assert told.subprotocol == "gestalt.control"
            assert json.loads(await frame(told))["type"] == "ready"
            assert json.loads(await frame(told)) == {"type": "leader", "you": True}
            await told.send('{"type":"resize","cols":91,"rows":31}')
            assert json.loads(await frame(told)) == {"type": "resize", "cols": 91, "rows": 31}
        await plain.send(b"typed")
        await plain.send(" too")
        assert await received(plain, 9) == b"typed too"
        await plain.send(programs.END)
        with pytest.raises(ConnectionClosed):
            await frame(plain)
        assert (plain.close_code, plain.close_reason) == (1000, "session closed")


async def test_who_comes_after_the_end_gets_everything_then_the_exit_and_the_close(api: Api) -> None:
    session = await api.create(["sh", "-c", "printf done; exit 3"])
    await eventually(lambda: closed(api, session["uid"]))
    async with socket(api, session["uid"], "cursor=0&control=1") as viewer:
        assert json.loads(await frame(viewer))["type"] == "ready"
        assert await received(viewer, 4) == b"done"
        assert json.loads(await frame(viewer)) == {"type": "exit", "exit_code": 3}
        with pytest.raises(ConnectionClosed):
            await frame(viewer)
        assert (viewer.close_code, viewer.close_reason) == (1000, "session closed")


@pytest.mark.parametrize("ref", ["nope", "nope 1/", "a/b", " "])
async def test_a_socket_of_no_session_is_opened_and_closed_with_4404(api: Api, ref: str) -> None:
    async with socket(api, ref, "control=1") as viewer:
        with pytest.raises(ConnectionClosed):
            await frame(viewer)
        assert (viewer.close_code, viewer.close_reason) == (4404, "terminal not found")


async def test_a_session_that_is_deleted_closes_its_viewers_and_its_socket_is_4404_from_then_on(api: Api) -> None:
    session = await api.create(programs.echo(), title="short")
    async with api.viewer(session["uid"]) as viewer:
        await viewer.shows(programs.BEGUN)
        assert (await api.delete(session["id"])).status_code == 204
        assert await viewer.closed() == 1000
        assert viewer.exited
    again = await api.create(programs.echo(), title="short")
    assert again["id"] == session["id"]
    for ref, code in ((session["uid"], 4404), (again["uid"], None)):
        async with socket(api, ref, "cursor=0") as late:
            if code is None:
                assert await received(late, len(programs.BEGUN)) == programs.BEGUN
            else:
                with pytest.raises(ConnectionClosed):
                    await frame(late)
                assert late.close_code == code


async def test_by_id_the_new_session_answers_and_by_uid_the_old_ones_journal(api: Api) -> None:
    old = await api.create(["printf", "old"], title="heir")
    await eventually(lambda: closed(api, old["uid"]))
    await api.delete(old["uid"])
    assert (await api.get("/api/sessions/heir 1/history"))["lines"] == ["old"]
    new = await api.create(["printf", "new"], title="heir")
    await eventually(lambda: closed(api, new["uid"]))
    assert (await api.get("/api/sessions/heir 1/history"))["lines"] == ["new"]
    assert (await api.get(f"/api/sessions/{old['uid']}/history"))["lines"] == ["old"]
    assert "old" in (await api.http.get(f"/api/sessions/{old['uid']}/recording")).text


@pytest.mark.parametrize(
    ("form", "version", "size"), [("", 2, ("width", "height")), ("v2", 2, ("width", "height")), ("v3", 3, None)]
)
async def test_a_recording_is_an_asciicast(
    api: Api, coloured: dict[str, Any], form: str, version: int, size: tuple[str, str] | None
) -> None:
    path = f"/api/sessions/{coloured['uid']}/recording"
    answer = await api.http.get(path, params={"format": form} if form else {})
    assert answer.headers["content-type"].startswith("application/x-asciicast")
    header, *lines = [json.loads(line) for line in answer.text.splitlines()]
    assert header["version"] == version
    wanted = (header[size[0]], header[size[1]]) if size else (header["term"]["cols"], header["term"]["rows"])
    assert wanted == (80, 24)
    assert "".join(data for _, kind, data in lines if kind == "o") == WRITTEN.decode()
    times = [time for time, _, _ in lines]
    assert times == sorted(times) or version == 3
    assert all(time >= 0 for time in times)


async def test_a_recording_of_another_format_is_refused(api: Api, coloured: dict[str, Any]) -> None:
    answer = await api.http.get(f"/api/sessions/{coloured['uid']}/recording", params={"format": "gif"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("method", "action", "body"),
    [
        ("GET", "", None),
        ("GET", "/output", None),
        ("GET", "/history", None),
        ("GET", "/progress", None),
        ("GET", "/input-history", None),
        ("GET", "/recording", None),
        ("PATCH", "", b"{}"),
        ("POST", "/input", b"x"),
        ("POST", "/input-history", b'{"command":"c"}'),
        ("POST", "/bell", None),
        ("POST", "/resize", b'{"cols":80,"rows":24}'),
        ("POST", "/signal", b'{"signal":"CONT"}'),
    ],
)
@pytest.mark.parametrize("which", ["uid", "id"])
async def test_uid_and_id_name_the_session_on_every_route_with_and_without_a_slash(
    api: Api, coloured: dict[str, Any], method: str, action: str, body: bytes | None, which: str
) -> None:
    path = f"/api/sessions/{quote(coloured[which])}{action}"
    for place in (path, f"{path}/"):
        answer: httpx.Response = await api.http.request(method, place, content=body)
        assert answer.is_success, answer.text


async def test_a_plain_session_has_no_progress(api: Api, coloured: dict[str, Any]) -> None:
    assert await api.get(f"/api/sessions/{coloured['uid']}/progress") == {"has_progress": False}
