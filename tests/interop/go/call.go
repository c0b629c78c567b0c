package lengthwise

import "encoding/binary"

// Call is a call at either end.
type Call struct {
	ID     uint64 // 0 until the REQUEST has begun
	Own    bool   // this end is the caller
	Method Method

	s         *Session
	number    int  // of the method
	over      bool // own: the application has the outcome; else the handler has settled
	cancelled bool // own: given up, waits for its terminal; else the handler is cancelled
	gone      bool // not in flight
	timer     *timer

	// Own calls.
	value       []byte
	metadata    map[string]string
	deadline    int64 // 0: none
	request     *lane // while the REQUEST is incomplete
	requestSent bool
	reply       *assembly
	replyKind   Kind

	// Served calls.
	orphan    bool // the call has ended, and its handler still runs
	reason    string
	holdUntil int64
	terminal  *frame
	begun     bool // the terminal

	// Items that this end sends.
	sendCredit account
	out        [][]byte
	outAt      int // bytes of out[0] that were sent
	outLane    *lane
	ending     bool
	endSent    bool

	// Items that this end receives.
	credit   granting
	items    []item
	part     *assembly
	wanted   int  // items for which the application waits
	ended    bool // no more items will come
	unneeded bool
	raised   int
	readAt   int64 // when the application last took an item
}

// item is a whole item that was not taken.
type item struct {
	value   []byte
	charge  uint64 // not returned yet
	paid    int    // in advance
	reserve bool
}

func (s *Session) newCall(own bool, m Method, number int) *Call {
	return &Call{
		Own: own, Method: m, s: s, number: number, readAt: s.now,
		sendCredit: account{total: uint64(s.peer.limits.StreamWindow)},
		credit:     newGranting(s.limits.StreamWindow, 2),
	}
}

// NewCall prepares a call of a method of the peer. Without hasValue, the
// REQUEST has no value. A timeout of 0 means none.
func (s *Session) NewCall(method string, value any, hasValue bool, metadata map[string]string, timeout int) (*Call, error) {
	for i, m := range s.config.Calls {
		if m.Name != method || m.Shape == Notification {
			continue
		}
		c := s.newCall(true, m, i)
		c.metadata = metadata
		if timeout > 0 {
			c.deadline = s.now + int64(timeout)
		}
		if hasValue {
			b, err := encode(nil, value)
			if err != nil {
				return nil, err
			}
			c.value = b
		}
		return c, nil
	}
	return nil, failure("unimplemented", "no", "never")
}

// Begin makes the call as soon as limits and credit allow.
func (c *Call) Begin() {
	s := c.s
	switch {
	case s.state == closed:
		c.failLocally(failure("disconnected", "no", "never"))
	case s.draining != notDraining || s.peerGoaway != nil:
		c.failLocally(s.unavailable())
	case s.state == open && c.refusedAlready():
	default:
		s.requests = append(s.requests, c)
		if c.deadline > 0 {
			c.timer = s.at(c.deadline, func() { c.abandon(failure("deadline", "maybe", "never"), 1) })
		}
		s.Flush()
	}
}

// refusedAlready fails a call that the peer would refuse.
func (c *Call) refusedAlready() bool {
	for _, m := range c.s.peer.mismatches {
		if m.method == c.number && m.reason != mismatchSchema {
			c.failLocally(failure("unimplemented", "no", "never"))
			return true
		}
	}
	if len(c.value) > c.s.peer.limits.MaxMessage {
		c.failLocally(failure("too-large", "no", "never"))
		return true
	}
	return false
}

func (s *Session) failMismatches() {
	waiting := s.requests
	s.requests = nil
	for _, c := range waiting {
		if !c.refusedAlready() {
			s.requests = append(s.requests, c)
		}
	}
}

// requestBody returns the body of the REQUEST, as of now.
func (c *Call) requestBody() []byte {
	f := fields{metadata: c.metadata}
	if c.deadline > 0 {
		left := uint32(c.deadline - c.s.now)
		f.deadline = &left
	}
	return append(f.appendTo(append16(nil, c.number)), c.value...)
}

// failLocally tells the application that the call has failed.
func (c *Call) failLocally(e *CallError) {
	if c.over {
		return
	}
	c.over = true
	c.timer.stop()
	c.s.events(Event{Kind: "failed", Call: c, Err: e})
}

