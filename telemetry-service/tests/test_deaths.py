"""What ended without a stop is counted until there is one."""

from __future__ import annotations

from pathlib import Path

from gestalt_telemetry.deaths import Deaths


def begun(mark: Path) -> Deaths:
    deaths = Deaths(mark)
    deaths.begin()
    return deaths


def die(deaths: Deaths) -> None:
    """What the kernel does of it."""
    assert deaths._held is not None
    deaths._held.close()


def test_a_folder_that_cannot_be_written_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    deaths = begun(tmp_path / "file" / "alive")
    assert (deaths.count, deaths.last) == (0, "")
    deaths.end()


def test_a_second_service_on_the_folder_is_no_death(tmp_path: Path) -> None:
    first = begun(tmp_path / "alive")
    second = begun(tmp_path / "alive")
    assert second.count == 0
    second.end()
    die(first)
    third = begun(tmp_path / "alive")
    assert third.count == 1
    third.end()


def test_the_deaths_of_writers_are_kept(tmp_path: Path) -> None:
    first = begun(tmp_path / "alive")
    assert [first.with_those_of(writers) for writers in (0, 1, 3)] == [0, 1, 3]
    die(first)
    second = begun(tmp_path / "alive")
    assert (second.count, second.with_those_of(1)) == (4, 5)
    second.end()


def test_each_death_is_counted_until_a_stop(tmp_path: Path) -> None:
    mark = tmp_path / "telemetry" / "alive"
    for count in range(3):
        deaths = begun(mark)
        assert deaths.count == count
        assert deaths.last.endswith(": the service ended without a stop") == bool(count)
        die(deaths)
    begun(mark).end()
    last = begun(mark)
    assert last.count == 0
    last.end()
