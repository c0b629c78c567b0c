package lengthwise

// helpReaders helps an application that waits for an item while the items of
// other streams, which it does not read, use up account 2 (section 11).
func (s *Session) helpReaders() {
	g := &s.recv[2]
	few := int64(g.window / 4)
	short := func() bool { return s.state == open && g.available() <= few && s.readerWaits() }
	if short() && g.owed > 0 {
		s.grant(2)
	}
	if !short() {
		s.shortage.stop()
		s.shortage = nil
		return
	}
	loan := int(g.window/2) - int(g.available())
	if s.advanced+s.lent+loan <= s.limits.MaxAssembly/2-s.limits.MaxMessage {
		s.lend(loan)
		return
	}
	if s.reserve != nil && g.available() <= 0 {
		s.lend(1 - int(g.available())) // for one frame
	}
	s.endUnread()
}

func (s *Session) lend(loan int) {
	s.lent += loan
	s.recv[2].total += uint64(loan)
	s.write(frame{kWindow, 0, 2, uint64Body(s.recv[2].total)})
}

func (s *Session) readerWaits() bool {
	for _, calls := range []map[uint64]*Call{s.own, s.served} {
		for _, c := range calls {
			if c.wanted > 0 && !c.ended && !c.cancelled {
				return true
			}
		}
	}
	return false
}

// endUnread ends the stream that was unread longest, once the shortage has
// lasted for as long as a stream may be unread.
func (s *Session) endUnread() {
	if s.shortage == nil {
		s.shortage = s.after(s.limits.UnreadTimeout, s.helpReaders)
	}
	if s.now < s.shortage.at {
		return
	}
	var oldest *Call
	for _, calls := range []map[uint64]*Call{s.own, s.served} {
		for _, c := range calls {
			holds := c.wanted == 0 && (len(c.items) > 0 || c.part != nil)
			if holds && (oldest == nil || c.readAt < oldest.readAt) {
				oldest = c
			}
		}
	}
	if oldest == nil {
		return
	}
	e := failure("overloaded", "maybe", "later")
	switch due := oldest.readAt + int64(s.limits.UnreadTimeout); {
	case s.now < due:
		s.shortage = s.at(due, s.helpReaders)
	case oldest.Own:
		oldest.abandon(e, 0)
	default:
		oldest.cut("cancelled", e)
	}
}
