"""Passing on to another OTLP endpoint: what it means when that one is away, slow, or says no."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from pydantic import ValidationError
from telemetry_world import NS, TOKEN, eventually, export, export_spans, running

from gestalt_contracts.bus_memory import InMemoryBus
from gestalt_contracts.service_logs import LOG_RECORDS, published
from gestalt_telemetry.forwarding.forwarder import AGENT, Forwarder, Remote
from gestalt_telemetry.forwarding.policy import FIRST_SECONDS, MOST_SECONDS, Verdict, pause, retry_after, verdict
from gestalt_telemetry.forwarding.queue import Queue
from gestalt_telemetry.forwarding.requests import encoded
from gestalt_telemetry.otlp import json, protobuf
from gestalt_telemetry.settings import Settings
from gestalt_telemetry.store.wire import Write

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MIB = 1 << 20


class Collector:
    """A remote end: remembers what it took, and answers as it is told."""

    def __init__(self) -> None:
        self.status, self.headers = 200, dict[str, str]()
        self.asked = 0
        self.came: list[tuple[str, bytes, dict[str, str]]] = []
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * MIB)
        app.router.add_post("/base/v1/{signal}", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.05)  # zero would mean without limit
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/base"
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        self.asked += 1
        body = await request.read()  # aiohttp unpacks it
        if self.status == 200:
            self.came.append((request.match_info["signal"], body, dict(request.headers)))
        return web.Response(status=self.status, headers=self.headers)

    def texts(self) -> list[str]:
        found = [protobuf.logs(body).batches for signal, body, _ in self.came if signal == "logs"]
        return [log.body for batches in found for batch in batches for log in batch.logs]


def write(*texts: str) -> Write:
    return Write(0, "logs", "protobuf", export(*texts), 1)


def queued(folder: Path) -> list[Path]:
    return list(folder.glob("*.otlp"))


def forwarder(folder: Path, url: str, limit: int = MIB) -> Forwarder:
    return Forwarder(Queue(folder, limit), Remote(url, {"x-key": "secret"}), limit=MIB, jitter=lambda: 0.0)


@pytest.mark.parametrize(
    ("status", "means"),
    [(200, "SENT"), (202, "SENT"), (400, "REFUSED"), (413, "REFUSED"), (500, "REFUSED"), (501, "REFUSED")]
    + [(status, "AGAIN") for status in (301, 308, 401, 403, 404, 407, 408, 429, 502, 503, 504)],
)
def test_what_an_answer_means(status: int, means: str) -> None:
    assert verdict(status) is Verdict[means]


@given(st.integers(min_value=1, max_value=10_000), st.floats(min_value=0, max_value=3600), st.floats(0, 1))
def test_a_pause_is_bounded_and_never_shorter_than_asked(failures: int, asked: float, chance: float) -> None:
    found = pause(failures, asked, lambda: chance)
    assert asked <= found <= max(asked, MOST_SECONDS)
    assert found >= FIRST_SECONDS / 2


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, 0), ("", 0), ("7", 7), (" 7 ", 7), ("-7", 0), ("soon", 0), ("1.5", 0), ("٣", 0), ("9" * 400, 3600),
        ("Thu, 01 Jan 2026 00:00:09 GMT", 9), ("Wed, 31 Dec 2025 00:00:00 GMT", 0),
        ("Thu, 01 Jan 2099 00:00:00 GMT", 3600),
    ],
)  # fmt: skip
def test_retry_after_is_read_in_both_its_forms(value: str | None, seconds: float) -> None:
    assert retry_after(value, NOW) == seconds


@pytest.mark.parametrize("url", ["collector:4318", "ftp://x", "http://", "https://x/?a=b", "/v1", "http://x/#f"])
def test_what_is_no_endpoint_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="endpoint"):
        Settings(otel_remote_endpoint=url)


def test_headers_come_from_a_file_and_are_shown_nowhere(tmp_path: Path) -> None:
    (tmp_path / "headers").write_text("authorization=Bearer%20abc, x-scope = 1\n")
    settings = Settings(otel_remote_headers_file=tmp_path / "headers")
    assert settings.remote_headers == {"authorization": "Bearer abc", "x-scope": "1"}
    assert "abc" not in repr(Settings(otel_remote_headers="authorization=abc"))


def test_a_queue_is_found_again_whole_and_in_order(tmp_path: Path) -> None:
    first = Queue(tmp_path, MIB)
    assert first.open()
    for number in range(5):
        first.put("logs", "json", b"%d" % number, gzip=False)
    (tmp_path / "00000000000000000001.logs.json.plain.otlp.part").write_bytes(b"half of it")
    (tmp_path / "notes.txt").write_text("not ours")
    second = Queue(tmp_path, MIB)
    assert not second.open(), "its owner lives"
    first.close()
    assert second.open()
    assert [second.body(one) for one in second.oldest(9)] == [b"0", b"1", b"2", b"3", b"4"]
    second.put("traces", "protobuf", b"later", gzip=True)
    last = second.oldest(9)[-1]
    assert (second.body(last), last.signal, last.form, last.gzip) == (b"later", "traces", "protobuf", True)
    assert not list(tmp_path.glob("*.part"))
    second.close()


def test_a_full_queue_lets_the_oldest_go_and_counts_them(tmp_path: Path) -> None:
    queue = Queue(tmp_path, 100)
    queue.open()
    for number in range(12):
        queue.put("logs", "json", b"%010d" % number, gzip=False)
    gone = Queue.body(queue, queue.oldest(1)[0])
    assert (len(queue), queue.size, queue.dropped, gone) == (10, 100, 2, b"0000000002")
    assert sum(path.stat().st_size for path in tmp_path.glob("*.otlp")) == 100
    queue.close()


def test_what_is_encoded_anew_says_the_same() -> None:
    logs = protobuf.logs(export("one", "two", severity=13, attributes={"k": "v"}, time=5, trace=b"t" * 16)).batches
    assert json.logs(encoded("logs", logs)).batches == logs
    spans = protobuf.traces(export_spans(("outer", 1, 0, 5), ("inner", 2, 1, 6))).batches
    assert json.traces(encoded("traces", spans)).batches == spans
    point = b'{"dataPoints": [{"timeUnixNano": "5", "asDouble": 1.5}]}'
    raw = b'{"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "m", "gauge": %b}]}]}]}' % point
    metrics = json.metrics(raw).batches
    assert json.metrics(encoded("metrics", metrics)).batches == metrics


async def test_it_is_sent_with_its_headers_and_leaves_the_queue(tmp_path: Path) -> None:
    async with Collector() as collector:
        sender = forwarder(tmp_path, collector.url)
        async with sender.running():
            await sender.take(write("one"))
            packed = Write(0, "logs", "protobuf", gzip.compress(export("two")), 1, gzip=True)
            await sender.take(packed)
            await eventually(lambda: sender.sent == 2 and not queued(tmp_path))
        assert sorted(collector.texts()) == ["one", "two"]
        _, _, headers = collector.came[0]
        assert (headers["x-key"], headers["User-Agent"]) == ("secret", AGENT)
        assert headers["Content-Type"] == "application/x-protobuf"
        assert sender.dropped == 0


async def test_what_the_remote_end_refuses_is_dropped_and_counted_and_what_comes_after_is_sent(tmp_path: Path) -> None:
    async with Collector() as collector:
        collector.status = 400
        sender = forwarder(tmp_path, collector.url)
        async with sender.running():
            await sender.take(write("bad"))
            await eventually(lambda: sender.dropped == 1)
            collector.status = 200
            await sender.take(write("good"))
            await eventually(lambda: collector.texts() == ["good"])


async def test_while_it_asks_to_be_left_alone_it_is(tmp_path: Path) -> None:
    async with Collector() as collector:
        collector.status, collector.headers = 503, {"Retry-After": "2"}
        sender = forwarder(tmp_path, collector.url)
        async with sender.running():
            await sender.take(write("one"))
            await eventually(lambda: collector.asked == 1)
            collector.status, begun = 200, asyncio.get_running_loop().time()
            await sender.take(write("two"))
            await eventually(lambda: len(collector.texts()) == 2)
            assert asyncio.get_running_loop().time() - begun >= 1.8
    assert collector.asked == 3


async def test_what_was_queued_is_sent_by_who_comes_after_a_kill(tmp_path: Path) -> None:
    """The one that queued it is simply left: nothing of it is flushed or closed but its lock, as a kill does."""
    nowhere = forwarder(tmp_path, "http://127.0.0.1:9")
    async with nowhere.running():
        for text in "abcdef":
            await nowhere.take(write(text))
    async with Collector() as collector:
        heir = forwarder(tmp_path, collector.url)
        async with heir.running():
            await eventually(lambda: sorted(collector.texts()) == list("abcdef"))


async def test_what_is_stored_is_passed_on_once_and_nothing_in_a_circle(tmp_path: Path) -> None:
    async with Collector() as collector:
        more: dict[str, Any] = {"otel_remote_endpoint": collector.url, "otel_remote_headers": "x-key=1"}
        async with running(tmp_path, **more) as world:
            assert world.client.headers["authorization"] == f"Bearer {TOKEN}"
            await world.logs("passed on", time=5 * NS)
            agent = {"user-agent": AGENT}
            await world.send("logs", export("came from one of us"), **agent)
            stamped = await world.send("logs", export("of a session"), **{"x-gestalt-session": "uid-1"})
            assert stamped.status_code == 200
            refused = await world.send("logs", b"\xff\xff")
            assert refused.status_code == 400

            def both() -> bool:
                return len(collector.came) >= 2

            await eventually(both)
            kinds: Callable[[str], list[bytes]] = lambda kind: [  # noqa: E731 - the two are told apart by their type
                body for _, body, headers in collector.came if headers["Content-Type"] == kind
            ]
            (plain,) = kinds("application/x-protobuf")
            assert ExportLogsServiceRequest.FromString(plain) == ExportLogsServiceRequest.FromString(
                export("passed on", time=5 * NS)
            )
            ours = [
                log for body in kinds("application/json") for batch in json.logs(body).batches for log in batch.logs
            ]
            assert "of a session" in [log.body for log in ours]
            assert "came from one of us" not in [log.body for log in ours]
            text = (await world.client.get("/metrics")).text
            assert "gestalt_forward_dropped_total 0.0" in text


async def test_what_our_services_told_before_a_restart_is_not_passed_on_again(tmp_path: Path) -> None:
    bus = InMemoryBus()
    async with Collector() as collector:
        for message in ("before", "after"):
            async with running(tmp_path, bus, otel_remote_endpoint=collector.url):
                record = {"time": 5, "level": "warning", "message": message}
                assert await published(bus, LOG_RECORDS, {"service": "gateway", "records": [record]})
                await eventually(lambda message=message: message in told(collector))
        assert [text for text in told(collector) if text in {"before", "after"}] == ["before", "after"]


def told(collector: Collector) -> list[str]:
    """The log records that came as JSON, which is how our own are passed on."""
    bodies = [
        body for signal, body, headers in collector.came if signal == "logs" and "json" in headers["Content-Type"]
    ]
    return [log.body for body in bodies for batch in json.logs(body).batches for log in batch.logs]
