"""What becomes of segments: followed, dropped, damaged, lost from the catalogue, started again."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from telemetry_world import NS, World, eventually, export, running

from gestalt_telemetry.store import schema
from gestalt_telemetry.store.keeper import Keeper, Limits

pytestmark = pytest.mark.asyncio(loop_scope="module")


def segments(folder: Path) -> list[Path]:
    return sorted((folder / "telemetry").glob("segment-*.db"))


async def fill(world: World, batches: int, *, text: str = "record") -> None:
    for batch in range(batches):
        await world.logs(*(f"{text} {batch} {number}" for number in range(100)))


async def everything(world: World) -> list[str]:
    found: list[str] = []
    before: dict[str, str] = {}
    while page := await world.get("/api/otel/logs", limit=1000, **before):
        found = [one["body"]["stringValue"] for one in page] + found
        before = {"before": page[0]["id"]}
    return found


async def test_a_restart_finds_everything_and_goes_on_counting(tmp_path: Path) -> None:
    async with running(tmp_path, telemetry_segment_records=300) as world:
        await fill(world, 8)
        stored = await everything(world)
    async with running(tmp_path, telemetry_segment_records=300) as world:
        assert await everything(world) == stored
        await world.logs("last")
        assert (await world.get("/api/otel/logs", limit=1))[0]["id"] == "801"
        assert await world.bodies(query="last") == ["last"]


async def test_what_is_dropped_frees_its_bytes_and_the_rest_stays_whole(tmp_path: Path) -> None:
    async with running(tmp_path, telemetry_segment_records=1_000, telemetry_size=1 << 20) as world:
        await world.get("/api/otel/logs")  # a reader has the first segment open
        await fill(world, 60, text="x" * 300)
        await eventually(lambda: segments(tmp_path)[0].name != "segment-000001.db", 10)
        await eventually(lambda: not _open_and_unlinked(), 5)
        found = await everything(world)
        assert found == [f"{'x' * 300} {batch} {number}" for batch in range(60) for number in range(100)][-len(found) :]
        assert 0 < len(found) < 6_000


def _open_and_unlinked() -> list[str]:
    links = [str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return [link for link in links if "segment" in link and "deleted" in link]


async def test_records_older_than_the_retention_go(tmp_path: Path) -> None:
    async with running(tmp_path, telemetry_retention=2.0) as world:
        await world.logs("short-lived", time=1)

        async def gone() -> bool:
            return await world.bodies() == []

        await eventually(gone, 15)


async def test_late_and_early_records_are_found_by_their_own_time_across_segments(tmp_path: Path) -> None:
    async with running(tmp_path, telemetry_segment_records=100) as world:
        for number in range(6):
            await world.send("logs", export(*(f"{number}" for _ in range(100)), time=(number + 1) * 3600 * NS))
        await world.send("logs", export("late", time=3600 * NS))
        await world.send("logs", export("absurd", time=(1 << 63) - 1))
        asked = {"since": "1970-01-01T01:00:00Z", "until": "1970-01-01T01:00:00Z", "limit": 1000}
        assert await world.bodies(**asked) == ["0"] * 100 + ["late"]
        buckets = (await world.get("/api/otel/logs/histogram", step="1h"))["buckets"]
        assert [bucket["counts"]["info"] for bucket in buckets] == [101, 100, 100, 100, 100, 100, 1]


async def test_text_is_found_before_and_after_it_is_indexed_and_over_segments(tmp_path: Path) -> None:
    async with running(tmp_path, telemetry_segment_records=100) as world:
        for start in range(0, 500, 50):
            await world.logs(*(f"entry number {number:04d} of many" for number in range(start, start + 50)))
        assert await world.bodies(query="NUMBER 0123 of") == ["entry number 0123 of many"]
        assert len(await world.bodies(query="entry", limit=1000)) == 500
        assert await world.bodies(query="0499") == ["entry number 0499 of many"]
        assert len(list((tmp_path / "telemetry").glob("segment-*.db"))) > 3
        histogram = await world.get("/api/otel/logs/histogram")
        assert sum(sum(bucket["counts"].values()) for bucket in histogram["buckets"]) == 500
        filtered = await world.get("/api/otel/logs/histogram", query="0123")
        assert [bucket["counts"] for bucket in filtered["buckets"]] == [{"info": 1}]


@pytest.mark.parametrize("how", ["torn", "emptied", "overwritten"])
async def test_a_damaged_segment_is_set_aside_and_said_so(tmp_path: Path, how: str) -> None:
    async with running(tmp_path, telemetry_segment_records=300) as world:
        await fill(world, 9)
    victim = segments(tmp_path)[1]
    data = victim.read_bytes()
    damaged = {
        "torn": data[: len(data) // 2],
        "emptied": b"",
        "overwritten": data[:8192] + b"\xa5" * (len(data) - 8192),
    }
    victim.write_bytes(damaged[how])
    async with running(tmp_path, telemetry_segment_records=300) as world:

        async def told() -> bool:
            return bool((await world.client.get("/readyz")).json()["damaged_segments"])

        await eventually(told, 10)
        assert (tmp_path / "telemetry" / "damaged" / victim.name).exists()
        found = await everything(world)
        assert len(found) == 600
        await world.logs("after")
        assert (await everything(world))[-1] == "after"


async def test_a_damaged_active_segment_costs_itself_only_and_no_id_is_given_twice(tmp_path: Path) -> None:
    async with running(tmp_path, telemetry_segment_records=300) as world:
        await fill(world, 4)
        last = int((await world.get("/api/otel/logs", limit=1))[0]["id"])
    segments(tmp_path)[-1].write_bytes(b"nothing of SQLite" * 1000)
    async with running(tmp_path, telemetry_segment_records=300) as world:
        assert len(await everything(world)) == 300
        await world.logs("after")
        (found,) = await world.get("/api/otel/logs", query="after")
        assert int(found["id"]) > last


@pytest.mark.parametrize("how", ["lost", "damaged"])
async def test_a_catalogue_is_made_anew_from_the_segments(tmp_path: Path, how: str) -> None:
    async with running(tmp_path, telemetry_segment_records=300) as world:
        await fill(world, 7)
        stored = await everything(world)
    for path in (tmp_path / "telemetry").glob("catalogue.db*"):
        path.unlink()
    if how == "damaged":
        (tmp_path / "telemetry" / "catalogue.db").write_bytes(b"\0" * 4096 * 3)
    async with running(tmp_path, telemetry_segment_records=300) as world:
        assert await everything(world) == stored
        await world.logs("after")
        assert await everything(world) == [*stored, "after"]


async def test_a_second_service_on_the_folder_does_not_write(tmp_path: Path) -> None:
    async with running(tmp_path) as world:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("gestalt_telemetry.app.WRITER_SECONDS", 0.5)
            async with running(tmp_path) as second:
                refused = await second.send("logs", export("two writers"))
                assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
                await world.logs("one writer")
        assert await world.bodies() == ["one writer"]


async def test_a_writer_that_is_behind_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gestalt_telemetry.store.client.MOST_WAITING_BYTES", 1_000)
    bodies = [export("x" * 600) for _ in range(20)]
    answers = await asyncio.gather(*(world.send("logs", body) for body in bodies))
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {200, 429}
    assert all(answer.headers["retry-after"] == "1" for answer in answers if answer.status_code == 429)
    assert len(await everything(world)) == statuses.count(200)


async def test_the_files_are_what_sqlite_calls_whole(tmp_path: Path) -> None:
    async with running(tmp_path, telemetry_segment_records=300) as world:
        await fill(world, 7)
    for path in segments(tmp_path):
        connection = sqlite3.connect(path)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()


async def test_a_segment_that_somebody_holds_is_not_taken_for_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "BUSY_SECONDS", 0.01)
    keeper = Keeper(tmp_path, Limits())
    path = keeper.catalogue.file(keeper.active.number)
    keeper.close()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")

    with pytest.raises(sqlite3.OperationalError, match="locked"):
        Keeper(tmp_path, Limits())
    holder.close()

    again = Keeper(tmp_path, Limits())
    assert (again.damaged, again.active.number) == (0, 1)
    again.close()


async def test_a_complete_segment_has_one_index_and_an_empty_log(tmp_path: Path) -> None:
    async with running(tmp_path, telemetry_segment_records=3_000) as world:
        for number in range(0, 3_400, 200):
            await world.logs(*(f"entry number {one}" for one in range(number, number + 200)))
            await world.bodies(query="entry", limit=1)  # a reader has it open

        def parts() -> int:
            connection = sqlite3.connect(f"file:{segments(tmp_path)[0]}?mode=ro", uri=True)
            found = connection.execute("SELECT count(DISTINCT segid) FROM texts_idx").fetchone()[0]
            connection.close()
            return int(found)

        await eventually(lambda: parts() == 1, 10)
        assert await world.bodies(query="number 2999") == ["entry number 2999"]
