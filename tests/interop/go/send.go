package lengthwise

// lane is a message in several frames, or the items of a call, whose frames
// alternate with those of other lanes.
type lane struct {
	call *Call // of items; nil for a message
	frame
	at   int
	sent func() // all of it
}

// Bytes of unsent data at which frames wait, and at which the session ends
// (section 16).
const (
	laneLimit     = 128 << 10
	terminalLimit = 768 << 10
	requestLimit  = 1 << 20
	hardLimit     = 4 << 20
)

// ready reports whether the transport takes items and parts of long messages.
func (s *Session) ready() bool { return s.out.Unsent() < laneLimit }

// partSize returns the length of the largest body that is sent.
func (s *Session) partSize() int {
	return min(s.limits.MaxFrameBody, s.peer.limits.MaxFrameBody)
}

// mayBegin reports whether a message in several frames may begin: it fits into
// the peer's maxAssembly together with those that are unfinished.
func (s *Session) mayBegin(size int) bool {
	return s.unfinished == 0 || s.unfinished+size <= s.peer.limits.MaxAssembly
}

// Flush sends what limits, credit and transport allow.
func (s *Session) Flush() {
	s.helpReaders()
	for s.state == open || s.state == greeting {
		s.sendNotifies()
		s.sendRequests()
		s.sendTerminals()
		if !s.sendLanes() {
			s.checkDrained()
			return
		}
	}
}

// sendLanes sends one frame of each lane in turn, and reports whether any was
// sent.
func (s *Session) sendLanes() bool {
	progress := false
	for n := len(s.lanes); n > 0 && len(s.lanes) > 0 && s.state != closed; n-- {
		s.nextLane %= len(s.lanes)
		l := s.lanes[s.nextLane]
		s.nextLane++
		progress = s.step(l) || progress
	}
	return progress
}

func (s *Session) step(l *lane) bool {
	if !s.ready() {
		return false
	}
	if l.call != nil {
		return s.sendItem(l.call)
	}
	credit := s.accountOf(l.kind)
	if credit != nil && !credit.open() {
		return false
	}
	size := min(s.partSize(), len(l.body)-l.at)
	f := frame{l.kind, flagMore, l.id, l.body[l.at : l.at+size]}
	l.at += size
	if l.at == len(l.body) {
		f.flags = 0
	}
	if credit != nil {
		credit.charges += f.charge()
	}
	s.write(f)
	if l.at == len(l.body) {
		s.removeLane(l)
		l.sent()
	}
	return true
}

func (s *Session) accountOf(kind Kind) *account {
	switch kind {
	case kRequest:
		return &s.send[0]
	case kNotify:
		return &s.send[1]
	}
	return nil
}

func (s *Session) addLane(l *lane) *lane {
	s.lanes = append(s.lanes, l)
	if l.call == nil {
		s.unfinished += len(l.body)
	}
	return l
}

func (s *Session) removeLane(l *lane) {
	for i, one := range s.lanes {
		if one == l && l != nil {
			s.lanes = append(s.lanes[:i:i], s.lanes[i+1:]...)
			if i < s.nextLane {
				s.nextLane--
			}
			if l.call == nil {
				s.unfinished -= len(l.body)
			}
		}
	}
}

// REQUEST

// sendRequests begins the calls that may begin. A small REQUEST may overtake a
// large one that must wait for unfinished messages or the transport.
func (s *Session) sendRequests() {
	waiting := s.requests
	s.requests = nil
	for i, c := range waiting {
		if len(s.own) >= s.peer.limits.MaxCalls || !s.send[0].open() || s.out.Unsent() > requestLimit || s.state == closed {
			s.requests = append(s.requests, waiting[i:]...)
			return
		}
		if !s.beginRequest(c) {
			s.requests = append(s.requests, c)
		}
	}
}

func (s *Session) beginRequest(c *Call) bool {
	if len(c.value) > s.peer.limits.MaxMessage {
		return false // early: it waits for HELLO
	}
	body := c.requestBody()
	large := len(body) > s.partSize()
	if large && (!s.ready() || !s.mayBegin(len(body))) {
		return false
	}
	c.ID = s.nextID
	s.nextID += 2
	s.own[c.ID] = c
	f := frame{kRequest, 0, c.ID, body}
	if large {
		c.request = s.addLane(&lane{frame: f, sent: func() {
			c.request = nil
			c.requestSent = true
			c.sendEnd()
		}})
		s.step(c.request)
		return true
	}
	s.send[0].charges += f.charge()
	c.requestSent = true
	s.write(f)
	c.sendEnd()
	return true
}

