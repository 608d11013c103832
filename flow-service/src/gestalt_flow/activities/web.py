"""HTTP requests to elsewhere: addresses checked, no redirects, signed when asked, never through a proxy."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from gestalt_flow.activities.addresses import AddressRules, CheckedResolver, Refused, check_literal
from gestalt_flow.activities.context import Context
from gestalt_flow.activities.output import Output
from gestalt_flow.policy import Done, Failed, is_transient
from gestalt_flow.secrets import NoSecret, resolved
from gestalt_flow.targets import BODY

CONNECTIONS = 100
ANSWER_BYTES = 64 * 1024  # of an answer that is read so that its connection can be used again
AGENT = "Gestalt-Flow"


class Web:
    """One pooled client."""

    def __init__(self, rules: AddressRules, session: aiohttp.ClientSession, output: Output) -> None:
        self._rules = rules
        self._session = session
        self._output = output

    async def post_webhook(self, context: Context) -> Done:
        """POST the event, or what its template says."""
        return await self._send(context, "POST")

    async def http_request(self, context: Context) -> Done:
        """Any method."""
        return await self._send(context, context.text("method").upper())

    async def _send(self, context: Context, method: str) -> Done:
        text = await self._output.text(context, BODY)
        url, headers, body = request_of(context, method, text)
        timeout = aiohttp.ClientTimeout(total=float(context.value("timeout_seconds")))
        try:
            check_literal(self._rules, url.host)
            async with self._session.request(
                method, url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                await answer.content.read(ANSWER_BYTES)
                return _judged(answer.status)
        except Refused as error:
            raise Failed(str(error)) from error
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, Refused):
                raise Failed(str(error.os_error)) from error
            raise Failed(f"cannot reach {url.host}: {error.os_error}", lasting=False) from error
        except aiohttp.InvalidURL as error:
            raise Failed(f"not a URL that can be called: {error}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Failed(f"{type(error).__name__}: {error}", lasting=False) from error
        except TimeoutError:
            raise Failed(f"no answer within {timeout.total:g} s", lasting=False) from None


def _judged(status: int) -> Done:
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's class
        return Done(status_code=status)
    redirect = " (redirects are not followed)" if 300 <= status < 400 else ""  # noqa: PLR2004 - likewise
    raise Failed(f"answered {status}{redirect}", status=status, lasting=not is_transient(status))


def request_of(context: Context, method: str, text: str) -> tuple[URL, dict[str, str], bytes | None]:
    """Where to, with which headers, what; a blank `text` is the event. Raises Failed."""
    try:
        url = URL(resolved(context.text("url"), context.environment))
        given = json.loads(resolved(context.text("headers_json") or "{}", context.environment))
        secret = resolved(context.text("signing_secret"), context.environment)
    except NoSecret as error:
        raise Failed(str(error)) from error
    except ValueError as error:
        raise Failed(f"the request cannot be made: {error}") from error
    if url.scheme not in {"http", "https"}:
        raise Failed("only http and https URLs are called")
    body, kind = _body(context, method, text)
    headers = {"User-Agent": AGENT, "Idempotency-Key": context.key, **kind}
    if body is not None and secret:
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers["X-Gestalt-Signature"] = f"sha256={digest}"
    known = {name.lower() for name in given}
    return url, {**{k: v for k, v in headers.items() if k.lower() not in known}, **given}, body


def _body(context: Context, method: str, text: str) -> tuple[bytes | None, dict[str, str]]:
    if method in {"GET", "HEAD"}:
        return None, {}
    if text.strip():
        return text.encode("utf-8", "replace"), {"Content-Type": "text/plain; charset=utf-8"}
    whole = json.dumps(context.event_json, ensure_ascii=False, separators=(",", ":"))
    return whole.encode("utf-8", "replace"), {"Content-Type": "application/json"}


@asynccontextmanager
async def opened(rules: AddressRules, output: Output, resolver: AbstractResolver | None = None) -> AsyncIterator[Web]:
    """A client that lives as long as the block. Names are looked up for each connection: nothing is remembered.

    `resolver`: who looks them up; the system when nobody is named.
    """
    connector = aiohttp.TCPConnector(
        resolver=CheckedResolver(rules, resolver or ThreadedResolver()), limit=CONNECTIONS, use_dns_cache=False
    )
    async with aiohttp.ClientSession(
        connector=connector, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        yield Web(rules, session, output)
