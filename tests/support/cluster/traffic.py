"""Customers and agents in front of a cluster, and the answers that they got.

Customers write by API, in order within a conversation, and by mail; they repeat what got no clear
answer. Agents claim, answer, complete, release, reroute and escalate, and abandon a few.
"""

import asyncio
import random
import smtplib
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx2

from schemas.routing.departments import DEFAULT
from tests.support.cluster.cluster import Front
from tests.support.json_body import JsonBody
from tests.support.waiting import pass_time

MESSAGES_A_CONVERSATION = 8
TEXTS = (
    "Faturam yanlış",
    "Kargom nerede?",
    "internet yok",
    "selam",
    "iade istiyorum",
    "Şifremi unuttum",
    "I was charged twice",
    "aboneliğimi iptal edin",
)
MAIL_TEXT = "Gazetemiz için röportaj rica ediyoruz."
MAIL_DEPARTMENT = "press"
"""No other text comes to this department: its mails are answered while other lines are long."""
_RETRY_S = 0.3
_ACT_TRIES = 20
_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Load:
    """How much traffic: messages and mails a second in all, and the number of agents."""

    messages: float = 50.0
    mails: float = 3.0
    senders: int = 30
    agents: int = 8


@dataclass
class Sightings:
    """The answers that customers and agents got; times are of time.monotonic."""

    accepted: dict[str, tuple[str, int]] = field(default_factory=dict)
    accepted_at: dict[str, float] = field(default_factory=dict)
    mailed: set[str] = field(default_factory=set)
    claims: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    answers: dict[str, str] = field(default_factory=dict)
    closed: dict[str, set[str]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def note(self, act: str, answer: httpx2.Response) -> None:
        """Count an answer; a 5xx without our JSON or without Retry-After is wrong."""
        self.statuses[f"{act} {answer.status_code}"] += 1
        if answer.status_code >= 500:
            kind = answer.headers.get("content-type", "")
            if answer.status_code == 500 or "json" not in kind:
                self.wrong.append(f"{act}: plain {answer.status_code} {answer.text[:80]}")
            elif "retry-after" not in answer.headers:
                self.wrong.append(f"{act}: {answer.status_code} without Retry-After")


class ClusterTraffic:
    """Senders, writers of mails and agents of one run."""

    def __init__(self, front: Front, load: Load | None = None, seed: int = 7) -> None:
        self._front, self._load = front, load or Load()
        self._random = random.Random(seed)
        self._closing = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._client = httpx2.AsyncClient(
            base_url=front.door,
            timeout=_TIMEOUT_S,
            limits=httpx2.Limits(max_connections=200, max_keepalive_connections=100),
        )
        self.sightings = Sightings()

    def start(self) -> None:
        """Begin to write, and to work."""
        load = self._load
        jobs = [self._sender(n) for n in range(load.senders)]
        jobs += [self._mailer(n, account) for n, account in enumerate(self._front.accounts)]
        jobs += [self._agent(n) for n in range(load.agents)]
        self._tasks = [asyncio.create_task(job) for job in jobs]

    async def stop(self) -> None:
        """Finish each conversation's present message and each agent's present item."""
        self._closing.set()
        await asyncio.gather(*self._tasks)
        await self._client.aclose()

    def failures(self) -> list[BaseException]:
        """Return the faults of this traffic itself."""
        done = [t for t in self._tasks if t.done() and not t.cancelled()]
        return [error for task in done if (error := task.exception())]

    async def _pause(self, seconds: float) -> None:
        if not self._closing.is_set():
            await asyncio.wait([asyncio.ensure_future(self._closing.wait())], timeout=seconds)

    def _headers(self, token: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._front.tokens[token]}"}

    async def _sender(self, number: int) -> None:
        """Write one conversation after the other; each message after the one before is accepted."""
        rng, pace = random.Random(number), self._load.senders / self._load.messages
        conversation = 0
        repeat: JsonBody | None = None
        while not self._closing.is_set():
            conversation += 1
            root = f"{number}-{conversation}"
            for step in range(MESSAGES_A_CONVERSATION):
                if self._closing.is_set():
                    break
                body = {
                    "native_id": f"{root}-{step}",
                    "conversation": root,
                    "text": f"{rng.choice(TEXTS)} #{step}",
                    "sender": {"customer_no": root},
                }
                identifier = await self.send(body)
                self.sightings.accepted.setdefault(identifier, (root, step))
                self.sightings.accepted_at.setdefault(identifier, time.monotonic())
                if rng.random() < 0.05:
                    await self.send(body)
                if repeat is not None and rng.random() < 0.01:
                    await self.send(repeat)
                repeat = body
                await self._pause(rng.uniform(0.5, 1.5) * pace)

    async def send(self, body: JsonBody) -> str:
        """Write one message until the door accepts it; return its id."""
        while True:
            try:
                answer = await self._client.post(
                    "/v1/messages", json=body, headers=self._headers("door")
                )
            except httpx2.TransportError as error:
                self.sightings.statuses[f"send {type(error).__name__}"] += 1
            else:
                self.sightings.note("send", answer)
                if answer.status_code == 202:
                    return str(answer.json()["id"])
            await pass_time(_RETRY_S)

    async def _mailer(self, number: int, account: str) -> None:
        """Write mails of customers who never wrote before, each until it is accepted."""
        count, pace = 0, len(self._front.accounts) / self._load.mails
        while not self._closing.is_set():
            count += 1
            sender = f"c{number}x{count}@musteri.example"
            while not await asyncio.to_thread(self._mail, sender, f"{account}@destek.example"):
                await pass_time(_RETRY_S)
            self.sightings.mailed.add(sender)
            await self._pause(pace)

    def _mail(self, sender: str, recipient: str) -> bool:
        text = (
            f"From: <{sender}>\r\nTo: <{recipient}>\r\nMessage-ID: <{sender}>\r\n"
            f"Subject: Basın\r\n\r\n{MAIL_TEXT}\r\n"
        )
        try:
            with smtplib.LMTP("127.0.0.1", self._front.mail_door, timeout=30) as client:
                client.sendmail(sender, [recipient], text.encode())
        except smtplib.SMTPResponseException as error:
            self.sightings.statuses[f"mail {error.smtp_code}"] += 1
            return False
        except smtplib.SMTPRecipientsRefused as error:
            self.sightings.statuses[f"mail {next(iter(error.recipients.values()))[0]}"] += 1
            return False
        except (smtplib.SMTPException, OSError) as error:
            self.sightings.statuses[f"mail {type(error).__name__}"] += 1
            return False
        self.sightings.statuses["mail 250"] += 1
        return True

    async def _agent(self, number: int) -> None:
        """Claim and work on items until the end."""
        name, departments = f"agent{number}", list(DEFAULT)
        while not self._closing.is_set():
            mails = self._random.random() < 0.3
            department = MAIL_DEPARTMENT if mails else self._random.choice(departments)
            body = {"agent": name, "count": 6}
            claimed = await self._act("claim", f"/v1/desk/{department}/claim", body, tries=1)
            if claimed is not None:
                self.sightings.claims.append(time.monotonic())
                for item in claimed["items"]:
                    await self._work_on(item, name)
            await self._pause(0.15)

    async def _work_on(self, item: JsonBody, agent: str) -> None:
        chance, path = self._random.random(), f"/v1/desk/items/{item['id']}"
        lease = {"lease": item["lease"]}
        if chance < 0.02:
            return  # abandoned: the lease runs out
        if chance < 0.10:
            await self._act("heartbeat", f"{path}/heartbeat", lease)
        if item["messages"][-1]["channel"] == "email":
            text = f"Cevap {item['id']}"
            reply = await self._act("reply", f"{path}/reply", {**lease, "text": text})
            if reply is not None:
                self.sightings.answers[text] = item["messages"][-1]["sender"]["handles"][0]["value"]
        hops = item["decision"]["hops"]
        if 0.10 < chance < 0.15:
            await self._act("release", f"{path}/release", lease)
            return
        verb, body = "complete", lease
        if 0.15 < chance < 0.30 and hops < 2:
            others = [d for d in DEFAULT if d != item["department"]]
            move = {"department": self._random.choice(others), "reason": "yanlış birim"}
            verb, body = "reroute", {**lease, **move}
        elif 0.30 < chance < 0.36 and hops < 2:
            verb, body = "escalate", {**lease, "reason": "acil"}
        closed = await self._act(verb, f"{path}/{verb}", body)
        if closed is not None:
            self.sightings.closed.setdefault(closed["outcome"], set()).add(agent)

    async def _act(
        self, act: str, path: str, body: JsonBody, tries: int = _ACT_TRIES
    ) -> JsonBody | None:
        """Do one thing at the desk, again while it answers 5xx; None where it can't be done."""
        for _ in range(tries):
            try:
                answer = await self._client.post(path, json=body, headers=self._headers("desk"))
            except httpx2.TransportError as error:
                self.sightings.statuses[f"{act} {type(error).__name__}"] += 1
            else:
                self.sightings.note(act, answer)
                if answer.status_code == 200:
                    result: JsonBody = answer.json()
                    return result
                if answer.status_code < 500:
                    return None
            await pass_time(_RETRY_S)
        return None
