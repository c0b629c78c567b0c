package lengthwise

import (
	"bytes"
	"encoding/binary"
)

// Config describes one end of a session.
type Config struct {
	Role        Role
	Name        string   // of the protocol, for information
	Agent       string   // for logs
	Calls       []Method // of the peer, in the order of their numbers
	Serves      []Method
	Hash        uint32
	Limits      Limits
	Credentials any // nil: none
}

// Output takes what a session sends.
type Output interface {
	// Write sends the bytes of one frame.
	Write(frame []byte)
	// End ends the stream.
	End()
	// Unsent returns the number of bytes that the transport has not taken. When
	// it falls, Flush sends what has waited for it.
	Unsent() int
}

// Event tells the application what has happened.
type Event struct {
	Kind       string // as in tests/vectors/messages.json
	Call       *Call
	ID         uint64 // of a refresh
	Method     string
	Value      any
	HasValue   bool
	Metadata   map[string]string
	Timeout    *uint32
	Err        *CallError
	Code       string // of the end of the session
	Remote     bool
	RetryAfter *uint32
	Text       string
	Reason     string // of "cancelled"
}

type state int

const (
	greeting state = iota // client
	waiting               // server
	authenticating
	open
	closed
)

// Session is one end of a connection. It is not safe for concurrent use, does
// no input or output, and knows no clock: its owner calls Receive and Advance.
type Session struct {
	config Config
	limits Limits
	out    Output
	events func(Event)
	state  state
	peer   hello
	buffer []byte

	now       int64 // milliseconds
	timers    timers
	lastRead  int64
	silent    int // heartbeats without a byte
	handshake *timer

	kept     []keptFrame // while authenticating
	keptSize int
	frameAt  int64 // when the frame that is handled has arrived

	// Calls. own: this end is the caller.
	own, served      map[uint64]*Call
	nextID, lastPeer uint64
	running          int // handlers that have not settled
	notifications    int // handlers of notifications

	// Sending (send.go).
	send       [3]account
	requests   []*Call // not begun
	notifies   [][]byte
	notifyBusy bool
	terminals  []*Call // that wait for the transport or for long messages
	lanes      []*lane
	nextLane   int
	unfinished int // bytes of begun and unfinished messages but items

	// Receiving.
	recv       [3]granting
	joining    map[uint64]*assembly // REQUESTs
	notify     *assembly
	skipNotify bool            // the rest of a NOTIFY that was dropped
	refused    map[uint64]bool // REQUESTs refused before they were complete
	refusedIDs []uint64        // oldest first
	assembled  int             // bytes of unfinished messages but items
	advanced   int             // bytes of items paid in advance
	lent       int             // credit of account 2 beyond what was owed
	shortage   *timer          // of account 2, while a reader waits
	reserve    *Call           // the stream that has the reserve
	streams    []*Call         // with a part that may have to be paid in advance
	raisable   int             // pool for larger windows

	// Control.
	pings       [][]byte
	pingCount   uint64
	pongs       bucket
	pong        []byte // held back
	cancels     bucket
	authID      uint64
	unanswered  map[uint64]*timer
	draining    drainState
	drainFields fields
	drainCode   string
	drainPing   []byte
	graceTimer  *timer
	lastID      uint64  // of this end's GOAWAY
	peerGoaway  *goaway // drain or age
}

type keptFrame struct {
	frame
	at int64
}

type drainState int

const (
	notDraining drainState = iota
	settling               // GOAWAY and PING sent
	settled                // the PONG has arrived
)

