"""What this service's own exceptions are to a client."""

from __future__ import annotations

from gestalt_contracts.errors import Unavailable
from gestalt_serving.errors import Handler, answering
from gestalt_telemetry.refusals import StoreUnreadable, TookTooLong

HANDLERS: dict[type[Exception], Handler] = {
    StoreUnreadable: answering(lambda: Unavailable("the store cannot be read now", headers={"Retry-After": "1"})),
    TookTooLong: answering(lambda: Unavailable("the query takes too long; narrow it by time, level or session")),
}
