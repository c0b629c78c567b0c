package lengthwise

// assembly joins the parts of a message.
type assembly struct {
	body   []byte
	frames int
	timer  *timer
	// Items only.
	unpaid  uint64 // charges that are not returned yet
	paid    int    // in advance
	reserve bool   // from the reserve
}

// room is allowed on top of maxMessage for the method number and the fields.
func (s *Session) room() int { return s.limits.MaxMetadata + 1024 }

// join adds a part to a message other than an item. It returns the code of the
// limit that the message exceeds.
func (s *Session) join(a *assembly, f frame) string {
	a.frames++
	switch {
	case len(a.body)+len(f.body) > s.limits.MaxMessage+s.room() || a.frames > s.limits.MaxFragments:
		return "too-large"
	case s.assembled > len(a.body) && s.assembled+len(f.body) > s.limits.messages():
		return "overloaded"
	}
	a.body = append(a.body, f.body...)
	s.assembled += len(f.body)
	return ""
}

// release drops or takes the parts of a message other than an item.
func (s *Session) release(a *assembly) {
	if a != nil {
		s.assembled -= len(a.body)
		a.body = nil
		a.timer.stop()
	}
}

// REQUEST

func (s *Session) onRequest(f frame) {
	if !s.recv[0].take(f.charge()) {
		s.fail("flow-control", "REQUEST")
		return
	}
	defer s.owe(0, f.charge())
	if s.refused[f.id] {
		if !f.more() {
			delete(s.refused, f.id)
		}
		return
	}
	a := s.joining[f.id]
	if a == nil {
		if (f.id%2 == 1) != (s.config.Role == Server) || f.id <= s.lastPeer {
			s.fail("protocol", "id of a REQUEST")
			return
		}
		s.lastPeer = f.id
		if f.id > s.lastID {
			if f.more() {
				s.skip(f.id)
			}
			return
		}
		a = &assembly{}
	}
	if f.more() || a.frames > 0 {
		if code := s.join(a, f); code != "" {
			e := failure(code, "no", "never")
			if code == "overloaded" {
				e.Retry = "later"
			}
			s.joining[f.id] = a
			s.refuse(f.id, e)
			if !f.more() {
				delete(s.refused, f.id)
			}
			return
		}
		s.joining[f.id] = a
		if f.more() {
			if a.timer == nil {
				a.timer = s.after(s.limits.AssemblyTimeout, func() { s.refuse(f.id, failure("deadline", "no", "never")) })
			}
			return
		}
		f.body = a.body
		delete(s.joining, f.id)
		s.release(a)
	}
	s.serve(f)
}

// refuse refuses an incomplete REQUEST and drops its parts.
func (s *Session) refuse(id uint64, e *CallError) {
	s.release(s.joining[id])
	delete(s.joining, id)
	s.skip(id)
	s.sendError(id, e)
}

// skip drops the frames of a REQUEST that still arrive.
func (s *Session) skip(id uint64) {
	s.refused[id] = true
	s.refusedIDs = append(s.refusedIDs, id)
	if len(s.refusedIDs) > s.limits.MaxCalls {
		delete(s.refused, s.refusedIDs[0])
		s.refusedIDs = s.refusedIDs[1:]
	}
}

func (s *Session) sendError(id uint64, e *CallError) {
	if id > s.lastID {
		return // dropped without a reply
	}
	body, _ := e.body()
	s.write(frame{kError, 0, id, body})
}

// serve checks a complete REQUEST and enters its handler.
func (s *Session) serve(f frame) {
	number, ok := methodNumber(f.body)
	if !ok {
		s.fail("protocol", "REQUEST without a method")
		return
	}
	refuse := func(code, retry string) { s.sendError(f.id, failure(code, "no", retry)) }
	m, ok := s.methodOf(number)
	if !ok || m.Shape == Notification {
		refuse("unimplemented", "never")
		return
	}
	if len(s.served)+s.running >= s.limits.MaxCalls {
		refuse("overloaded", "later")
		return
	}
	fields, value, err := parseFields(kRequest, f.body[2:], s.limits.MaxMetadata)
	switch {
	case err == errCritical:
		refuse("unimplemented", "never")
		return
	case err != nil:
		refuse("malformed", "never")
		return
	case fields.deadline != nil && *fields.deadline == 0:
		refuse("deadline", "never")
		return
	}
	e := Event{Kind: "request", Method: m.Name, Metadata: fields.metadata, Timeout: fields.deadline}
	if len(value) > 0 || !m.Shape.callerItems() {
		if e.Value, err = decode(value); err != nil {
			refuse("malformed", "never")
			return
		}
		e.HasValue = true
	}
	c := s.newCall(false, m, number)
	c.ID = f.id
	c.ended = !m.Shape.callerItems()
	s.served[f.id] = c
	e.Call = c
	if fields.deadline != nil {
		c.timer = s.at(s.frameAt+int64(*fields.deadline), func() { c.stop("deadline") })
	}
	s.events(e)
}