// NewSession returns a session that has sent nothing yet. A client calls Start.
func NewSession(config Config, out Output, events func(Event)) *Session {
	l := config.Limits
	s := &Session{
		config: config, limits: l, out: out, events: events,
		own: map[uint64]*Call{}, served: map[uint64]*Call{},
		joining: map[uint64]*assembly{}, refused: map[uint64]bool{},
		unanswered: map[uint64]*timer{},
		lastID:     undetermined,
		raisable:   l.ItemsWindow,
		pongs:      newBucket(5, 5),
	}
	burst := l.MaxCalls
	if l.CancelsPerSecond > burst {
		burst = l.CancelsPerSecond
	}
	s.cancels = newBucket(l.CancelsPerSecond, burst)
	for i, window := range []int{l.ConnectionWindow, l.NotifyWindow, l.ItemsWindow} {
		s.recv[i] = newGranting(window, 4)
	}
	s.nextID = 2
	s.state = waiting
	if config.Role == Client {
		s.nextID, s.state = 1, greeting
		// The lowest values that a HELLO can state (section 4).
		s.send[0].total, s.send[1].total = 65_536, 16_384
		s.peer.limits = Limits{MaxFrameBody: 16_384, MaxMessage: 65_536, MaxCalls: 32, MaxAssembly: 65_536}
	}
	s.handshake = s.after(l.HandshakeTimeout, func() { s.fail("timeout", "") })
	return s
}

// Start sends the client's HELLO.
func (s *Session) Start() error {
	h := s.hello()
	if s.config.Credentials != nil {
		auth, err := encode(nil, s.config.Credentials)
		if err != nil {
			return err
		}
		h.auth = auth
	}
	s.write(frame{kind: kHello, body: h.body()})
	return nil
}

func (s *Session) hello() hello {
	return hello{
		role: s.config.Role, limits: s.limits, hash: s.config.Hash, protocol: s.config.Name,
		agent: s.config.Agent, codecs: codecName, methods: s.config.Calls,
	}
}

func (s *Session) write(f frame) {
	s.out.Write(f.bytes())
	if f.kind != kGoaway && s.out.Unsent() > hardLimit {
		s.fail("unsent", "")
	}
}

// Receive takes the next bytes of the peer's stream.
func (s *Session) Receive(b []byte) {
	if s.state == closed {
		return
	}
	s.lastRead, s.silent = s.now, 0
	s.buffer = append(s.buffer, b...)
	for s.state != closed && len(s.buffer) >= 4 {
		size := int(binary.BigEndian.Uint32(s.buffer))
		if size < 8 || size-8 > maxHello && size-8 > s.limits.MaxFrameBody {
			s.fail("protocol", "length of a frame")
			return
		}
		if len(s.buffer) < size+4 {
			break
		}
		f := header(s.buffer)
		f.body = append([]byte{}, s.buffer[headerSize:size+4]...)
		s.buffer = s.buffer[size+4:]
		s.receive(f)
	}
	s.Flush()
}

// ReceiveEnd takes the end of the peer's stream.
func (s *Session) ReceiveEnd() { s.end(Event{Code: "disconnected"}, nil) }

func (s *Session) receive(f frame) {
	s.frameAt = s.now
	switch s.state {
	case greeting:
		if f.kind != kHello && f.kind != kGoaway {
			s.fail("protocol", "a frame before HELLO")
			return
		}
	case waiting:
		if f.kind != kHello {
			s.fail("protocol", "a frame before HELLO")
			return
		}
	case authenticating:
		s.keptSize += headerSize + len(f.body) + 64
		s.kept = append(s.kept, keptFrame{f, s.now})
		if s.keptSize > 131_072 {
			s.fail("flow-control", "too many early frames")
		}
		return
	}
	s.handle(f)
}

// handle makes the checks of a frame in the order of section 17.
func (s *Session) handle(f frame) {
	if f.kind == kHello {
		s.onHello(f)
		return
	}
	if len(f.body) > s.limits.MaxFrameBody {
		s.fail("too-large", "a frame")
		return
	}
	switch f.kind {
	case kGoaway:
		s.onGoaway(f)
	case kPing:
		s.onPing(f)
	case kPong:
		s.onPong(f)
	case kWindow:
		s.onWindow(f)
	case kAuth:
		s.onAuth(f)
	case kRequest:
		s.onRequest(f)
	case kNotify:
		s.onNotify(f)
	case kItem, kEnd, kResult, kError, kCancel, kCredit:
		s.onCallFrame(f)
	default:
		if f.flags&flagIgnorable == 0 {
			s.fail("protocol", "an unknown kind")
		}
	}
}

