"""One end of a connection (PROTOCOL.md, sections 2, 4, 5, 7, 14 and 15)."""

import asyncio
import time

from . import values, wire
from .credit import charge_of, read_total
from .errors import GOAWAY_CODES, CallError, Malformed, SessionError, name_of
from .items import Items
from .once import FEATURE
from .outgoing import SENDS, Call
from .reassembly import Unfinished
from .requests import Notifications, Requests
from .sending import Sender


class Peer:
    """Calls the peer, and serves it."""

    def __init__(self, reader, writer, *, role, calls=(), serves=None,
                 limits=None, protocol="", credentials=None, authenticate=None,
                 once=None, runs_once=()):
        self.role = role  # 0: client, 1: server
        self.limits = limits or wire.Limits()
        self.remote = wire.EARLY if role == 0 else None
        self.calls = list(calls)  # methods to call, in the order of their numbers
        self.serves = serves or {}  # name: (shape, handler)
        self.protocol = protocol
        self.credentials = credentials
        self.authenticate = authenticate
        self.once = once  # of a server: the store of outcomes
        self.runs_once = runs_once  # names of methods that run at most once
        self.hello = None
        self.incidents = {}
        self.unfinished = Unfinished()  # messages to this end
        self.outgoing = {}
        self.requests = Requests(self, parity=role)
        self.notifications = Notifications(self)
        self.items = Items(self)
        self.sender = Sender(self, writer)
        self.closed = None  # error for new calls once none may begin
        self.ended = asyncio.get_running_loop().create_future()
        self.ended.add_done_callback(lambda it: it.cancelled() or it.exception())
        self.draining = asyncio.Event()
        self._opened = asyncio.get_running_loop().create_future()
        self._opened.add_done_callback(lambda it: it.cancelled() or it.exception())
        self._reader, self._writer = reader, writer
        self._next_id = 1 if role == 0 else 2
        self._pings, self._ping_count, self._refreshes = {}, 0, {}
        self._refresh_count = 0
        self._ping_times, self._pong = [], None
        self._drained = False
        self._read_at = 0.0
        self.over = False
        if role == 0:
            self._send_hello()
        self._tasks = [
            asyncio.ensure_future(self._read()),
            asyncio.ensure_future(self._heartbeat()),
        ]

    # ── sending ───────────────────────────────────────────────────────────

    def write(self, kind, id, body=b"", flags=0):
        """Writes one frame immediately."""
        if not self.over:
            self._writer.write(wire.frame(kind, id, body, flags))

    @property
    def once_in_use(self):
        """Whether both ends offer the feature."""
        return bool(self.runs_once and self.hello.features & FEATURE)

    def server_time(self):
        """Returns the server's time in ms, as OUTCOMES and our clock say."""
        passed = asyncio.get_running_loop().time() - self._opened_at
        return self.hello.outcomes[0] + int(passed * 1000)

    async def call(self, name, value=values.UNDEFINED, *, timeout=None,
                   metadata=None, opening=None, once=None):
        """Begins a call; returns after its REQUEST has been written."""
        number, method = self._method(name)
        call = Call(self, method)
        loop = asyncio.get_running_loop()
        ends_at = None if timeout is None else loop.time() + timeout
        if timeout is not None:
            call.limit(timeout)
        if method.shape in SENDS:
            value = b"" if opening is None else values.encode(opening)
        else:
            value = values.encode(value)

        def body():
            deadline = b""
            if ends_at is not None:
                left = max(0, int((ends_at - loop.time()) * 1000))
                deadline = wire.tlv(wire.DEADLINE, left.to_bytes(4, "big"))
            block = wire.fields(
                deadline, once.field() if once else b"",
                wire.metadata_field(metadata),
            )
            return number.to_bytes(2, "big") + block + value

        def begin():
            call.started(self._next_id)
            self._next_id += 2
            self.outgoing[call.id] = call
            return call.id, body()

        def needed():
            if call.state == "queued":
                return self.closed is None
            return call.state in ("open", "ended")

        try:
            call.sent_whole = await self.sender.request(len(body()), begin, needed)
        except asyncio.CancelledError:
            call.cancel()
            raise
        if call.state == "queued":
            call.state = "done"
            call.settle(self.closed)
        return call

    async def request(self, name, value=values.UNDEFINED, **options):
        """Makes a unary call and returns its result."""
        return await (await self.call(name, value, **options)).result

    async def notify(self, name, value=values.UNDEFINED, metadata=None):
        """Sends a notification."""
        number, _ = self._method(name)
        body = number.to_bytes(2, "big")
        body += wire.fields(wire.metadata_field(metadata)) + values.encode(value)
        if self.closed is not None:
            raise self.closed
        if not await self.sender.notify(body):
            raise self.closed

    def _method(self, name):
        for number, method in enumerate(self.calls):
            if method.name == name:
                return number, method
        raise KeyError(name)

    def served(self, number):
        """Returns the method under a number of the peer, and its handler."""
        if number >= len(self.hello.methods):
            return None, None
        method = self.hello.methods[number]
        shape, handler = self.serves.get(method.name, (None, None))
        return (method, handler) if shape == method.shape else (None, None)

    def settled(self, call):
        """Removes an incoming call after its terminal."""
        self.requests.calls.pop(call.id, None)
        self.check_drained()

    # ── receiving ─────────────────────────────────────────────────────────

    async def _read(self):
        loop = asyncio.get_running_loop()
        self._read_at = loop.time()
        most = wire.HEADER + max(self.limits.max_frame_body, wire.MAX_HELLO)
        try:
            timer = loop.call_later(
                self.limits.handshake_timeout, self._handshake_late
            )
            while not self.over:
                length = int.from_bytes(await self._reader.readexactly(4), "big")
                if not wire.HEADER <= length <= most:
                    self.fail("protocol", f"a frame of {length} bytes")
                    break
                frame = await self._reader.readexactly(length)
                self._read_at = loop.time()
                kind, flags = frame[0], frame[1]
                id = int.from_bytes(frame[2:8], "big")
                if self.hello is None:
                    await self._receive_hello(kind, frame[8:])
                    timer.cancel()
                else:
                    self._receive(kind, flags, id, frame[8:])
        except Malformed as error:
            self.fail("protocol", str(error))
        except (asyncio.IncompleteReadError, OSError):
            self._finish(SessionError("disconnected"))

    def _handshake_late(self):
        if self.hello is None:
            self.fail("timeout", "the handshake took too long")

    def _send_hello(self, mismatches=()):
        auth = None
        if self.role == 0 and self.credentials is not None:
            auth = values.encode(self.credentials)
        body = wire.encode_hello(wire.Hello(
            role=self.role, limits=self.limits, methods=self.calls,
            protocol=self.protocol, auth=auth, mismatches=list(mismatches),
            features=FEATURE if self.runs_once else 0,
            outcomes=self.once and (int(time.time() * 1000), self.once.id),
        ))
        self.write(wire.HELLO, 0, body)

    async def _receive_hello(self, kind, body):
        if kind == wire.GOAWAY and self.role == 0:
            return self._receive_goaway(body)
        if kind != wire.HELLO:
            return self.fail("protocol", "the first frame is not HELLO")
        if len(body) > wire.MAX_HELLO:
            return self.fail("too-large", "HELLO is too large")
        if wire.check_version(body) != 1:
            return self.fail("version", "only version 1 is supported")
        hello = wire.decode_hello(body)
        if hello.role == self.role:
            return self.fail("protocol", "both ends have the same role")
        usable = hello.codecs if hello.auth is None else hello.codecs[:1]
        if "msgpack" not in usable:
            return self.fail("codec", "only msgpack is supported")
        if self.role == 1 and not await self._accept(hello):
            return None
        self.hello = hello
        self._opened_at = asyncio.get_running_loop().time()
        self.remote = hello.limits
        for call in self.outgoing.values():  # calls that were sent early
            if call.account is not None:
                call.account.total = hello.limits.stream_window
        self.sender.opened(hello.limits)
        if self.role == 1:
            self._send_hello(self._mismatches())
        self._opened.set_result(hello)

    async def _accept(self, hello):
        if self.authenticate is None:
            return True
        try:
            given = None if hello.auth is None else values.decode(hello.auth)
            await self.authenticate(given)
            return True
        except Exception as error:
            self.fail("unauthenticated", str(error))
            return False

    def _mismatches(self):
        for number, method in enumerate(self.hello.methods):
            if method.name not in self.serves:
                yield number, 0
            elif self.serves[method.name][0] != method.shape:
                yield number, 1

    def _receive(self, kind, flags, id, body):
        more = bool(flags & wire.MORE)
        if kind == wire.REQUEST:
            self.requests.receive(id, body, more)
        elif kind == wire.NOTIFY:
            self.notifications.receive(id, body, more)
        elif kind == wire.ITEM:
            self._receive_item(id, body, flags)
        elif wire.END <= kind <= wire.CREDIT:
            self._receive_for_call(kind, id, body, more)
        elif kind == wire.WINDOW:
            self._receive_window(id, body)
        elif kind == wire.PING or kind == wire.PONG:
            self._receive_ping(kind, body)
        elif kind == wire.GOAWAY:
            self._receive_goaway(body)
        elif kind == wire.AUTH:
            self._receive_auth(flags, id, body)
        elif kind == wire.HELLO or not flags & wire.IGNORABLE:
            self.fail("protocol", f"unknown kind {kind}")

    def _receive_window(self, id, body):
        total, account = read_total(body), self.sender.accounts.get(id)
        if total is None or account is not None and not account.raise_to(total):
            return self.fail("flow-control", "a WINDOW with an invalid grant")
        self.sender.changes.notify()

    def _receive_item(self, id, body, flags):
        amount = charge_of(body)
        if not self.items.account.charge(amount):
            return self.fail("flow-control", "an ITEM without credit")
        if not self._exists(id):
            return self.fail("protocol", f"there is no call {id} yet")
        call = self._find(id)
        if call is None or not call.receive_item(body, flags):  # late or dropped
            self.items.give_back(amount)

    def _is_ours(self, id):
        return id % 2 == self._next_id % 2

    def _exists(self, id):
        highest = self._next_id - 2 if self._is_ours(id) else self.requests.last_id
        return 0 < id <= highest

    def _find(self, id):
        return self.outgoing.get(id) if self._is_ours(id) else self.requests.find(id)

    def _receive_for_call(self, kind, id, body, more):
        ours = self._is_ours(id)
        from_callee = kind in (wire.RESULT, wire.ERROR)
        if (from_callee and not ours) or (kind in (wire.END, wire.CANCEL) and ours):
            return self.fail("protocol", "a frame from the wrong end of a call")
        total = read_total(body)
        if kind == wire.CREDIT and total is None:
            return self.fail("flow-control", "a CREDIT with an invalid total")
        if not self._exists(id):
            return self.fail("protocol", f"there is no call {id} yet")
        if kind == wire.CANCEL:
            return self.requests.cancel(id, body)
        call = self._find(id)
        if call is None:
            return None  # late
        if kind == wire.END:
            call.receive_end()
        elif kind == wire.CREDIT:
            if not call.receive_credit(total):
                self.fail("flow-control", "a CREDIT with an invalid grant")
            self.sender.changes.notify()
        elif call.receive_terminal(kind, body, more):
            self.outgoing.pop(id, None)
            self.sender.changes.notify()
            self.check_drained()

    # ── session frames ────────────────────────────────────────────────────

    def _receive_ping(self, kind, body):
        if len(body) not in (8, 16):
            return self.fail("protocol", "a PING or PONG is not 8 or 16 bytes")
        if kind == wire.PING:
            return self._answer_ping(body)
        if bytes(body) not in self._pings:
            return  # late
        for sent in list(self._pings):  # a PONG answers earlier PINGs, too
            waiting = self._pings.pop(sent)
            if not waiting.done():
                waiting.set_result(None)
            if sent == bytes(body):
                break

    def _answer_ping(self, body):
        """Answers at most 5 PINGs a second; others later, the newest of them."""
        loop = asyncio.get_running_loop()
        waits, self._pong = self._pong is not None, bytes(body)
        if not waits:
            self._ping_times = [
                at for at in self._ping_times if at > loop.time() - 1
            ]
            if len(self._ping_times) < 5:
                self._send_pong()
            else:
                loop.call_later(0.2, self._send_pong)

    def _send_pong(self):
        self._ping_times.append(asyncio.get_running_loop().time())
        body, self._pong = self._pong, None
        self.write(wire.PONG, 0, body)

    async def ping(self):
        """Sends a PING and waits for its PONG."""
        self._ping_count += 1
        body = self._ping_count.to_bytes(8, "big")
        answer = self._pings[body] = asyncio.get_running_loop().create_future()
        self.write(wire.PING, 0, body)
        await answer

    async def _heartbeat(self):
        loop = asyncio.get_running_loop()
        while not self.over:
            await asyncio.sleep(self.limits.heartbeat)
            silence = loop.time() - self._read_at
            if silence > 3 * self.limits.heartbeat:
                self.fail("timeout", "the peer is silent")
            elif silence >= self.limits.heartbeat and self.hello is not None:
                self.write(wire.PING, 0, b"alive\0\0\0")

    def _receive_auth(self, flags, id, body):
        if flags & wire.REPLY:
            waiting = self._refreshes.pop(id, None)
            if waiting is not None:
                waiting.set_result(None)
            return
        if self.role == 0:
            return self.fail("protocol", "only clients send credentials")
        self._tasks.append(asyncio.ensure_future(self._reauthenticate(id, body)))

    async def _reauthenticate(self, id, body):
        if await self._accept(wire.Hello(0, None, [], auth=body)):
            self.write(wire.AUTH, id, flags=wire.REPLY)

    async def refresh(self, credentials):
        """Sends new credentials on an open session."""
        self._refresh_count += 1
        id = self._refresh_count
        answer = self._refreshes[id] = asyncio.get_running_loop().create_future()
        self.write(wire.AUTH, id, values.encode(credentials))
        await answer

    # ── ends ──────────────────────────────────────────────────────────────

    def _goaway(self, code, last_id, text):
        body = bytes([GOAWAY_CODES.index(code)]) + last_id.to_bytes(6, "big")
        self.write(wire.GOAWAY, 0, body + wire.fields() + text.encode()[:1024])

    def _receive_goaway(self, body):
        if len(body) < 7:
            raise Malformed("GOAWAY is truncated")
        code = name_of(GOAWAY_CODES, body[0], "internal")
        last_id = int.from_bytes(body[1:7], "big")
        block, text = wire.split_fields(body, 7)
        pause = wire.u32(block.get(wire.RETRY_AFTER, b"\0\0\0\0"))
        reason = bytes(text).decode("utf-8", "replace")
        opened = self.hello is not None
        self.closed = CallError(
            "unavailable", reason, processed="no",
            retry="later" if pause else "now", retry_after=pause,
        )
        for call in [call for call in self.outgoing.values() if call.id > last_id]:
            if not call.sent_whole:
                self.write(wire.CANCEL, call.id, b"\0")
            del self.outgoing[call.id]
            call.state = "done"
            call.settle(self.closed)
        self.sender.changes.notify()
        if opened and code in ("drain", "age"):
            self.draining.set()
        elif opened and code == "closed":
            self._finish(None)
        else:
            self._finish(SessionError(code, reason, True, pause))

    async def drain(self):
        """Begins no calls, waits for calls in flight, and closes."""
        self.closed = CallError("unavailable", "this end is draining", processed="no")
        self.sender.changes.notify()
        self._goaway("drain", wire.UNSETTLED, "draining")
        await self.ping()
        self.requests.last_allowed = self.requests.last_begun
        self._goaway("drain", self.requests.last_begun, "draining")
        self._drained = True
        self.check_drained()
        try:
            await asyncio.wait_for(
                asyncio.shield(self.ended), self.limits.drain_grace
            )
        except asyncio.TimeoutError:
            self.requests.refuse_incomplete("unavailable", "now")
            for call in list(self.requests.calls.values()):
                call.cancel("unavailable")
            await asyncio.sleep(0)
            await self.close()

    def check_drained(self):
        """Closes a draining session once nothing is in flight."""
        busy = self.outgoing or self.requests.calls or self.requests.incomplete
        if self._drained and not busy:
            self._drained = False
            self._tasks.append(asyncio.ensure_future(self.close()))

    async def close(self):
        """Sends GOAWAY and closes immediately."""
        self._goaway("closed", self.requests.last_begun, "closed")
        self._finish(None)
        await asyncio.wait([self._tasks[0]], timeout=1)

    def fail(self, code, text):
        """Closes the connection because the peer broke a rule."""
        if not self.over:
            self._goaway(code, self.requests.last_begun, text)
            self._finish(SessionError(code, text))

    def _finish(self, error):
        if self.over:
            return
        self.over = True
        text = "the connection has ended"
        self.closed = CallError("disconnected", text, processed="no", retry="now")
        for call in list(self.outgoing.values()):
            processed = "maybe" if call.sent_whole else "no"
            call.state = "done"
            call.settle(CallError("disconnected", text, processed=processed))
        self.outgoing.clear()
        for call in list(self.requests.calls.values()):
            call.cancel("disconnected")
        for incomplete in self.requests.incomplete.values():
            incomplete.drop()
        self.notifications.drop()
        self.items.close()
        self.sender.changes.notify()
        for waiting in [*self._pings.values(), *self._refreshes.values(), self._opened]:
            if not waiting.done():
                waiting.set_exception(error or SessionError("closed", text))
        if not self.ended.done():
            self.ended.set_result(error)
        self._tasks.append(asyncio.ensure_future(self._leave()))

    async def _leave(self):
        """Ends the stream, and waits briefly for the peer to end its own."""
        self._tasks[1].cancel()
        try:
            await self._writer.drain()
            if self._writer.can_write_eof():
                self._writer.write_eof()
            await asyncio.wait_for(self._discard(), 1)
        except (OSError, asyncio.TimeoutError):
            pass
        self._writer.close()

    async def _discard(self):
        await asyncio.wait([self._tasks[0]], timeout=0.01)
        self._tasks[0].cancel()
        await asyncio.wait([self._tasks[0]])  # only one task may read
        while await self._reader.read(65_536):
            pass

    async def opened(self):
        """Waits until the handshake is complete."""
        await self._opened
        return self


async def connect(host, port, **options):
    """Connects, and waits for the server's HELLO unless `early`."""
    early = options.pop("early", False)
    reader, writer = await asyncio.open_connection(host, port)
    peer = Peer(reader, writer, role=0, **options)
    if not early:
        await peer.opened()
    return peer
