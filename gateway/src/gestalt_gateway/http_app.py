"""The ASGI application: admit, answer or forward, log. Every way out of a request is here."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar

import structlog

from gestalt_contracts.auth import Receive, Scope, Send
from gestalt_contracts.errors import GestaltError, InvalidRequest, NotFound, Unavailable
from gestalt_gateway.absent_owner import AbsentOwner
from gestalt_gateway.access_log import AccessLog
from gestalt_gateway.answers import Reply, refusal
from gestalt_gateway.body import HungUp, RequestBody
from gestalt_gateway.door import Admitted, Door
from gestalt_gateway.metrics import Metrics
from gestalt_gateway.own_routes import OwnRoutes
from gestalt_gateway.page import Page
from gestalt_gateway.proxy import Broken, Proxy
from gestalt_gateway.request import Request, from_scope
from gestalt_gateway.routing import Kind, Upstream, is_api, template_of
from gestalt_gateway.tally import Tally
from gestalt_serving.tracing import Tracer, traceparent_of

CLIENT_CLOSED = 499
"""What logs say of a client that went away before it was answered (nginx's number)."""

INGEST = b"/v1/"
"""What brings telemetry is not told of: it would be told of for ever."""

log = structlog.get_logger(__name__)


class Failure(GestaltError):
    """A mistake of ours."""

    status: ClassVar[int] = 500


class HttpApp:
    """Answers every HTTP request."""

    def __init__(  # noqa: PLR0913 - one argument for each thing that an answer needs
        self,
        *,
        door: Door,
        proxy: Proxy,
        own: OwnRoutes,
        page: Page,
        absent: AbsentOwner,
        metrics: Metrics,
        access: AccessLog,
        tally: Tally,
        tracer: Tracer,
        agent_of: Callable[[str | None], str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._door = door
        self._proxy = proxy
        self._own = own
        self._page = page
        self._absent = absent
        self._metrics = metrics
        self._access = access
        self._tally = tally
        self._tracer = tracer
        self._agent_of = agent_of
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; the server closes the connection when its answer was not completed."""
        started = self._clock()
        begun = None if scope["raw_path"].startswith(INGEST) else self._tracer.begin(traceparent_of(scope))
        request = from_scope(scope, begun.context if begun else None)
        reply = Reply(send, request.id)
        template, ref = await self._answer(request, receive, reply)
        seconds = self._clock() - started
        status = reply.status or CLIENT_CLOSED
        self._access.answered(request, template, status, seconds)
        self._metrics.answered(request.method, template, status, None if reply.lasted else seconds)
        if is_api(request.path) and not reply.lasted and template != "unknown":
            self._tracer.answered(begun, request.method, template, status)
            self._tally.answered(request.method, template, status, seconds, self._agent_of(ref))

    async def _answer(self, request: Request, receive: Receive, reply: Reply) -> tuple[str, str | None]:
        """Answer, or refuse; the route's label, and whom it names."""
        admitted = None
        try:
            admitted = await self._door.admit(request)
            await self._serve(admitted, receive, reply)
        except HungUp:
            pass
        except Broken as error:
            log.warning("answer broken off", request_id=request.id.decode("latin-1"), reason=str(error))
        except GestaltError as error:
            await reply.whole(refusal(error))
        except Exception:
            log.exception("request failed", request_id=request.id.decode("latin-1"))
            if reply.status is None:
                await reply.whole(refusal(Failure("internal error")))
        return (admitted.route.template, admitted.ref) if admitted else (template_of(request.path), None)

    async def _serve(self, admitted: Admitted, receive: Receive, reply: Reply) -> None:
        upstream = admitted.route.upstream
        if upstream is Upstream.PAGE:
            packed = b"gzip" in (admitted.request.header(b"accept-encoding") or b"")
            answer = self._page.answer(admitted.request.path, packed=packed)
            if answer is None:
                raise NotFound("not found")
            await reply.whole(answer)
        elif upstream is Upstream.GATEWAY:
            body = await RequestBody(receive, admitted.body_limit).read_all()
            await reply.whole(await self._own.answer(admitted, body))
        elif admitted.route.kind is Kind.WEBSOCKET:
            raise InvalidRequest(
                "this is a WebSocket: send an upgrade request", headers={"Sec-WebSocket-Version": "13"}
            )
        else:
            await self._forward(admitted, receive, reply)

    async def _forward(self, admitted: Admitted, receive: Receive, reply: Reply) -> None:
        answer = await self._absent.answer(admitted)
        if answer is None:
            try:
                await self._proxy.forward(admitted, receive, reply)
            except Unavailable:
                answer = await self._absent.answer_instead(admitted)
                if answer is None or reply.status is not None:
                    raise
        if answer is not None:
            await reply.whole(answer)