// methodOf returns the method with a number of the peer's list, if this end
// serves it with the listed shape.
func (s *Session) methodOf(number int) (Method, bool) {
	if number >= len(s.peer.methods) {
		return Method{}, false
	}
	listed := s.peer.methods[number]
	m, ok := find(s.config.Serves, listed.Name)
	return m, ok && m.Shape == listed.Shape
}

// NOTIFY

func (s *Session) onNotify(f frame) {
	if !s.recv[1].take(f.charge()) {
		s.fail("flow-control", "NOTIFY")
		return
	}
	if f.id != 0 {
		s.fail("protocol", "NOTIFY with an id")
		return
	}
	defer s.owe(1, f.charge())
	if s.skipNotify {
		s.skipNotify = f.more()
		return
	}
	if f.more() || s.notify != nil {
		a := s.notify
		if a == nil {
			a = &assembly{}
		}
		if s.join(a, f) != "" {
			s.dropNotify(a, f.more())
			return
		}
		s.notify = a
		if f.more() {
			if a.timer == nil {
				a.timer = s.after(s.limits.AssemblyTimeout, func() { s.dropNotify(a, true) })
			}
			return
		}
		f.body = a.body
		s.dropNotify(a, false)
	}
	number, ok := methodNumber(f.body)
	if !ok {
		s.fail("protocol", "NOTIFY without a method")
		return
	}
	m, ok := s.methodOf(number)
	fields, value, err := parseFields(kNotify, f.body[2:], s.limits.MaxMetadata)
	if !ok || m.Shape != Notification || err != nil || s.notifications >= s.limits.MaxCalls {
		return
	}
	if v, err := decode(value); err == nil {
		s.events(Event{Kind: "notified", Method: m.Name, Value: v, HasValue: true, Metadata: fields.metadata})
	}
}

func (s *Session) dropNotify(a *assembly, skip bool) {
	s.release(a)
	s.notify, s.skipNotify = nil, skip
}

// The frames of a call

func (s *Session) onCallFrame(f frame) {
	var total uint64
	switch f.kind {
	case kCredit:
		var ok bool
		if total, ok = parseTotal(f.body); !ok {
			s.fail("flow-control", "CREDIT")
			return
		}
	case kItem:
		if !s.recv[2].take(f.charge()) {
			s.fail("flow-control", "ITEM")
			return
		}
	}
	own := (f.id%2 == 1) == (s.config.Role == Client)
	fromCaller, fromCallee := f.kind == kEnd || f.kind == kCancel, f.kind == kResult || f.kind == kError
	if own && fromCaller || !own && fromCallee {
		s.fail("protocol", "a kind from the wrong end")
		return
	}
	if f.id == 0 || own && f.id >= s.nextID || !own && f.id > s.lastPeer {
		s.fail("protocol", "a call that does not exist")
		return
	}
	calls := s.served
	if own {
		calls = s.own
	} else if s.joining[f.id] != nil {
		s.onFrameWithinRequest(f)
		return
	}
	c := calls[f.id]
	if c == nil { // late
		if f.kind == kItem {
			s.owe(2, f.charge())
		}
		return
	}
	switch f.kind {
	case kItem:
		c.onItem(f)
	case kEnd:
		c.onEnd()
	case kResult, kError:
		c.onReply(f)
	case kCancel:
		c.onCancel(f)
	case kCredit:
		c.onCredit(total)
	}
}

func (s *Session) onFrameWithinRequest(f frame) {
	e := failure("malformed", "no", "never")
	switch f.kind {
	case kCancel:
		e.Code = cancelReason(f)
	case kItem:
		s.owe(2, f.charge())
	}
	s.refuse(f.id, e)
}

func cancelReason(f frame) string {
	if len(f.body) > 0 && f.body[0] == 1 {
		return "deadline"
	}
	return "cancelled"
}

func (c *Call) onCancel(f frame) {
	if c.cancelled {
		return
	}
	if wait := c.s.cancels.take(c.s.now); wait > 0 {
		c.holdUntil = c.s.now + wait
	}
	c.stop(cancelReason(f))
}

func (c *Call) onCredit(total uint64) {
	sends := c.Method.Shape.callerItems() && !c.endSent
	if !c.Own {
		sends = c.Method.Shape.calleeItems() && !c.begun
	}
	switch {
	case c.cancelled:
	case c.Own && !c.requestSent:
		c.broken()
	case sends && !c.sendCredit.raise(total):
		c.s.fail("flow-control", "CREDIT")
	}
}

func (c *Call) onEnd() {
	switch {
	case c.cancelled || c.over:
	case !c.Method.Shape.callerItems() || c.ended || c.part != nil:
		c.broken()
	default:
		c.ended = true
		c.s.events(Event{Kind: "itemsEnded", Call: c})
	}
}