// Cancel cancels an own call.
func (c *Call) Cancel() { c.abandon(failure("cancelled", "maybe", "never"), 0) }

// abandon fails an own call before its terminal has arrived.
func (c *Call) abandon(e *CallError, reason byte) {
	if c.over || c.gone {
		return
	}
	if !c.requestSent {
		e.Processed = "no"
	}
	if c.ID == 0 {
		for i, one := range c.s.requests {
			if one == c {
				c.s.requests = append(c.s.requests[:i:i], c.s.requests[i+1:]...)
			}
		}
		c.gone = true
	} else if !c.cancelled {
		c.cancelled = true
		c.stopSending()
		c.dropItems()
		c.s.release(c.reply)
		c.s.write(frame{kCancel, 0, c.ID, []byte{reason}})
	}
	c.failLocally(e)
	c.s.Flush()
}

// lose ends an own call with the session.
func (c *Call) lose(e Event, handshake bool) {
	c.gone = true
	g := c.s.peerGoaway
	retry := func(f *CallError) *CallError {
		if e.RetryAfter != nil {
			f.Retry, f.RetryAfter = "later", e.RetryAfter
		}
		return f
	}
	switch {
	case handshake && e.Remote && e.Code == "unauthenticated":
		c.failLocally(retry(failure("unauthenticated", "no", "never")))
	case handshake && e.Remote:
		c.failLocally(retry(failure("unavailable", "no", "later")))
	case e.Remote && (c.ID == 0 || g != nil && c.ID > g.lastID):
		c.failLocally(retry(failure("unavailable", "no", "now")))
	case !c.requestSent:
		c.failLocally(failure("disconnected", "no", "now"))
	default:
		c.failLocally(failure("disconnected", "maybe", "never"))
	}
}

// forget removes a call that is no longer in flight.
func (c *Call) forget() {
	c.gone, c.ended = true, true
	c.timer.stop()
	c.stopSending()
	c.s.release(c.reply)
	c.reply = nil
	if c.Own {
		delete(c.s.own, c.ID)
	} else {
		delete(c.s.served, c.ID)
	}
	c.dropPart()
	if c.cancelled || c.unneeded || !c.Own {
		c.dropItems()
	}
	c.s.raisable += c.raised
	c.raised = 0
}

// Served calls

// Respond ends the handler with a result.
func (c *Call) Respond(value any, metadata map[string]string) {
	if c.settle() {
		return
	}
	if c.cancelled {
		c.finish(failure(c.reason, "yes", "never"))
		return
	}
	body := fields{metadata: metadata}.appendTo(nil)
	if c.Method.Shape.resultValue() {
		fieldsEnd := len(body)
		var err error
		if body, err = encode(body, value); err != nil {
			c.finish(failure("internal", "yes", "never"))
			return
		}
		if len(body)-fieldsEnd > c.s.peer.limits.MaxMessage {
			c.finish(failure("too-large", "yes", "never"))
			return
		}
	}
	c.terminal = &frame{kResult, 0, c.ID, body}
	c.s.trySendTerminal(c)
	c.s.Flush()
}

// Fail ends the handler with an error.
func (c *Call) Fail(e *CallError) {
	if !c.settle() {
		c.finish(e)
		c.s.Flush()
	}
}

// settle notes that the handler has settled, and reports whether the call was
// over before.
func (c *Call) settle() bool {
	if c.over {
		return true
	}
	c.over = true
	c.dropItems()
	if c.orphan {
		c.s.running--
	}
	return c.gone
}

// finish makes an ERROR the terminal.
func (c *Call) finish(e *CallError) {
	body, err := e.body()
	if err != nil || len(body) > c.s.peer.limits.MaxMessage {
		body, _ = failure("too-large", e.Processed, "never").body()
	}
	c.terminal = &frame{kError, 0, c.ID, body}
	c.s.trySendTerminal(c)
}

// stop cancels the handler.
func (c *Call) stop(reason string) {
	if c.cancelled {
		return
	}
	c.cancelled, c.reason = true, reason
	c.stopSending()
	c.dropItems()
	if c.over {
		if c.terminal != nil && !c.begun && reason != "drained" {
			c.finish(failure(reason, "yes", "never"))
		}
		return
	}
	c.s.events(Event{Kind: "cancelled", Call: c, Reason: reason})
}

