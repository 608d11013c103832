"""Work on a segment's file beside the writer."""

from __future__ import annotations

from pathlib import Path

from telemetry_world import export

from gestalt_telemetry.store.intake import decoded
from gestalt_telemetry.store.keeper import Keeper, Limits
from gestalt_telemetry.store.wire import Write


def test_the_log_of_a_busy_segment_is_folded_beside_the_work(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path, Limits())
    log = Path(f"{keeper.catalogue.file(1)}-wal")
    sizes = []
    for number in range(40):
        found = decoded(
            Write(0, "logs", "protobuf", export(*(f"{number} {'x' * 200}" for _ in range(1_000))), 1), 1 << 24
        )
        keeper.active.begin()
        keeper.active.add(found.batches, 1)
        keeper.active.commit()
        keeper.active.index_texts()
        keeper.active._checkpoints.wait()
        sizes.append(log.stat().st_size)
    keeper.close()
    assert sizes[-1] < 2 * max(sizes[:12])
    assert not log.exists()
