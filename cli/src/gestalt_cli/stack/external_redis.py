"""A Redis that somebody else runs: fit for us, and not already another workspace's."""

from __future__ import annotations

from urllib.parse import urlsplit

from gestalt_cli.api import reason
from gestalt_cli.errors import CommandFailed
from gestalt_contracts.channels import Names
from gestalt_contracts.directory import DirectoryUnavailable
from gestalt_contracts.redis_client import UnfitServer, away_as, check_server, create_redis
from gestalt_contracts.redis_directory import RedisDirectory


async def claim(url: str, *, namespace: str, workspace_id: str) -> None:
    """Check the server and note whose data it holds from now on. Raises CommandFailed if it cannot be ours."""
    try:
        client = create_redis(url, name="gestalt-up")
    except ValueError as error:
        raise CommandFailed(f"gestalt up: REDIS_URL: {error}") from error
    names = Names(namespace)
    try:
        with away_as(DirectoryUnavailable):
            await check_server(client)
        holder = await RedisDirectory(client, names).bind_workspace(workspace_id)
    except (DirectoryUnavailable, UnfitServer) as error:
        raise CommandFailed(f"gestalt up: cannot use Redis at {shown(url)}: {reason(error)}") from error
    finally:
        await client.aclose()
    if holder != workspace_id:
        raise CommandFailed(
            f"gestalt up: Redis at {shown(url)} belongs to another workspace; give this one a GESTALT_NAMESPACE"
        )


def shown(url: str) -> str:
    """The URL without its password."""
    parts = urlsplit(url)
    return parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}{parts.path}"