// NOTIFY

// Notify sends a notification as soon as credit allows.
func (s *Session) Notify(method string, value any, metadata map[string]string) error {
	if s.peerGoaway != nil || s.state == closed {
		return failure("unavailable", "no", "now")
	}
	for i, m := range s.config.Calls {
		if m.Name != method || m.Shape != Notification {
			continue
		}
		for _, mm := range s.peer.mismatches {
			if mm.method == i && mm.reason != mismatchSchema {
				return failure("unimplemented", "no", "never")
			}
		}
		body, err := encode(fields{metadata: metadata}.appendTo(append16(nil, i)), value)
		if err != nil {
			return err
		}
		if s.state == open && len(body) > s.peer.limits.MaxMessage {
			return failure("too-large", "no", "never")
		}
		s.notifies = append(s.notifies, body)
		s.Flush()
		return nil
	}
	return failure("unimplemented", "no", "never")
}

func (s *Session) sendNotifies() {
	for len(s.notifies) > 0 && !s.notifyBusy && s.send[1].open() {
		f := frame{kind: kNotify, body: s.notifies[0]}
		if len(f.body) > s.partSize() {
			if !s.ready() || !s.mayBegin(len(f.body)) {
				return
			}
			s.notifyBusy = true
			s.addLane(&lane{frame: f, sent: func() { s.notifyBusy = false }})
		} else {
			s.send[1].charges += f.charge()
			s.write(f)
		}
		s.notifies = s.notifies[1:]
	}
}

// ITEM and END

func (c *Call) sendEnd() {
	if c.ending && !c.endSent && c.requestSent && len(c.out) == 0 && !c.cancelled && !c.gone {
		c.endSent = true
		c.s.write(frame{kind: kEnd, id: c.ID})
	}
}

// sendItem sends the next frame of a call's items.
func (s *Session) sendItem(c *Call) bool {
	if s.state != open || c.Own && !c.requestSent || !c.sendCredit.open() || !s.send[2].open() {
		return false
	}
	// The last quarter of account 2 is for the items that have begun.
	if c.outAt == 0 && s.send[2].available() <= int64(s.peer.limits.ItemsWindow/4) {
		return false
	}
	body := c.out[0]
	size := min(s.partSize(), len(body)-c.outAt)
	f := frame{kItem, flagMore, c.ID, body[c.outAt : c.outAt+size]}
	c.outAt += size
	if c.outAt == len(body) {
		f.flags = 0
		c.out, c.outAt = c.out[1:], 0
	}
	c.sendCredit.charges += f.charge()
	s.send[2].charges += f.charge()
	s.write(f)
	if len(c.out) == 0 {
		s.removeLane(c.outLane)
		c.outLane = nil
		c.sendEnd()
		s.trySendTerminal(c)
	}
	if !f.more() {
		s.events(Event{Kind: "sent", Call: c})
	}
	return true
}

// RESULT and ERROR

// trySendTerminal sends the terminal of a served call, unless it must wait for
// its items, the rate of CANCELs, the transport or other long messages.
func (s *Session) trySendTerminal(c *Call) {
	if c.terminal == nil || c.begun || c.gone || len(c.out) > 0 || s.state != open {
		return
	}
	if c.holdUntil > s.now {
		s.at(c.holdUntil, func() { s.trySendTerminal(c) })
		return
	}
	size := len(c.terminal.body)
	switch {
	case size <= s.partSize() && s.out.Unsent() < terminalLimit:
		c.begun = true
		c.forget()
		s.write(*c.terminal)
	case size > s.partSize() && s.ready() && s.mayBegin(size):
		c.begun = true
		s.addLane(&lane{frame: *c.terminal, sent: c.forget})
	default:
		s.terminals = append(s.terminals, c)
	}
}

// sendTerminals tries the terminals that wait.
func (s *Session) sendTerminals() {
	waiting := s.terminals
	s.terminals = nil
	for _, c := range waiting {
		s.trySendTerminal(c)
	}
}
