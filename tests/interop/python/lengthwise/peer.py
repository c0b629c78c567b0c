"""One end of a connection (PROTOCOL.md, sections 2, 4, 5, 7, 14 and 15)."""

import asyncio
import os
import random
import time

from . import resuming, values, wire
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
                 once=None, runs_once=(), reconnect=None, sessions=None):
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
        self.reconnect = reconnect  # of a client: opens another connection
        self.sessions = sessions  # of a server: those that may be resumed
        self.positions = resuming.Positions()
        self.acknowledgements = resuming.Acknowledgements(self._acknowledge)
        self.token = None  # of a client: the secret with which to resume
        self.tokens = []  # of a server: hashes of the secrets
        self.generation = 0
        self.refusal = None  # of a client: why the session was not resumed
        self.principal = None
        self.goaway = None  # of a peer that drains: code, RETRY_AFTER, SPREAD in ms
        self.hello = None
        self.incidents = {}
        self.unfinished = Unfinished()  # messages to this end
        self.outgoing = {}
        self.requests = Requests(self, parity=role)
        self.notifications = Notifications(self)
        self.items = Items(self)
        self.sender = Sender(self)
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
        self._grace, self._grace_timer = 0, None
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
        """Writes one frame immediately, or keeps it for the next connection."""
        if self.over:
            return
        frame = wire.frame(kind, id, body, flags)
        if kind not in resuming.UNCOUNTED and self.may_resume:
            self.positions.keep(frame)
            if kind == wire.REQUEST and not flags & wire.MORE:
                self.outgoing[id].position = self.positions.sent
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(frame)

    async def flush(self):
        """Waits until the transport has accepted most of what was written."""
        if self._writer is not None:
            await self._writer.drain()

    @property
    def may_resume(self):
        """Whether the feature is in use, or may be once HELLO has arrived."""
        if self.reconnect is None and self.sessions is None:
            return False
        return self.hello is None or self.resume_in_use

    @property
    def resume_in_use(self):
        """Whether both ends offer the feature, and the server keeps sessions."""
        return self.token is not None or bool(self.tokens)

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
        loop, reader = asyncio.get_running_loop(), self._reader
        timer = loop.call_later(
            self.limits.handshake_timeout, self._handshake_late
        )
        try:
            while not self.over:
                kind, flags, id, body = await self._read_frame(reader)
                self._read_at = loop.time()
                if self.hello is None:
                    await self._receive_hello(kind, body)
                    continue
                if len(self.tokens) > 1:  # the client knows the newest
                    self.sessions.withdraw(self)
                if self.resume_in_use and kind not in resuming.UNCOUNTED:
                    self.positions.received += 1
                    self.acknowledgements.note(len(body))
                self._receive(kind, flags, id, body)
        except Malformed as error:
            self.fail("protocol", str(error))
        except (asyncio.IncompleteReadError, OSError):
            self._lose()
        finally:
            timer.cancel()

    async def _read_frame(self, reader):
        """Reads a frame: its kind, flags, id and body."""
        most = wire.HEADER + max(self.limits.max_frame_body, wire.MAX_HELLO)
        length = int.from_bytes(await reader.readexactly(4), "big")
        if not wire.HEADER <= length <= most:
            raise Malformed(f"a frame of {length} bytes")
        frame = await reader.readexactly(length)
        id = int.from_bytes(frame[2:8], "big")
        return frame[0], frame[1], id, frame[8:]

    def _handshake_late(self):
        if self.hello is None:
            self.fail("timeout", "the handshake took too long")

    def _send_hello(self, mismatches=(), resumption=None):
        self.write(wire.HELLO, 0, self.encode_hello(mismatches, resumption or {}))

    def encode_hello(self, mismatches=(), resumption=None):
        """Returns the body of HELLO."""
        auth = None
        if self.role == 0 and self.credentials is not None:
            auth = values.encode(self.credentials)
        resumes = self.reconnect is not None or self.sessions is not None
        return wire.encode_hello(wire.Hello(
            role=self.role, limits=self.limits, methods=self.calls,
            protocol=self.protocol, auth=auth, mismatches=list(mismatches),
            features=(FEATURE if self.runs_once else 0)
            | (resuming.FEATURE if resumes else 0),
            resumption=resumption or {},
            outcomes=self.once and (int(time.time() * 1000), self.once.id),
        ))

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
        entries = {}
        if hello.features & resuming.FEATURE and self.may_resume:
            if self.role == 0:
                self._use_token(hello)
            else:
                entries = self._find_session(hello)
                if entries is None:  # another peer goes on with the connection
                    return None
        self.hello = hello
        self._opened_at = asyncio.get_running_loop().time()
        self.remote = hello.limits
        for call in self.outgoing.values():  # calls that were sent early
            if call.account is not None:
                call.account.total = hello.limits.stream_window
        self.sender.opened(hello.limits)
        if self.role == 1:
            self._send_hello(self._mismatches(), entries)
        self._opened.set_result(hello)

    async def _accept(self, hello):
        if self.authenticate is None:
            return True
        try:
            given = None if hello.auth is None else values.decode(hello.auth)
            self.principal = await self.authenticate(given)
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
        elif kind == wire.ACK and self.resume_in_use:
            self._receive_ack(body)
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
        position = int.from_bytes(body[8:], "big")
        if kind == wire.PING:
            wrong = position != self.positions.received
            if self.resume_in_use and len(body) == 16 and wrong:
                return self.fail("protocol", "a PING states a wrong position")
            return self._answer_ping(body)
        if bytes(body) not in self._pings:
            return  # late
        if self.resume_in_use:
            self.positions.acknowledge(position)
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
        if body is not None:  # the connection of its PING may have been lost
            self.write(wire.PONG, 0, body)

    async def ping(self):
        """Sends a PING and waits for its PONG."""
        answer = asyncio.get_running_loop().create_future()
        self._send_ping(answer)
        await answer

    def _send_ping(self, answer):
        self._ping_count += 1
        body = self._ping_count.to_bytes(8, "big")
        if self.resume_in_use:
            body += self.positions.sent.to_bytes(8, "big")
        self._pings[body] = answer
        self.write(wire.PING, 0, body)

    async def _heartbeat(self):
        loop = asyncio.get_running_loop()
        while not self.over:
            await asyncio.sleep(self.limits.heartbeat)
            silence = loop.time() - self._read_at
            if self._writer is None or self.hello is None:
                continue
            if silence > 3 * self.limits.heartbeat:
                self._lose(SessionError("timeout", "the peer is silent"))
            elif silence >= self.limits.heartbeat:
                self._send_ping(loop.create_future())

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

    # ── resumption ────────────────────────────────────────────────────────

    def _acknowledge(self):
        if self._writer is not None and self.resume_in_use:
            self.write(wire.ACK, 0, self.positions.received.to_bytes(8, "big"))

    def _receive_ack(self, body):
        if len(body) != 8:
            return self.fail("protocol", "an ACK is not 8 bytes")
        if not self.positions.acknowledge(int.from_bytes(body, "big")):
            self.fail("protocol", "an ACK of a frame that was not sent")

    def ticket(self):
        """Returns the content of the next RESUME."""
        self.generation += 1
        return resuming.Ticket(
            self.generation, self.positions.received, self.positions.first_kept,
            self.token,
        )

    def _use_token(self, hello):
        """Takes the token of a server's HELLO."""
        if wire.RESUMED in hello.resumption and self.hello is None:
            raise Malformed("RESUMED without RESUME")
        token = resuming.read_token(hello.resumption.get(wire.TOKEN))
        if token is not None:
            self._grace, self.token = token

    def _find_session(self, hello):
        """Returns the entries for a new session.

        Returns None if another one is resumed.
        """
        entries = {}
        ticket = resuming.read_ticket(hello.resumption.get(wire.RESUME), True)
        if ticket is not None:
            peer, refusal = self.sessions.find(
                ticket, self.principal, hello.protocol_hash
            )
            if peer is not None:
                peer._take_over(self, ticket)
                return None
            entries[wire.RESUME_REFUSED] = refusal
        self._grace = self.sessions.grace
        entries[wire.TOKEN] = self.sessions.issue(self)
        entries[wire.SESSION] = os.urandom(16)
        entries[wire.INSTANCE] = self.sessions.instance
        return entries

    def _take_over(self, other, ticket):
        """Continues on the connection of a peer whose client sent RESUME."""
        self._detach()
        self.generation = ticket.generation
        self.sessions.keep_used(self, ticket)
        resumed = resuming.Ticket(
            ticket.generation, self.positions.received, self.positions.first_kept
        )
        self._reader, self._writer = other._reader, other._writer
        other._hand_over()
        self._send_hello(resumption={
            wire.RESUMED: resumed.entry(), wire.TOKEN: self.sessions.issue(self),
        })
        self._go_on(ticket.received)

    def _hand_over(self):
        """Ends without a trace, because another peer has the connection."""
        self.over, self._reader, self._writer = True, None, None
        self._tasks[1].cancel()
        self.ended.set_result(None)

    def _lose(self, error=None):
        """Ends the session, or keeps it until it is resumed."""
        error = error or SessionError("disconnected")
        opened = self.hello is not None and not self.over
        if not opened or not self.resume_in_use or self.closed is not None:
            return self._finish(error)
        self._detach()
        loop = asyncio.get_running_loop()
        self._grace_timer = loop.call_later(self._grace, self._finish, error)
        if self.role == 0:
            self._tasks.append(asyncio.ensure_future(self._resume()))

    def cut(self):
        """Loses the connection, as if the network did."""
        if self._writer is not None:
            self._writer.transport.abort()

    def _detach(self):
        """Stops using the connection; closes it without GOAWAY."""
        self.cut()
        self._writer, self._pong = None, None
        self.acknowledgements.stop()
        if self._tasks[0] is not asyncio.current_task():
            self._tasks[0].cancel()
        if self._grace_timer is not None:
            self._grace_timer.cancel()

    def _go_on(self, received):
        """Sends again what the other end has not read, and reads on."""
        if self._grace_timer is not None:
            self._grace_timer.cancel()
        self.positions.acknowledge(received)
        if self.role == 0:
            self._acknowledge()  # RESUMED has arrived
        self._writer.write(b"".join(self.positions.unread()))
        waiting, self._pings = list(self._pings.values()), {}
        for answer in waiting:
            self._send_ping(answer)
        self._read_at = asyncio.get_running_loop().time()
        self._tasks[0] = asyncio.ensure_future(self._read())
        self.sender.changes.notify()

    async def _resume(self):
        """Connects until the server answers, or the grace has passed."""
        while not self.over:
            try:
                reader, writer = await self.reconnect()
                hello = await asyncio.wait_for(
                    self.ask(reader, writer, self.ticket()),
                    self.limits.handshake_timeout,
                )
            except (asyncio.IncompleteReadError, asyncio.TimeoutError, OSError):
                await asyncio.sleep(0.01)
                continue
            except SessionError as error:
                if error.code in resuming.FINAL:
                    return self._finish(error)
                await asyncio.sleep(0.01)
                continue
            except Malformed as error:
                return self._finish(SessionError("protocol", str(error)))
            return self._receive_answer(hello, reader, writer)

    async def ask(self, reader, writer, ticket):
        """Sends HELLO with RESUME; returns the server's HELLO."""
        body = self.encode_hello(resumption={wire.RESUME: ticket.entry()})
        writer.write(wire.frame(wire.HELLO, 0, body))
        kind, _, _, body = await self._read_frame(reader)
        if kind == wire.GOAWAY and body:
            code = name_of(GOAWAY_CODES, body[0], "internal")
            raise SessionError(code, "the server refuses the client", True)
        if kind != wire.HELLO:
            raise Malformed("the first frame is not HELLO")
        return wire.decode_hello(body)

    def _receive_answer(self, hello, reader, writer):
        """Goes on with the session, or fails its calls."""
        self._reader, self._writer = reader, writer
        refusal = hello.resumption.get(wire.RESUME_REFUSED)
        resumed = resuming.read_ticket(hello.resumption.get(wire.RESUMED))
        if self.over:
            return writer.transport.abort()
        if resumed is None:  # it is a new session, which this end does not use
            self.refusal = resuming.read_refusal(refusal)
            self._goaway("closed", self.requests.last_begun, "not resumed")
            return self._finish(SessionError("disconnected"))
        if not self.positions.fits(resumed):
            return self.fail("resume-lost", "the positions are not possible")
        self._use_token(hello)
        self._go_on(resumed.received)

    # ── ends ──────────────────────────────────────────────────────────────

    def _goaway(self, code, last_id, text, *fields):
        body = bytes([GOAWAY_CODES.index(code)]) + last_id.to_bytes(6, "big")
        self.write(wire.GOAWAY, 0, body + wire.fields(*fields) + text.encode()[:1024])

    def _receive_goaway(self, body):
        if len(body) < 7:
            raise Malformed("GOAWAY is truncated")
        code = name_of(GOAWAY_CODES, body[0], "internal")
        last_id = int.from_bytes(body[1:7], "big")
        block, text = wire.split_fields(body, 7)
        pause = wire.u32(block.get(wire.RETRY_AFTER, b"\0\0\0\0"))
        spread = wire.u32(block.get(wire.SPREAD, b"\0\0\0\0"))
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
            self.goaway = (code, pause, spread)
            self.draining.set()
        elif opened and code == "closed":
            self._finish(None)
        else:
            self._finish(SessionError(code, reason, True, pause))

    def pause(self):
        """Returns the seconds to wait before the next connection after a drain."""
        _, retry_after, spread = self.goaway
        return (retry_after + random.random() * spread) / 1000

    async def drain(self, code="drain", retry_after=0, spread=0):
        """Begins no calls, waits for calls in flight, and closes.

        `retry_after`, `spread`: when the client should connect again, in ms.
        """
        self.closed = CallError("unavailable", "this end is draining", processed="no")
        self.sender.changes.notify()
        fields = [
            wire.tlv(kind, number.to_bytes(4, "big"))
            for kind, number in (
                (wire.RETRY_AFTER, retry_after), (wire.SPREAD, spread),
            ) if number
        ]
        self._goaway(code, wire.UNSETTLED, "draining", *fields)
        await self.ping()
        self.requests.last_allowed = self.requests.last_begun
        self._goaway(code, self.requests.last_begun, "draining", *fields)
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
        self.acknowledgements.stop()
        if self._grace_timer is not None:
            self._grace_timer.cancel()
        text = "the connection has ended"
        self.closed = CallError("disconnected", text, processed="no", retry="now")
        for call in list(self.outgoing.values()):
            processed = "maybe" if call.sent_whole else "no"
            if self.refusal is not None and self.refusal[1] is not None:
                read = 0 < call.position <= self.refusal[1]
                processed = "maybe" if read else "no"
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
        if self._writer is None:
            return
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
    """Connects, and waits for the server's HELLO unless `early`.

    `resume`: resumes the session if its connection is lost.
    """
    early = options.pop("early", False)
    if options.pop("resume", False):
        options["reconnect"] = lambda: asyncio.open_connection(host, port)
    reader, writer = await asyncio.open_connection(host, port)
    peer = Peer(reader, writer, role=0, **options)
    if not early:
        await peer.opened()
    return peer
