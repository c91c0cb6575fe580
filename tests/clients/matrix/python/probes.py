"""What each client is asked, in the same words for all of them."""
import asyncio
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

WAIT = "WAITFOR DELAY '00:00:%02d'; SELECT 1 AS a"
EXACT = json.loads((Path(__file__).parent.parent / "exact.json").read_text())


class Cannot(Exception):
    """The client has no way to do this."""


@dataclass
class Answer:
    """What a caller of the client gets of a call."""

    text: str
    structured: Any = None
    error: bool = False


@dataclass
class Said:
    """What a group of probes works with."""

    job: dict
    say: Callable
    ask: Callable
    connected: Callable
    told: Callable
    patience: float


def of_result(r):
    """The answer in a CallToolResult, whichever way its fields are written."""
    text = "\n".join(c.text for c in r.content if getattr(c, "text", None) is not None)
    structured = getattr(r, "structuredContent", None) or getattr(r, "structured_content", None)
    return Answer(text, structured, bool(getattr(r, "isError", None) or getattr(r, "is_error", None)))


def rows(answer):
    """The rows of the first result set, from what the caller gets."""
    for form in (answer.text, answer.structured):
        try:
            made = json.loads(form) if isinstance(form, str) else form
            return made["results"][0]["rows"]
        except (ValueError, TypeError, KeyError, IndexError):
            continue
    return None


async def attempt(with_, call):
    """A call that must end: its answer, or the exception as an answer."""
    try:
        return await asyncio.wait_for(call, with_.patience)
    except Cannot:
        raise
    except asyncio.CancelledError:
        # A client that ends its own group cancels its caller, who did nothing.
        if asyncio.current_task().cancelling():
            asyncio.current_task().uncancel()
        return Answer("the caller was cancelled", error=True)
    except TimeoutError:
        return Answer("no answer", None, True)
    except Exception as e:  # noqa: BLE001 what a client throws is what is to be shown
        return Answer("exception: " + with_.told(e), None, True)


async def main_probes(with_):
    async with with_.connected() as session:
        wanted = [name for name, _ in with_.job["tools"]]
        got = await session.tools()
        lost = sorted(set(wanted) ^ set(got))
        with_.say("list", "no" if lost else "yes", "" if not lost else "not all tools", lost)
        bad = []
        for name, arguments in with_.job["tools"]:
            if arguments is None:
                continue
            answer = await attempt(with_, session.call(name, arguments))
            if answer.error or not (answer.text or answer.structured):
                bad.append(f"{name}: {answer.text[:200]}")
        with_.say("call_all", "no" if bad else "yes", "not every call" if bad else "", bad)
        answer = await attempt(with_, session.call("execute_sql", {"query": "SELECT * FROM nope"}))
        told = "Invalid object name" in answer.text and "208" in answer.text
        how = "as an exception" if answer.text.startswith("exception: ") else "as an error" if answer.error else "as if it were an answer"
        with_.say("tool_error", "yes" if told else "no", how if told else "the caller is not told why", answer.text)
        answer = await attempt(with_, session.call("execute_sql", {"query": EXACT["query"]}))
        with_.say("exact", *(("yes", "") if rows(answer) == [EXACT["row"]] else ("no", "the values are not what they were")), answer.text)
        await resources(with_, session)
        await progress(with_, session)


async def resources(with_, session):
    try:
        found = await asyncio.wait_for(session.resources(), with_.patience)
        if not found:
            with_.say("resources", "no", "the list is empty")
            return
        text = await asyncio.wait_for(session.read(found[0]), with_.patience)
        with_.say("resources", "yes" if text else "no", "" if text else "nothing is read", found[0])
    except Cannot as e:
        with_.say("resources", "cannot", str(e))
    except Exception as e:  # noqa: BLE001
        with_.say("resources", "no", "the list is refused", with_.told(e))


async def progress(with_, session):
    heard = []
    try:
        answer = await attempt(with_, session.call("execute_sql", {"query": WAIT % 3}, lambda *a, **k: heard.append((a, k))))
    except Cannot as e:
        with_.say("progress", "cannot", str(e))
        return
    await asyncio.sleep(0.2)
    if answer.error:
        with_.say("progress", "no", "the call failed", answer.text)
    else:
        with_.say("progress", "yes" if heard else "no", "" if heard else "none came", heard[:3])


async def timeout_probe(with_):
    async with with_.connected(timeout=2.0) as session:
        # What is only done once is not part of the time.
        await attempt(with_, session.call("execute_sql", {"query": "SELECT 1 AS a"}))
        await with_.ask("mark")
        began = time.monotonic()
        answer = await attempt(with_, session.call("execute_sql", {"query": WAIT % 12}))
        took = time.monotonic() - began
        if not answer.error:
            with_.say("timeout", "no", "it waits for the answer", f"{took:.1f} s {answer.text}")
            return
        if took > 8:
            with_.say("timeout", "no", "it does not return", f"{took:.1f} s {answer.text}")
            return
        ended = (await with_.ask("ended"))["ended"]
        after = await attempt(with_, session.call("execute_sql", {"query": "SELECT 1 AS a"}))
        alive = "" if not after.error else ", and the connection is of no more use"
        seen = f"{took:.1f} s {answer.text} / {ended} / {after.text}"
        if ended:
            with_.say("timeout", "yes", "the query stops" + alive, seen)
        else:
            with_.say("timeout", "no", "the query runs on" + alive, seen)


async def restart_probe(with_):
    ending = []
    try:
        async with with_.connected() as session:
            one = {"query": "SELECT 1 AS a"}
            before = await attempt(with_, session.call("execute_sql", one))
            if before.error:
                with_.say("restart", "no", "there was no connection", before.text)
                return
            await with_.ask("restart")
            for words in ("by itself", "after one retry"):
                answer = await attempt(with_, session.call("execute_sql", one))
                if not answer.error:
                    with_.say("restart", "yes", words, ending)
                    return
                ending.append(answer.text)
                # An event stream that ended is opened again after three seconds.
                await asyncio.sleep(4 if "sse" in with_.job["label"] else 1)
            with_.say("restart", *never(with_, ending), ending)
    except Exception as e:  # noqa: BLE001 a group that ends with its server is an end that is told
        ending.append(with_.told(e))
        with_.say("restart", *never(with_, ending), ending)


def never(with_, ending):
    """What is said of a client that does not get over it. Over stdio it cannot, but it must say so."""
    # An old client may lose the first call and know better at the second.
    if all(text == "no answer" for text in ending):
        return "no", "it hangs"
    if with_.job["transport"] == "stdio" and not with_.job.get("bridge"):
        return "yes", "the end is told"
    return "no", "a new connection is needed"
