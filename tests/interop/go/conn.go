package lengthwise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net"
	"sync"
	"time"
)

// Handler handles a call or a notification. Its error is a *CallError if the
// caller may know it; any other error is only an incident.
type Handler func(ctx context.Context, in *Stream) (any, error)

// Options describe one end of a connection.
type Options struct {
	Config
	Handlers map[string]Handler
	// Authenticate accepts or refuses credentials; nil accepts all.
	Authenticate func(credentials any) error
	// Early makes Dial return before the server's HELLO has arrived.
	Early bool
	// Log takes undeclared errors with their incidents.
	Log func(incident string, err error)
}

// Conn is a session on a net.Conn.
type Conn struct {
	options Options
	net     net.Conn
	began   time.Time

	mu       sync.Mutex // guards all below, and the session
	session  *Session
	streams  map[*Call]*Stream
	outbox   [][]byte
	unsent   int
	ending   bool
	written  *sync.Cond
	alarm    *time.Timer
	notes    []func() // notifications, in order
	noting   bool
	refresh  map[uint64]chan struct{}
	opened   chan struct{}
	draining chan struct{}
	drains   bool
	ended    chan struct{}
	err      *SessionError
}

// Dial connects a client.
func Dial(ctx context.Context, address string, options Options) (*Conn, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	options.Role = Client
	c := newConn(nc, options)
	c.do(func() { err = c.session.Start() })
	if err != nil {
		nc.Close()
		return nil, err
	}
	c.run()
	if options.Early {
		return c, nil
	}
	select {
	case <-c.opened:
		return c, nil
	case <-c.ended:
		if c.err == nil {
			return nil, &SessionError{Code: "closed", Remote: true}
		}
		return nil, c.err
	case <-ctx.Done():
		c.Close()
		return nil, ctx.Err()
	}
}

// Serve accepts connections until the listener is closed.
func Serve(listener net.Listener, options Options) error {
	options.Role = Server
	for {
		nc, err := listener.Accept()
		if err != nil {
			return err
		}
		newConn(nc, options).run()
	}
}

func newConn(nc net.Conn, options Options) *Conn {
	c := &Conn{
		options: options, net: nc, began: time.Now(),
		streams: map[*Call]*Stream{}, refresh: map[uint64]chan struct{}{},
		opened: make(chan struct{}), draining: make(chan struct{}), ended: make(chan struct{}),
	}
	c.written = sync.NewCond(&c.mu)
	c.session = NewSession(options.Config, c, c.on)
	return c
}

func (c *Conn) run() {
	go c.writeAll()
	go c.readAll()
	c.do(func() {})
}

// do runs f with the session, at the current time.
func (c *Conn) do(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session.Advance(time.Since(c.began).Milliseconds())
	f()
	c.session.Flush()
	if c.alarm != nil {
		c.alarm.Stop()
	}
	if next := c.session.Next(); next >= 0 {
		wait := time.Duration(next)*time.Millisecond - time.Since(c.began)
		c.alarm = time.AfterFunc(wait, func() { c.do(func() {}) })
	}
}

func (c *Conn) readAll() {
	b := make([]byte, 64<<10)
	for {
		n, err := c.net.Read(b)
		c.do(func() {
			c.session.Receive(b[:n])
			if err != nil {
				c.session.ReceiveEnd()
			}
		})
		if err != nil {
			return
		}
	}
}

// writeAll writes what the session sends. After the end it half-closes, and
// leaves the peer a second to end its stream too (section 15).
func (c *Conn) writeAll() {
	defer c.net.Close()
	for {
		c.mu.Lock()
		for len(c.outbox) == 0 && !c.ending {
			c.written.Wait()
		}
		batch := net.Buffers(c.outbox)
		c.outbox = nil
		c.mu.Unlock()
		if len(batch) == 0 {
			break
		}
		n, err := batch.WriteTo(c.net)
		c.do(func() {
			c.unsent -= int(n)
			if err != nil {
				c.session.ReceiveEnd()
			}
		})
		if err != nil {
			return
		}
	}
	if half, ok := c.net.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
	time.Sleep(50 * time.Millisecond)
	c.net.SetReadDeadline(time.Now().Add(time.Second))
	io.Copy(io.Discard, c.net)
}

// Write, End and Unsent make a Conn the Output of its session.

// Write takes a frame.
func (c *Conn) Write(frame []byte) {
	c.outbox = append(c.outbox, frame)
	c.unsent += len(frame)
	c.written.Signal()
}

// End takes the end of the stream.
func (c *Conn) End() {
	c.ending = true
	c.written.Signal()
}

