"""HTTP, WebSocket and SSE: parse, call, render."""