func (s *Session) onHello(f frame) {
	if s.state == open {
		s.fail("protocol", "a second HELLO")
		return
	}
	h, code := parseHello(f.body, 1-s.config.Role, s.limits.MaxMethods)
	if code != "" {
		s.fail(code, "HELLO")
		return
	}
	if s.config.Role == Client {
		if h.codecs != codecName {
			s.fail("codec", "")
			return
		}
		s.adopt(h)
		s.send[2].total = uint64(h.limits.ItemsWindow)
		for _, c := range s.own {
			c.sendCredit.total = uint64(h.limits.StreamWindow)
		}
		s.opened()
		return
	}
	if !h.acceptsCodec() {
		s.fail("codec", "")
		return
	}
	e := Event{Kind: "authenticate"}
	if len(h.auth) > maxCredentials {
		s.fail("too-large", "credentials")
		return
	}
	if h.auth != nil {
		value, err := decode(h.auth)
		if err != nil {
			s.fail("unauthenticated", "")
			return
		}
		e.Value, e.HasValue = value, true
	}
	s.adopt(h)
	s.send[2].total = uint64(h.limits.ItemsWindow)
	s.state = authenticating
	s.events(e)
}

// adopt applies the peer's HELLO.
func (s *Session) adopt(h hello) {
	s.peer = h
	s.send[0].total = uint64(h.limits.ConnectionWindow)
	s.send[1].total = uint64(h.limits.NotifyWindow)
}

func (s *Session) opened() {
	s.state = open
	s.handshake.stop()
	s.lastRead = s.now
	if s.limits.Heartbeat > 0 {
		s.beat()
	}
	s.events(Event{Kind: "opened"})
	if s.config.Role == Client {
		s.failMismatches()
	}
	s.Flush()
}

// Accept accepts the client: the server's HELLO is sent, and what was kept is
// handled.
func (s *Session) Accept() {
	if s.state != authenticating {
		return
	}
	h := s.hello()
	h.mismatches = findMismatches(s.peer.methods, s.config.Serves)
	s.write(frame{kind: kHello, body: h.body()})
	s.opened()
	for _, k := range s.kept {
		if s.state != open {
			break
		}
		s.frameAt = k.at
		s.handle(k.frame)
	}
	s.kept = nil
	s.Flush()
}

// Refuse refuses the client.
func (s *Session) Refuse(text string) {
	if s.state == authenticating {
		s.fail("unauthenticated", text)
	}
}

// fail closes the connection because of a violation or a timeout.
func (s *Session) fail(code, text string) {
	if text == "" {
		text = code
	}
	s.end(Event{Code: code, Text: text}, &goaway{code: code, text: text})
}

// Close ends the session in order.
func (s *Session) Close() {
	s.end(Event{Code: "closed"}, &goaway{code: "closed", text: "closed"})
}

// end ends the session, after a last GOAWAY if there is one to send.
func (s *Session) end(e Event, last *goaway) {
	if s.state == closed {
		return
	}
	handshake := s.state != open
	s.state = closed
	if last != nil {
		last.lastID = s.lastPeer
		if s.lastID < last.lastID {
			last.lastID = s.lastID
		}
		s.write(frame{kind: kGoaway, body: last.body()})
	}
	s.out.End()
	s.timers = nil
	for _, c := range s.requests {
		c.lose(e, handshake)
	}
	s.requests = nil
	// The calls that were not processed come first.
	for _, lost := range []bool{true, false} {
		for _, id := range sortedIDs(s.own) {
			if g := s.peerGoaway; lost == (g != nil && id > g.lastID) {
				s.own[id].lose(e, handshake)
			}
		}
	}
	for _, id := range sortedIDs(s.served) {
		s.served[id].disconnected()
	}
	e.Kind = "ended"
	s.events(e)
}