// Unsent returns the number of bytes that are not written.
func (c *Conn) Unsent() int { return c.unsent }

// on takes the session's events.
func (c *Conn) on(e Event) {
	st := c.streams[e.Call]
	switch e.Kind {
	case "authenticate":
		go c.authenticate(e, c.session.Accept, func(text string) { c.session.Refuse(text) })
	case "refresh":
		go c.authenticate(e, func() { c.session.Refreshed(e.ID) }, c.session.RejectRefresh)
	case "refreshed":
		close(c.refresh[e.ID])
		delete(c.refresh, e.ID)
	case "opened":
		close(c.opened)
	case "draining":
		if !c.drains {
			c.drains = true
			close(c.draining)
		}
	case "ended":
		if e.Code != "closed" || !isClosed(c.opened) {
			c.err = &SessionError{e.Code, e.Remote, e.Text}
		}
		close(c.ended)
	case "request":
		c.enter(e)
	case "notified":
		c.note(e)
	case "item":
		st.items <- e.Value
	case "itemsEnded":
		close(st.ended)
	case "sent":
		select {
		case st.sent <- struct{}{}:
		default:
		}
	case "cancelled":
		st.reason = e.Reason
		st.cancel()
	case "result":
		st.result, st.metadata = e.Value, e.Metadata
		close(st.ended)
	case "failed":
		st.err = e.Err
		close(st.ended)
	}
}

func isClosed(ch chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

func (c *Conn) authenticate(e Event, accept func(), refuse func(string)) {
	var err error
	if c.options.Authenticate != nil {
		err = c.options.Authenticate(e.Value)
	}
	c.do(func() {
		if err == nil {
			accept()
		} else {
			refuse("refused")
		}
	})
}

// enter enters the handler of a call.
func (c *Conn) enter(e Event) {
	ctx, cancel := context.WithCancel(context.Background())
	st := c.newStream(e.Call, cancel)
	st.Value, st.HasValue, st.Metadata, st.Timeout = e.Value, e.HasValue, e.Metadata, e.Timeout
	handle := c.options.Handlers[e.Method]
	go func() {
		defer cancel()
		result, err := run(handle, ctx, st)
		c.do(func() {
			delete(c.streams, e.Call)
			if err == nil {
				e.Call.Respond(result, st.metadata)
			} else {
				e.Call.Fail(c.failureOf(st, err))
			}
		})
	}()
}

func run(handle Handler, ctx context.Context, st *Stream) (result any, err error) {
	if handle == nil {
		return nil, errors.New("no handler")
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return handle(ctx, st)
}

func (c *Conn) failureOf(st *Stream, err error) *CallError {
	if st.reason == "cancelled" || st.reason == "deadline" {
		return failure(st.reason, "yes", "never")
	}
	var e *CallError
	if errors.As(err, &e) {
		return e
	}
	e = failure("internal", "yes", "never")
	e.Incident = fmt.Sprintf("%016x", rand.Uint64())
	if c.options.Log != nil {
		c.options.Log(e.Incident, err)
	}
	return e
}

// note enters the handler of a notification after those before it.
func (c *Conn) note(e Event) {
	st := &Stream{conn: c, Value: e.Value, HasValue: true, Metadata: e.Metadata}
	handle := c.options.Handlers[e.Method]
	c.session.notifications++
	c.notes = append(c.notes, func() { run(handle, context.Background(), st) })
	if !c.noting {
		c.noting = true
		go c.handleNotes()
	}
}

func (c *Conn) handleNotes() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.notes) > 0 {
		next := c.notes[0]
		c.notes = c.notes[1:]
		c.mu.Unlock()
		next()
		c.mu.Lock()
		c.session.notifications--
	}
	c.noting = false
}

// Close ends the session in order.
func (c *Conn) Close() { c.do(c.session.Close) }

// Drain ends the session when the calls in flight have ended.
func (c *Conn) Drain() { c.do(func() { c.session.Drain("drain", nil, nil) }) }

// Draining is closed when the peer drains.
func (c *Conn) Draining() <-chan struct{} { return c.draining }

// Wait waits for the end of the session.
func (c *Conn) Wait() error {
	<-c.ended
	if c.err == nil {
		return nil
	}
	return c.err
}

// Refresh sends new credentials, and waits until they apply.
func (c *Conn) Refresh(credentials any) error {
	done := make(chan struct{})
	var err error
	c.do(func() {
		var id uint64
		if id, err = c.session.Refresh(credentials); err == nil {
			c.refresh[id] = done
		}
	})
	if err != nil {
		return err
	}
	select {
	case <-done:
		return nil
	case <-c.ended:
		return c.err
	}
}

