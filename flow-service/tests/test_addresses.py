"""Where flows may send to: what is refused first, in every spelling; then that what was checked is what is used."""

from __future__ import annotations

import re
import socket
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from flow_process import Publish, Start
from receiver import Receiver
from test_running import finished, hook, whole

from gestalt_contracts.events import Event, now
from gestalt_flow.activities.addresses import AddressRules, Refused
from gestalt_flow.activities.context import Context
from gestalt_flow.activities.output import Output
from gestalt_flow.activities.public_api import PublicApi
from gestalt_flow.activities.web import opened
from gestalt_flow.policy import Failed
from gestalt_flow.records import ActivityRecord, Head


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",  # noqa: S104 - refused
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "::",
        "::1",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::10.0.0.1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",  # Teredo, of 127.0.0.1
    ],
)
def test_no_address_inside_is_allowed(address: str) -> None:
    with pytest.raises(Refused):
        AddressRules().check(address)


def test_what_is_public_or_named_is_allowed() -> None:
    for address in ("8.8.8.8", "2606:4700::1111", "64:ff9b::8.8.8.8"):
        AddressRules().check(address)
    rules = AddressRules(["10.0.0.0/8", "[::1]", "Inside.Example."])
    for address in ("10.1.2.3", "::1", "::ffff:10.1.2.3"):
        rules.check(address)
    assert rules.allows_name("inside.example")
    with pytest.raises(Refused):
        rules.check("192.168.0.1")


class Rebinding(AbstractResolver):
    """Answers in turn, the last answer for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        del family
        self.asked += 1
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=socket.AI_NUMERICHOST
            )
            for address in found
        ]

    async def close(self) -> None:
        """Nothing is held."""


async def sent(resolver: Rebinding, url: str, allowed: list[str]) -> Any:
    """One webhook."""

    async def keep(_: ActivityRecord) -> None:
        """Nothing outlives this test."""

    head = Head("e", "t", Event(type="x", topic="file", occurred_at=now(), data={}), "r")
    context = Context("run", head, ActivityRecord("post_webhook", {"url": url}), {}, keep)
    async with (
        aiohttp.ClientSession() as home,
        opened(AddressRules(allowed), Output(PublicApi("", "", home)), resolver) as web,
    ):
        return await web.post_webhook(context)


async def test_a_name_that_leads_elsewhere_the_second_time_is_looked_up_once(receiver: Receiver) -> None:
    """What it said when it was checked is what is connected to."""
    port = receiver.url.rpartition(":")[2]
    resolver = Rebinding(["127.0.0.1"], ["127.0.0.2"])
    done = await sent(resolver, f"http://rebinding.example:{port}/", ["127.0.0.1"])
    assert (done.status_code, resolver.asked, len(receiver.came)) == (200, 1, 1)
    with pytest.raises(Failed, match=r"127\.0\.0\.2 is not an address"):
        await sent(resolver, f"http://rebinding.example:{port}/", ["127.0.0.1"])
    assert len(receiver.came) == 1


async def test_a_name_with_one_bad_address_is_refused_whole(receiver: Receiver) -> None:
    port = receiver.url.rpartition(":")[2]
    for answer in (["127.0.0.1", "10.0.0.1"], ["10.0.0.1"]):
        with pytest.raises(Failed, match=r"10\.0\.0\.1 is not an address"):
            await sent(Rebinding(answer), f"http://mixed.example:{port}/", ["127.0.0.1"])
    assert receiver.came == []


INSIDE = (
    "http://127.0.0.1:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://127.1:{port}/",
    "http://localhost:{port}/",
    "http://[::1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://[64:ff9b::127.0.0.1]:{port}/",
    "http://0.0.0.0:{port}/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fe80::1]/",
    "http://100.64.0.1/",
    "http://10.0.0.1/",
    "http://224.0.0.1/",
    "http://\uff11\uff12\uff17.0.0.1:{port}/",
    "http://017700000001:{port}/",
    "http://127.0.0.1.:{port}/",
    "http://0:{port}/",
    "http://[::127.0.0.1]:{port}/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[64:ff9b:1::7f00:1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",
    "http://user@127.0.0.1:{port}/",
)


async def test_a_webhook_goes_nowhere_inside(replica: Start, receiver: Receiver, publish: Publish) -> None:
    one = await replica(GESTALT_WEBHOOK_ALLOW="")
    port = receiver.url.rpartition(":")[2]
    configs = [hook(url.format(port=port), f"t{number}") for number, url in enumerate(INSIDE)]
    triggers = [config["triggers"][0] for config in configs]
    bindings = {key: bound for config in configs for key, bound in config["bindings_by_trigger_id"].items()}
    await one.put({"triggers": triggers, "bindings_by_trigger_id": bindings})
    await publish(path="/a")
    for run in await finished(one, len(INSIDE)):
        (activity,) = (await whole(one, run))["activities"]
        (attempt,) = activity["attempts"]
        assert run["status"] == activity["status"] == "failed", run
        assert re.search("is not an address that flows|not a URL that can be called", attempt["error"]), attempt
    assert receiver.came == []


async def test_a_redirect_is_not_followed(replica: Start, receiver: Receiver, publish: Publish) -> None:
    one = await replica()
    receiver.answers, receiver.headers = [302], {"Location": "http://169.254.169.254/"}
    await one.put(hook(receiver.url))
    await publish(path="/a")
    (run,) = await finished(one)
    (activity,) = (await whole(one, run))["activities"]
    assert activity["attempts"][0]["status_code"] == 302
    assert len(receiver.came) == len(activity["attempts"]) == 1