// WINDOW

func (s *Session) onWindow(f frame) {
	total, ok := parseTotal(f.body)
	if !ok || f.id < 3 && !s.send[f.id].raise(total) {
		s.fail("flow-control", "WINDOW")
	}
}

// owe returns a charge to an account of the connection. On account 2 it repays
// a loan first.
func (s *Session) owe(account int, charge uint64) {
	g := &s.recv[account]
	if account == 2 {
		repaid := uint64(min(s.lent, int(charge)))
		s.lent -= int(repaid)
		charge -= repaid
	}
	g.owed += charge
	if g.due() && s.state == open {
		s.grant(account)
	}
}

func (s *Session) grant(account int) {
	s.write(frame{kWindow, 0, uint64(account), s.recv[account].grant(0)})
}

// PING and PONG

// beat arms the timer for the next heartbeat of silence.
func (s *Session) beat() {
	period := int64(s.limits.Heartbeat)
	due := func() int64 { return s.lastRead + int64(s.silent+1)*period }
	s.at(due(), func() {
		if s.now >= due() {
			if s.silent++; s.silent == 3 {
				s.fail("timeout", "silence")
				return
			}
			s.ping()
		}
		s.beat()
	})
}

func (s *Session) ping() []byte {
	s.pingCount++
	body := uint64Body(s.pingCount)
	s.pings = append(s.pings, body)
	s.write(frame{kind: kPing, body: body})
	return body
}

func (s *Session) onPing(f frame) {
	if len(f.body) != 8 && len(f.body) != 16 {
		s.fail("protocol", "length of a PING")
		return
	}
	held := s.pong != nil
	s.pong = f.body
	if held {
		return
	}
	if wait := s.pongs.take(s.now); wait > 0 {
		s.after(int(wait), s.answer)
		return
	}
	s.answer()
}

func (s *Session) answer() {
	s.write(frame{kind: kPong, body: s.pong})
	s.pong = nil
}

func (s *Session) onPong(f frame) {
	if len(f.body) != 8 && len(f.body) != 16 {
		s.fail("protocol", "length of a PONG")
		return
	}
	for i, ping := range s.pings {
		if bytes.Equal(ping, f.body) {
			proof := false
			for _, answered := range s.pings[:i+1] {
				proof = proof || bytes.Equal(answered, s.drainPing)
			}
			s.pings = s.pings[i+1:]
			if proof && s.draining == settling {
				s.settle()
			}
			return
		}
	}
}

// AUTH

// Refresh sends new credentials, and returns the number of the refresh.
func (s *Session) Refresh(credentials any) (uint64, error) {
	body, err := encode(nil, credentials)
	if err != nil || s.state != open {
		return 0, errCodec
	}
	s.authID++
	s.unanswered[s.authID] = nil
	s.write(frame{kAuth, 0, s.authID, body})
	return s.authID, nil
}

func (s *Session) onAuth(f frame) {
	if s.config.Role == Client {
		if f.flags&flagReply == 0 {
			s.fail("protocol", "AUTH from the server")
		} else if _, ok := s.unanswered[f.id]; ok {
			delete(s.unanswered, f.id)
			s.events(Event{Kind: "refreshed", ID: f.id})
		}
		return
	}
	if f.flags&flagReply != 0 || f.id <= s.authID {
		s.fail("protocol", "AUTH")
		return
	}
	if len(s.unanswered) == 8 {
		s.fail("too-many", "")
		return
	}
	if len(f.body) > maxCredentials {
		s.fail("too-large", "credentials")
		return
	}
	value, err := decode(f.body)
	if err != nil {
		s.fail("unauthenticated", "")
		return
	}
	s.authID = f.id
	s.unanswered[f.id] = s.after(s.limits.HandshakeTimeout, func() { s.fail("timeout", "") })
	s.events(Event{Kind: "refresh", ID: f.id, Value: value, HasValue: true})
}