// cut ends the call although its handler may still run.
func (c *Call) cut(reason string, e *CallError) {
	if c.begun {
		return
	}
	c.stop(reason)
	if c.reason == "malformed" {
		c.reason = "cancelled"
	}
	if !c.over {
		c.orphan = true
		c.s.running++
	}
	c.holdUntil = 0
	if !c.gone {
		c.finish(e)
	}
}

// broken ends a call whose rules the peer broke (section 8).
func (c *Call) broken() {
	if c.Own {
		c.abandon(failure("malformed", "maybe", "never"), 0)
	} else {
		c.cut("cancelled", failure("malformed", "maybe", "never"))
	}
}

// disconnected cancels a handler when the session ends.
func (c *Call) disconnected() {
	c.gone = true
	c.timer.stop()
	if !c.over && !c.cancelled {
		c.cancelled = true
		c.s.events(Event{Kind: "cancelled", Call: c, Reason: "disconnected"})
	}
}

// Items

// Send sends an item as soon as credit allows.
func (c *Call) Send(value any) error {
	if c.gone || c.cancelled || c.ending || c.over {
		return errCodec
	}
	body, err := encode([]byte{0, 0}, value)
	if err != nil || c.s.state == open && len(body)-2 > c.s.peer.limits.MaxMessage {
		return errCodec
	}
	c.out = append(c.out, body)
	if c.outLane == nil {
		c.outLane = c.s.addLane(&lane{call: c})
	}
	c.s.Flush()
	return nil
}

// Unsent returns the number of items that are not sent yet.
func (c *Call) Unsent() int { return len(c.out) }

// End tells the callee that no more items follow.
func (c *Call) End() {
	c.ending = true
	c.sendEnd()
}

// stopSending drops everything that was not sent but the terminal.
func (c *Call) stopSending() {
	c.out, c.outAt = nil, 0
	c.s.removeLane(c.outLane)
	c.s.removeLane(c.request)
	c.outLane, c.request = nil, nil
}

// Read asks for the next item.
func (c *Call) Read() {
	c.wanted++
	c.deliver()
	c.s.payParts()
}

// StopReading tells that the application needs no more items.
func (c *Call) StopReading() {
	c.unneeded = true
	c.dropItems()
}

// deliver hands out items for which the application waits.
func (c *Call) deliver() {
	for c.wanted > 0 && len(c.items) > 0 {
		next := c.items[0]
		c.items = c.items[1:]
		c.wanted--
		c.readAt = c.s.now
		c.s.unpay(next.paid, next.reserve, c)
		value, err := decode(next.value)
		if err != nil {
			c.s.owe(2, next.charge)
			c.broken()
			return
		}
		c.s.events(Event{Kind: "item", Call: c, Value: value, HasValue: true})
		c.owe(next.charge)
		c.s.payParts()
	}
}

// owe returns the charge of an item to both its accounts.
func (c *Call) owe(charge uint64) {
	if charge > 0 {
		c.s.owe(2, charge)
		c.credit.owed += charge
	}
	if c.gone || c.ended || c.cancelled || c.unneeded || !c.Own && c.over || c.s.state != open || !c.credit.due() {
		return
	}
	raise := min(min(int(c.credit.window), c.s.limits.MaxStreamWindow-int(c.credit.window)), c.s.raisable)
	if raise < 0 {
		raise = 0
	}
	c.s.raisable -= raise
	c.raised += raise
	c.s.write(frame{kCredit, 0, c.ID, c.credit.grant(uint64(raise))})
}

// dropItems drops the items that wait, and returns their charges.
func (c *Call) dropItems() {
	for _, i := range c.items {
		c.s.unpay(i.paid, i.reserve, c)
		c.s.owe(2, i.charge)
	}
	c.items = nil
	c.dropPart()
}

// dropPart drops an incomplete item.
func (c *Call) dropPart() {
	if p := c.part; p != nil {
		c.part = nil
		p.timer.stop()
		c.s.unpay(p.paid, p.reserve, c)
		c.s.owe(2, p.unpaid)
	}
	c.s.payParts()
}

func methodNumber(body []byte) (int, bool) {
	if len(body) < 2 {
		return 0, false
	}
	return int(binary.BigEndian.Uint16(body)), true
}