func (c *Call) onItem(f frame) {
	s := c.s
	if c.cancelled || c.unneeded || !c.Own && c.over {
		s.owe(2, f.charge())
		return
	}
	breaks := func() {
		s.owe(2, f.charge())
		c.broken()
	}
	if c.Own && (!c.Method.Shape.calleeItems() || !c.requestSent || c.reply != nil) || !c.Own && c.ended {
		breaks()
		return
	}
	if !c.credit.take(f.charge()) {
		s.fail("flow-control", "ITEM")
		return
	}
	if f.flags&flagNoValue != 0 {
		if _, _, err := parseFields(kItem, f.body, s.limits.MaxMetadata); err != nil || f.more() || c.part != nil {
			breaks()
			return
		}
		c.owe(f.charge())
		return
	}
	next := item{value: f.body, charge: f.charge()}
	if f.more() || c.part != nil {
		p := c.part
		if p == nil {
			p = &assembly{}
			c.part = p
			s.streams = append(s.streams, c)
		}
		p.frames++
		if len(p.body)+len(f.body) > s.limits.MaxMessage+s.room() || p.frames > s.limits.MaxFragments {
			breaks()
			return
		}
		p.body = append(p.body, f.body...)
		if f.more() {
			p.unpaid += f.charge()
			if p.timer == nil {
				c.limitPart(p)
			}
			s.payParts()
			return
		}
		next = item{p.body, f.charge() + p.unpaid, p.paid, p.reserve}
		c.part = nil
		p.timer.stop()
	}
	_, value, err := parseFields(kItem, next.value, s.limits.MaxMetadata)
	if err != nil {
		s.unpay(next.paid, next.reserve, c)
		s.owe(2, next.charge)
		c.broken()
		return
	}
	next.value = value
	c.items = append(c.items, next)
	c.deliver()
}

// limitPart limits the time of an item, unless its parts wait for the receiver.
func (c *Call) limitPart(p *assembly) {
	p.timer = c.s.after(c.s.limits.AssemblyTimeout, func() {
		if p.unpaid > 0 {
			c.limitPart(p)
		} else {
			c.broken()
		}
	})
}

// payParts pays in advance for the parts of the next items of streams; streams
// whose applications wait come first (section 11).
func (s *Session) payParts() {
	streams := s.streams[:0]
	for _, c := range s.streams {
		if c.part != nil {
			streams = append(streams, c)
		}
	}
	s.streams = streams
	for _, awaited := range []bool{true, false} {
		for _, c := range append([]*Call{}, s.streams...) {
			p := c.part
			if p == nil || p.unpaid == 0 || len(c.items) > 0 || (c.wanted > 0) != awaited {
				continue
			}
			switch {
			case s.advanced+int(p.unpaid) <= s.limits.MaxAssembly/2-s.limits.MaxMessage && !p.reserve:
				s.advanced += int(p.unpaid)
				p.paid += int(p.unpaid)
			case awaited && (s.reserve == nil || s.reserve == c):
				s.reserve, p.reserve = c, true
			default:
				continue
			}
			charge := p.unpaid
			p.unpaid = 0
			c.owe(charge)
		}
	}
}

// unpay gives back what an item has claimed of the budget.
func (s *Session) unpay(paid int, reserve bool, c *Call) {
	s.advanced -= paid
	if reserve && s.reserve == c {
		s.reserve = nil
	}
}

func (c *Call) onReply(f frame) {
	s := c.s
	if c.cancelled {
		if !f.more() {
			c.forget()
		}
		return
	}
	fails := func(e *CallError) {
		if f.more() {
			c.abandon(e, 0)
			return
		}
		if !c.requestSent {
			e.Processed = "no"
		}
		c.forget()
		c.failLocally(e)
	}
	malformed := failure("malformed", "maybe", "never")
	if f.kind == kResult && !c.requestSent || c.reply != nil && c.replyKind != f.kind {
		fails(malformed)
		return
	}
	if f.more() || c.reply != nil {
		if c.reply == nil {
			c.reply, c.replyKind = &assembly{}, f.kind
		}
		if code := s.join(c.reply, f); code != "" {
			e := failure(code, "maybe", "never")
			if code == "overloaded" {
				e.Retry = "later"
			}
			fails(e)
			return
		}
		if f.more() {
			if c.reply.timer == nil {
				c.reply.timer = s.after(s.limits.AssemblyTimeout, func() { c.abandon(malformed, 0) })
			}
			return
		}
		f.body = c.reply.body
	}
	if f.kind == kError {
		e := parseError(f.body, s.limits)
		c.forget()
		c.failLocally(e)
		return
	}
	if c.part != nil {
		fails(malformed)
		return
	}
	fields, value, err := parseFields(kResult, f.body, s.limits.MaxMetadata)
	if err != nil {
		fails(fieldsFailure(err))
		return
	}
	e := Event{Kind: "result", Call: c, Metadata: fields.metadata}
	if c.Method.Shape.resultValue() {
		if e.Value, err = decode(value); err != nil {
			fails(malformed)
			return
		}
		e.HasValue = true
	}
	c.forget()
	if !c.over {
		c.over = true
		s.events(e)
	}
}
