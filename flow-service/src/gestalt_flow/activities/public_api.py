"""Our own public API, as flows use it: through the gateway, with the cause attached."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
from msgspec import structs

from gestalt_contracts.tracing import TRACEPARENT, current_traceparent
from gestalt_flow.activities.context import Context
from gestalt_flow.policy import Failed, is_transient

CALL_SECONDS = 12.0  # POST input waits 10 s for a program that does not read
ANSWER_BYTES = 4 * 1024 * 1024
LONGEST_ID = 128  # of an event id in the header: what is too long would be dropped, and the depth with it
NOT_FOUND = 404


class PublicApi:
    """A client of the gateway at `url`, recognised by the internal `token`."""

    def __init__(self, url: str, token: str, session: aiohttp.ClientSession) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._session = session

    async def call(
        self, context: Context, method: str, path: str, *, body: Any = None, raw: bytes | None = None, key: str = ""
    ) -> tuple[int, Any]:
        """Status and JSON of an answer below 500 that is not 408 or 429. Raises Failed for all others."""
        if not self._url:
            raise Failed("GESTALT_URL is not set: there is no gateway to act through")
        headers = {"Authorization": f"Bearer {self._token}", "X-Gestalt-Cause": cause_of(context)}
        traceparent = current_traceparent()
        if traceparent is not None:
            headers[TRACEPARENT] = traceparent
        if key:
            headers["Idempotency-Key"] = key
        data = raw if raw is not None else None if body is None else msgspec.json.encode(body)
        timeout = aiohttp.ClientTimeout(total=CALL_SECONDS)
        try:
            async with self._session.request(
                method, self._url + path, data=data, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                content = await answer.content.read(ANSWER_BYTES)
                while not answer.content.at_eof() and len(content) < ANSWER_BYTES:
                    content += await answer.content.read(ANSWER_BYTES - len(content))
        except (aiohttp.ClientError, OSError) as error:
            raise Failed(f"the gateway does not answer: {type(error).__name__}", lasting=False) from error
        except TimeoutError:
            raise Failed("the gateway does not answer in time", lasting=False) from None
        said = _json(content)
        if is_transient(answer.status):
            raise Failed(_message(said, answer.status), status=answer.status, lasting=False)
        return answer.status, said

    async def ask(self, context: Context, method: str, path: str, **more: Any) -> Any:
        """The JSON of a success. Raises Failed for everything else."""
        status, said = await self.call(context, method, path, **more)
        if status >= 400:  # noqa: PLR2004 - HTTP's class
            raise Failed(_message(said, status), status=status)
        return said


def session_path(ref: str, *words: str) -> str:
    """`/api/sessions/<ref>/…`."""
    return "/".join(("/api/sessions", quote(ref, safe=""), *words))


def cause_of(context: Context) -> str:
    """The header that says which flow this is done for."""
    cause = context.head.cause
    return msgspec.json.encode(structs.replace(cause, event_id=cause.event_id[:LONGEST_ID])).decode()


def _json(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content) if content.strip() else None
    except msgspec.MsgspecError:
        return None


def _message(said: Any, status: int) -> str:
    return str(said.get("message", f"answered {status}")) if isinstance(said, dict) else f"answered {status}"