// Refreshed accepts new credentials.
func (s *Session) Refreshed(id uint64) {
	if t, ok := s.unanswered[id]; ok && s.state == open {
		t.stop()
		delete(s.unanswered, id)
		s.write(frame{kAuth, flagReply, id, nil})
	}
}

// RejectRefresh refuses new credentials, which ends the session.
func (s *Session) RejectRefresh(text string) { s.fail("unauthenticated", text) }

// GOAWAY

func (s *Session) onGoaway(f frame) {
	g, err := parseGoaway(f.body, s.limits)
	if err != nil {
		s.fail("protocol", "GOAWAY")
		return
	}
	e := Event{Code: g.code, Remote: true, RetryAfter: g.fields.retryAfter, Text: g.text}
	if s.state == greeting {
		s.end(e, nil)
		return
	}
	if s.peerGoaway != nil && s.peerGoaway.lastID < g.lastID {
		g.lastID = s.peerGoaway.lastID
	}
	s.peerGoaway = &g
	if g.code != "drain" && g.code != "age" {
		s.end(e, nil)
		return
	}
	for _, c := range s.requests {
		c.failLocally(s.unavailable())
	}
	s.requests = nil
	for _, id := range sortedIDs(s.own) {
		if id > g.lastID {
			c := s.own[id]
			if !c.requestSent {
				s.write(frame{kCancel, 0, id, []byte{0}})
			}
			c.forget()
			c.failLocally(s.unavailable())
		}
	}
	s.events(Event{Kind: "draining", Code: g.code, RetryAfter: g.fields.retryAfter})
}

// unavailable is the failure of a call that a drain has not let begin.
func (s *Session) unavailable() *CallError {
	e := failure("unavailable", "no", "now")
	if s.peerGoaway != nil && s.peerGoaway.fields.retryAfter != nil {
		e.Retry, e.RetryAfter = "later", s.peerGoaway.fields.retryAfter
	}
	return e
}

// Drain ends the session when the calls in flight have ended. code is "drain"
// or "age".
func (s *Session) Drain(code string, retryAfter, spread *uint32) {
	if s.draining != notDraining || s.state == closed {
		return
	}
	if s.state != open {
		e := Event{Code: "closed"}
		s.events(Event{Kind: "drained"})
		s.end(e, &goaway{code: "closed", text: "closed"})
		return
	}
	s.draining, s.drainCode = settling, code
	s.drainFields = fields{retryAfter: retryAfter, spread: spread}
	for _, c := range s.requests {
		c.failLocally(s.unavailable())
	}
	s.requests = nil
	s.sendDrain()
	s.drainPing = s.ping()
	s.graceTimer = s.after(s.limits.DrainGrace, s.graceOver)
}

func (s *Session) sendDrain() {
	s.write(frame{kind: kGoaway, body: goaway{s.drainCode, s.lastID, s.drainFields, "draining"}.body()})
}

// settle fixes the last id: the peer has read the first GOAWAY.
func (s *Session) settle() {
	s.draining, s.lastID = settled, s.lastPeer
	s.sendDrain()
}

func (s *Session) checkDrained() {
	if s.draining == settled && s.state == open && len(s.own)+len(s.served)+len(s.joining) == 0 {
		s.drained()
	}
}

func (s *Session) drained() {
	s.events(Event{Kind: "drained"})
	s.end(Event{Code: "closed"}, &goaway{code: "closed", text: "closed"})
}

func (s *Session) graceOver() {
	for _, id := range sortedIDs(s.joining) {
		s.refuse(id, failure("unavailable", "no", "now"))
	}
	for _, id := range sortedIDs(s.served) {
		c := s.served[id]
		c.stop("drained")
		c.finish(failure("unavailable", "maybe", "never"))
	}
	if s.state == open {
		s.drained()
	}
}
