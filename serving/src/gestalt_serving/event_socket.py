"""A WebSocket of events."""

from __future__ import annotations

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

GOING_AWAY = 1001
STOPPING = "server stopping"


class EventSocket(WebSocketsSansIOProtocol):
    """uvicorn's, but its stop says the contract's word, where uvicorn's own is 1012."""

    def shutdown(self) -> None:
        """The server stops."""
        if self.handshake_complete and not self.close_sent:
            self.close_sent = True
            self.queue.put_nowait({"type": "websocket.disconnect", "code": GOING_AWAY})
            self.conn.send_close(GOING_AWAY, STOPPING)
            self.transport.write(b"".join(self.conn.data_to_send()))
        super().shutdown()
