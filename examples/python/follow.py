"""Runs a task, prints each of its transitions once across restarts of the manager, and ends with the task's exit code.

    TROUPE_TOKEN=$(cat .troupe/token) /usr/bin/python3 examples/python/follow.py sh -c 'sleep 5; exit 3'

Written from docs/PROTOCOL.md alone. Needs Debian's python3-websockets and python3-msgpack.
"""
import asyncio, itertools, os, random, secrets, sys
import msgpack, websockets

URL = os.environ.get("TROUPE_ADDR", "ws://127.0.0.1:4747")
HELLO = {"type": "ClientHello", "version": "python-example", "token": os.environ.get("TROUPE_TOKEN", "")}
TASK = secrets.token_hex(8)  # Chosen once: sending the same submission again is harmless.
SUBMIT = {"type": "SubmitTask", "req": 1, "taskId": TASK, "spec": {"driver": "process", "command": sys.argv[1:]}}
FOLLOW = {"type": "Subscribe", "req": 2, "topic": "events", "filter": {"ids": [TASK]}}
HOPELESS = {1009, 4000, 4001, 4002}  # Close codes after which dialling again cannot help.
place, over, tries = None, False, 0  # `place` is {logId, revision}: everything up to there was printed.

async def session(ws):
    global place, over, tries
    await ws.send(msgpack.packb({"m": [HELLO, SUBMIT, {**FOLLOW, "from": place or "snapshot"}]}))
    reqs = itertools.count(3)
    while True:
        for message in msgpack.unpackb(await ws.recv())["m"]:
            if message["type"] == "ClientWelcome":
                log, held = message["logId"], []
            elif message["type"] == "Error" and message["retryable"]:
                raise ConnectionError(message["message"])
            elif message["type"] == "Error":
                sys.exit(f"{message['code']}: {message['message']}")
            elif message["type"] == "Reset":
                held = []
            elif message["type"] in ("Snapshot", "Delta", "Mark"):
                held, tries = held + message.get("events", []), 0
                if not message.get("more"):  # Only here may one stop, and resume later.
                    told = place["revision"] if place and place["logId"] == log else -1
                    for event in (event for event in held if event["revision"] > told):
                        print(event["revision"], event["event"]["type"], event["to"], flush=True)
                        over = over or event["to"] in ("Completed", "Failed")
                    place, held = {"logId": log, "revision": message["revision"]}, []
                    if over:
                        query = {"type": "QueryTasks", "req": next(reqs), "filter": {"ids": [TASK]}}
                        await ws.send(msgpack.packb({"m": [query]}))
            elif message["type"] == "Tasks":
                return message["items"][0]

async def run():
    global tries
    while True:
        try:
            async with websockets.connect(URL, subprotocols=["troupe.v1.msgpack"], max_size=2**22) as ws:
                return await session(ws)
        except (OSError, asyncio.TimeoutError, websockets.InvalidHandshake, websockets.ConnectionClosed) as error:
            code = getattr(getattr(error, "rcvd", None), "code", None) or getattr(error, "status_code", None)
            if code in HOPELESS or code == 403:
                sys.exit(f"the manager refuses: {error}")
            await asyncio.sleep(random.random() * min(5, 0.1 * 2 ** (tries := min(tries + 1, 10))))

final = asyncio.run(run())
sys.exit(final["exitCode"] if final["exitCode"] is not None else f"{final['state']}: {final['reason']}")
