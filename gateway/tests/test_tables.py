"""The local copy of the directory: who lives, who holds what, whom to ask."""

from __future__ import annotations

from msgspec.structs import replace

from gestalt_contracts.directory import SessionRecord, WorkerRecord
from gestalt_gateway.session_table import SessionTable
from gestalt_gateway.worker_table import GRACE_SECONDS, SUSPECT_SECONDS, WorkerTable

WORKER = WorkerRecord(
    id="a", address="127.0.0.1:1", pid=1, host="h", capacity=10, version="0", started_at=1.0, generation=1
)
OTHER = replace(WORKER, id="b", address="127.0.0.1:2")
GONE = replace(WORKER, state="gone")
SESSION = SessionRecord(uid="u1", id="Shell 1", worker="a", generation=1, created_at=1.0, status="running")


def table(*workers: WorkerRecord) -> WorkerTable:
    made = WorkerTable()
    made.polled(workers, 0.0)
    return made


def test_a_dead_worker_is_dropped_at_once_and_said_once() -> None:
    workers = table(WORKER, OTHER)
    assert workers.polled([GONE, OTHER], 1.0) == ["a"]
    assert workers.polled([GONE, OTHER], 2.0) == []
    assert workers.alive("a") is None


def test_after_redis_was_away_a_missing_lease_proves_nothing_for_a_while() -> None:
    workers = table(WORKER)
    workers.unsure(1.0)
    assert workers.polled([GONE], 2.0) == []
    assert not workers.heard(GONE, 2.0)
    assert workers.alive("a") == WORKER
    assert workers.polled([GONE], 1.0 + GRACE_SECONDS) == ["a"]


def test_a_worker_that_a_redis_forgot_stays_until_it_had_time_to_come_back() -> None:
    workers = table(WORKER)
    assert workers.polled([], 1.0) == []
    assert workers.polled([WORKER], 2.0) == []
    assert workers.polled([], 10.0) == []
    assert workers.polled([], 10.0 + GRACE_SECONDS) == ["a"]


def test_any_goes_round_and_prefers_those_that_do_not_drain() -> None:
    workers = table(WORKER, OTHER)
    asked = [workers.any((), 0.0) for _ in range(4)]
    assert {worker.id for worker in asked if worker} == {"a", "b"}
    workers.heard(replace(WORKER, state="draining"), 0.0)
    assert {worker.id for _ in range(4) if (worker := workers.any((), 0.0))} == {"b"}
    workers.heard(replace(OTHER, state="gone"), 0.0)
    assert {worker.id for _ in range(4) if (worker := workers.any((), 0.0))} == {"a"}
    assert workers.placement((), 0.0) is None


def test_who_refused_is_passed_over_for_a_moment_unless_nobody_else_is_there() -> None:
    workers = table(WORKER, OTHER)
    workers.suspect(WORKER.address, 0.0)
    assert {worker.id for _ in range(4) if (worker := workers.any((), 0.5))} == {"b"}
    assert workers.any({OTHER.address}, 0.5) == WORKER
    assert {worker.id for _ in range(4) if (worker := workers.any((), SUSPECT_SECONDS + 0.1))} == {"a", "b"}
    assert workers.any({WORKER.address, OTHER.address}, 0.5) is None


def test_what_was_placed_counts_until_the_worker_says_its_load_itself() -> None:
    workers = table(WORKER, replace(OTHER, capacity=8))
    placed = [worker.id for _ in range(6) if (worker := workers.placement((), 0.0))]
    assert (placed.count("a"), placed.count("b")) == (4, 2)
    workers.placement((), 0.0)
    workers.heard(WORKER, 0.0)  # looked at again: it has said nothing new
    assert (chosen := workers.placement((), 0.0)) is not None
    assert chosen.id == "b"
    workers.heard(replace(WORKER, sessions=10, seen_at=WORKER.seen_at + 1), 0.0)
    assert (chosen := workers.placement((), 0.0)) is not None
    assert chosen.id == "b"


def test_a_session_is_found_by_uid_and_id_until_it_ends() -> None:
    sessions = SessionTable()
    sessions.put(SESSION)
    assert sessions.get("u1") == sessions.get("Shell 1")
    sessions.put(replace(SESSION, ended=True))
    assert sessions.get("u1") is None
    assert sessions.get("Shell 1") is None


def test_an_id_that_is_used_again_names_the_new_session() -> None:
    sessions = SessionTable()
    sessions.put(SESSION)
    sessions.put(replace(SESSION, uid="u2"))
    sessions.remove("u1")
    assert (place := sessions.get("Shell 1")) is not None
    assert place.uid == "u2"


def test_a_lost_session_gives_up_its_name_but_not_its_uid() -> None:
    sessions = SessionTable()
    sessions.put(SESSION)
    sessions.put(replace(SESSION, uid="u2"))
    sessions.put(replace(SESSION, name_lost=True))
    assert (place := sessions.get("Shell 1")) is not None
    assert place.uid == "u2"
    assert sessions.get("u1") is not None
    sessions.replace([])
    assert sessions.get("u1") is None