// Notify sends a notification.
func (c *Conn) Notify(method string, value any, metadata map[string]string) (err error) {
	c.do(func() { err = c.session.Notify(method, value, metadata) })
	return err
}

// Mismatches returns the methods that the server does not serve as listed.
func (c *Conn) Mismatches() (names []string) {
	c.do(func() {
		for _, m := range c.session.peer.mismatches {
			names = append(names, c.options.Calls[m.method].Name)
		}
	})
	return names
}

// Stream is a call at either end.
type Stream struct {
	// Of a served call: the input or opening, and what came with it.
	Value    any
	HasValue bool
	Metadata map[string]string
	Timeout  *uint32

	conn     *Conn
	call     *Call
	cancel   func()
	items    chan any
	reading  bool
	sent     chan struct{}
	ended    chan struct{} // own: the outcome is there; else END has arrived
	result   any
	metadata map[string]string // of the RESULT
	err      error
	reason   string
}

func (c *Conn) newStream(call *Call, cancel func()) *Stream {
	st := &Stream{
		conn: c, call: call, cancel: cancel,
		items: make(chan any, 1), sent: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	c.streams[call] = st
	return st
}

// Open begins a call. ctx limits the whole call. NoValue as value of a method
// with input items means that there is no opening.
func (c *Conn) Open(ctx context.Context, method string, value any, metadata map[string]string) (*Stream, error) {
	timeout := 0
	if at, ok := ctx.Deadline(); ok {
		if timeout = int(time.Until(at).Milliseconds()); timeout < 1 {
			timeout = 1
		}
	}
	var st *Stream
	var err error
	c.do(func() {
		_, none := value.(NoValue)
		if none {
			value = nil
		}
		var call *Call
		if call, err = c.session.NewCall(method, value, !none, metadata, timeout); err == nil {
			st = c.newStream(call, nil)
			call.Begin()
		}
	})
	if err != nil {
		return nil, err
	}
	go func() {
		select {
		case <-ctx.Done():
			if ctx.Err() == context.Canceled {
				st.Cancel()
			}
		case <-st.ended:
		}
	}()
	return st, nil
}

// NoValue stands for an opening that is left out.
type NoValue struct{}

// Call makes a unary call.
func (c *Conn) Call(ctx context.Context, method string, value any) (any, error) {
	st, err := c.Open(ctx, method, value, nil)
	if err != nil {
		return nil, err
	}
	return st.Result()
}

// Conn returns the connection of the call.
func (st *Stream) Conn() *Conn { return st.conn }

// RespondWith sets the metadata of the RESULT.
func (st *Stream) RespondWith(metadata map[string]string) { st.metadata = metadata }

// Recv returns the next item, or io.EOF after the last.
func (st *Stream) Recv(ctx context.Context) (any, error) {
	st.conn.do(func() {
		if !st.reading {
			st.reading = true
			st.call.Read()
		}
	})
	take := func(v any) (any, error) {
		st.reading = false
		return v, nil
	}
	select {
	case v := <-st.items:
		return take(v)
	default:
	}
	select {
	case v := <-st.items:
		return take(v)
	case <-st.ended:
		select {
		case v := <-st.items: // it came before the end
			return take(v)
		default:
		}
		if st.err != nil {
			return nil, st.err
		}
		return nil, io.EOF
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Send sends an item, and waits until credit has allowed it.
func (st *Stream) Send(ctx context.Context, value any) error {
	var err error
	unsent := func() (n int) {
		st.conn.do(func() { n = st.call.Unsent() })
		return n
	}
	st.conn.do(func() { err = st.call.Send(value) })
	for err == nil && unsent() > 0 {
		select {
		case <-st.sent:
		case <-st.conn.ended:
			err = st.conn.Wait()
		case <-ctx.Done():
			err = ctx.Err()
		}
		if st.call.Own && isClosed(st.ended) {
			return nil // the callee needs no more
		}
	}
	return err
}

// CloseSend ends the items of an own call.
func (st *Stream) CloseSend() { st.conn.do(st.call.End) }

// Cancel cancels an own call.
func (st *Stream) Cancel() { st.conn.do(st.call.Cancel) }

// Result waits for the result of an own call.
func (st *Stream) Result() (any, error) {
	<-st.ended
	st.conn.do(func() {
		st.call.StopReading()
		delete(st.conn.streams, st.call)
	})
	return st.result, st.err
}

// ResultMetadata returns the metadata of the RESULT of an own call.
func (st *Stream) ResultMetadata() map[string]string { return st.metadata }
