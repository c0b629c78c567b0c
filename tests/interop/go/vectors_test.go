package lengthwise

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"
	"testing"
)

// The conversations of tests/vectors/messages.json, for each end that follows
// the rules.

type vectors struct {
	Meta struct {
		Protocol struct {
			Hash           uint32
			Server, Client []methodJSON
		}
	}
	Preludes      map[string][]step
	Conversations []conversation
}

type methodJSON Method

func (m *methodJSON) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&m.Name, &m.Shape, &m.Hash})
}

type conversation struct {
	Name, Prelude string
	Subjects      []string
	Limits        map[string]json.RawMessage
	Knows         map[string]struct {
		Calls, Serves []methodJSON
		Hash          *uint32
	}
	Features map[string]uint32
	Steps    []step
}

type step struct {
	From, At, Do, Sees, About string
	Bytes                     hexJSON
	Ends, Crosses, Later      bool
	Cut, Lost                 bool // only with the feature resume
	Advance                   int64
	With                      map[string]any
}

type hexJSON []byte

func (h *hexJSON) UnmarshalJSON(b []byte) error {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	if m, ok := v.(map[string]any); ok {
		for _, part := range m["parts"].([]any) {
			*h = append(*h, repeated(part)...)
		}
		return nil
	}
	text, err := hex.DecodeString(v.(string))
	*h = text
	return err
}

func repeated(v any) []byte {
	b, _ := hex.DecodeString(v.([]any)[0].(string))
	return bytes.Repeat(b, int(v.([]any)[1].(float64)))
}

func TestVectors(t *testing.T) {
	text, err := os.ReadFile("../../vectors/messages.json")
	if err != nil {
		t.Fatal(err)
	}
	var all vectors
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	skipped := 0
	for _, c := range all.Conversations {
		if c.Features != nil {
			skipped++
			continue
		}
		for _, end := range c.Subjects {
			c, end := c, end
			t.Run(end+": "+c.Name, func(t *testing.T) {
				defer func() {
					if r := recover(); r != nil {
						t.Errorf("%v", r)
					}
				}()
				newReplay(t, &all, &c, end).run(append(append([]step{}, all.Preludes[c.Prelude]...), c.Steps...))
			})
		}
	}
	fmt.Printf("skipped %d of %d conversations: this peer has no optional features\n", skipped, len(all.Conversations))
}

// replay is one end of a conversation. It is also the Output of its session.
type replay struct {
	t       *testing.T
	end     string
	session *Session
	frames  [][]byte
	ended   bool
	events  []Event
	calls   map[uint64]*Call
	pings   map[string][]byte
	granted map[string][2]uint64 // by account: the highest total sent, and expected
	now     int64
	stalled bool
	left    int
	step    int64 // credit that may be owed without a grant
}

func methods(list []methodJSON) (out []Method) {
	for _, m := range list {
		out = append(out, Method(m))
	}
	return out
}

func newReplay(t *testing.T, all *vectors, c *conversation, end string) *replay {
	r := &replay{t: t, end: end, calls: map[uint64]*Call{}, pings: map[string][]byte{}, granted: map[string][2]uint64{}}
	config := Config{Name: "demo", Hash: all.Meta.Protocol.Hash, Limits: DefaultLimits()}
	config.Calls, config.Serves = methods(all.Meta.Protocol.Server), methods(all.Meta.Protocol.Client)
	if end == "server" {
		config.Role = Server
		config.Calls, config.Serves = config.Serves, config.Calls
	}
	if known, ok := c.Knows[end]; ok {
		if known.Calls != nil {
			config.Calls = methods(known.Calls)
		}
		if known.Serves != nil {
			config.Serves = methods(known.Serves)
		}
		if known.Hash != nil {
			config.Hash = *known.Hash
		}
	}
	if limits, ok := c.Limits[end]; ok {
		d := json.NewDecoder(bytes.NewReader(limits))
		d.DisallowUnknownFields()
		if err := d.Decode(&config.Limits); err != nil {
			t.Fatal(err)
		}
	}
	r.step = 1
	if config.Limits.ItemsWindow < DefaultLimits().ItemsWindow {
		r.step = int64(config.Limits.ItemsWindow / 4)
	}
	for _, s := range append(append([]step{}, all.Preludes[c.Prelude]...), c.Steps...) {
		if s.At == end && s.Do == "start" && s.With["credentials"] != nil {
			config.Credentials = s.With["credentials"]
		}
	}
	r.session = NewSession(config, r, func(e Event) {
		if e.Kind == "request" {
			r.calls[e.Call.ID] = e.Call
		}
		if e.Kind != "sent" {
			r.events = append(r.events, e)
		}
	})
	return r
}

func (r *replay) Write(frame []byte) {
	r.frames = append(r.frames, frame)
	r.left--
	r.grant(frame, 0)
}
func (r *replay) End() { r.ended = true }

func (r *replay) Unsent() int {
	if r.stalled && r.left <= 0 {
		return laneLimit
	}
	return 0
}

func (r *replay) run(steps []step) {
	for i, s := range steps {
		switch {
		case s.Cut || s.Lost:
			r.t.Fatalf("this peer cannot lose its connection")
		case s.Do != "" && s.At == r.end:
			r.early(steps[i:])
			r.do(s)
			r.session.Flush()
		case s.Sees != "" && s.At == r.end:
			r.see(s)
		case s.From == r.end && s.Ends:
			if !r.ended {
				r.t.Fatalf("the stream has not ended")
			}
		case s.From == r.end && !s.Later:
			r.expect(s)
		case s.From != "" && s.From != r.end && s.Ends:
			r.early(steps[i:])
			r.session.ReceiveEnd()
		case s.From != "" && s.From != r.end:
			r.early(steps[i:])
			r.session.Receive(r.translated(s.Bytes))
		case s.Advance > 0:
			r.early(steps[i:])
			r.now += s.Advance
			r.session.Advance(r.now)
		}
		if r.t.Failed() {
			r.t.Logf("step %d: %s %s %s%s", i, s.From+s.At, s.Do+s.Sees, s.About, fmt.Sprint(s.With)[:min(80, len(fmt.Sprint(s.With)))])
			return
		}
	}
	for _, f := range r.frames {
		if account, _ := grantOf(f); account == "" {
			r.t.Errorf("not expected: %s", canonical(f))
		}
	}
	for account, totals := range r.granted {
		if apart := int64(totals[0]) - int64(totals[1]); apart >= r.step || apart <= -r.step {
			r.t.Errorf("account %s: %d granted, not %d", account, totals[0], totals[1])
		}
	}
	for _, e := range r.events {
		r.t.Errorf("not expected: %s %+v %v", e.Kind, e, e.Err)
	}
}

// grantOf returns the account and the total of a WINDOW or CREDIT.
func grantOf(b []byte) (account string, total uint64) {
	if len(b) != headerSize+8 || Kind(b[4]) != kWindow && Kind(b[4]) != kCredit {
		return "", 0
	}
	f := header(b)
	total, _ = parseTotal(b[headerSize:])
	return fmt.Sprintf("%02x %d", f.kind, f.id), total
}

// grant notes the total of a grant that was sent (0) or is expected (1).
func (r *replay) grant(b []byte, which int) {
	if account, total := grantOf(b); account != "" {
		totals := r.granted[account]
		if total > totals[which] {
			totals[which] = total
		}
		r.granted[account] = totals
	}
}

// early checks that frames that were sent already are expected to cross.
func (r *replay) early(rest []step) {
	for _, f := range r.frames {
		account, _ := grantOf(f)
		found := account != ""
		for _, s := range rest {
			found = found || s.From == r.end && s.Crosses && canonical(s.Bytes) == canonical(f)
		}
		if !found {
			r.t.Errorf("sent too early: %s", canonical(f))
		}
	}
}

// translated replaces the bytes of a PONG by those of this end's PING.
func (r *replay) translated(b []byte) []byte {
	if len(b) > headerSize && Kind(b[4]) == kPong {
		if body, ok := r.pings[string(b[headerSize:])]; ok {
			return append(append([]byte{}, b[:headerSize]...), body...)
		}
	}
	return b
}

// expect takes the frame from those that were sent; frames with the same id
// keep their order.
func (r *replay) expect(s step) {
	want := canonical(s.Bytes)
	r.grant(s.Bytes, 1)
	for i, f := range r.frames {
		if canonical(f) == want {
			if Kind(f[4]) == kPing {
				r.pings[string(s.Bytes[headerSize:])] = f[headerSize:]
			}
			r.frames = append(r.frames[:i:i], r.frames[i+1:]...)
			return
		}
	}
	// A receiver may grant earlier, later, or in other steps: only the highest
	// total of each account must be the same, but for what is owed.
	if account, _ := grantOf(s.Bytes); account != "" {
		return
	}
	r.t.Errorf("missing %s: %s", s.About, want)
	for _, f := range r.frames {
		r.t.Logf("  sent: %s", canonical(f))
	}
	for _, e := range r.events {
		r.t.Logf("  event: %s %v", e.Kind, e.Code)
	}
}

// canonical describes a frame without what its sender may choose.
func canonical(b []byte) string {
	f := header(b)
	body := b[headerSize:]
	text := fmt.Sprintf("%02x %02x %d ", f.kind, f.flags, f.id)
	if f.more() {
		return text + short(body)
	}
	at := map[Kind]int{kRequest: 2, kNotify: 2, kResult: 0, kItem: 0, kError: 4, kGoaway: 7}
	switch f.kind {
	case kPing:
		return text
	case kHello:
		return text + short(body[:fixedHello]) + entries(body[fixedHello:], eAgent, true)
	case kRequest, kNotify, kResult, kItem, kError, kGoaway:
		n := at[f.kind]
		if len(body) < n {
			break
		}
		block, value, ok := take16(body[n:])
		if !ok {
			break
		}
		if f.kind == kGoaway {
			value = nil
		}
		return text + short(body[:n]) + entries(block, fMessage, false) + short(value)
	}
	return text + short(body)
}

func short(b []byte) string {
	if len(b) > 60 {
		return fmt.Sprintf("%x…%d(%x)", b[:40], len(b), ProtocolHash([]Method{{Name: string(b)}}, nil))
	}
	return hex.EncodeToString(b)
}

func entries(b []byte, without byte, dropEmpty bool) string {
	var list []string
	for len(b) > 0 {
		v, rest, ok := take16(b[1:])
		if !ok {
			return short(b)
		}
		if b[0] != without && (len(v) > 0 || !dropEmpty) {
			if pairs, ok := parseMetadata(v); ok && b[0] == fMetadata && !dropEmpty {
				list = append(list, fmt.Sprint(pairs)) // sorted
			} else {
				list = append(list, fmt.Sprintf("%d:%s", b[0], short(v)))
			}
		}
		b = rest
	}
	sort.Strings(list)
	return "{" + strings.Join(list, " ") + "} "
}

func value(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v["$undefined"]; ok {
			return Undefined{}
		}
		if b, ok := v["$bytes"]; ok {
			return repeated(b)
		}
		out := map[string]any{}
		for key, one := range v {
			out[key] = value(one)
		}
		return out
	case []any:
		out := []any{}
		for _, one := range v {
			out = append(out, value(one))
		}
		return out
	}
	return v
}

func number32(v any) *uint32 {
	if v == nil {
		return nil
	}
	n := uint32(v.(float64))
	return &n
}

func text(v any) string { s, _ := v.(string); return s }

func metadata(v any) map[string]string {
	if v == nil {
		return nil
	}
	m := map[string]string{}
	for key, one := range v.(map[string]any) {
		m[key] = one.(string)
	}
	return m
}

func (r *replay) do(s step) {
	w := s.With
	var c *Call
	if id, ok := w["call"]; ok && s.Do != "call" {
		if c = r.calls[uint64(id.(float64))]; c == nil {
			r.t.Errorf("no call %v", id)
			return
		}
	}
	var v any = Undefined{}
	given, hasValue := w["value"]
	if hasValue {
		v = value(given)
	}
	switch s.Do {
	case "start":
		r.session.Start()
	case "accept":
		r.session.Accept()
	case "refuse":
		r.session.Refuse(text(w["text"]))
	case "call":
		timeout, _ := w["timeout"].(float64)
		c, err := r.session.NewCall(text(w["method"]), v, hasValue, metadata(w["metadata"]), int(timeout))
		if err != nil {
			r.t.Error(err)
			return
		}
		r.calls[uint64(w["call"].(float64))] = c
		c.Begin()
	case "notify":
		if err := r.session.Notify(text(w["method"]), v, metadata(w["metadata"])); err != nil {
			r.t.Error(err)
		}
	case "send":
		if err := c.Send(v); err != nil {
			r.t.Error(err)
		}
	case "end":
		c.End()
	case "read":
		c.Read()
	case "stopReading":
		c.StopReading()
	case "respond":
		c.Respond(v, metadata(w["metadata"]))
	case "fail":
		e := failure(text(w["code"]), text(w["processed"]), "never")
		if w["retry"] != nil {
			e.Retry = text(w["retry"])
		}
		e.RetryAfter, e.Declared = number32(w["retryAfter"]), text(w["declared"])
		e.Text, e.Incident = text(w["text"]), text(w["incident"])
		if data, ok := w["data"]; ok {
			e.Data = value(data)
		}
		c.Fail(e)
	case "cancel":
		c.Cancel()
	case "refresh":
		r.session.Refresh(value(w["credentials"]))
	case "refreshed":
		r.session.Refreshed(uint64(w["id"].(float64)))
	case "rejectRefresh":
		r.session.RejectRefresh(text(w["text"]))
	case "drain":
		code := "drain"
		if w["code"] != nil {
			code = text(w["code"])
		}
		r.session.Drain(code, number32(w["retryAfter"]), number32(w["spread"]))
	case "close":
		r.session.Close()
	case "stall":
		after, _ := w["after"].(float64)
		r.stalled, r.left = true, int(after)
	case "flow":
		r.stalled = false
	default:
		r.t.Errorf("unknown action %s", s.Do)
	}
}

// see takes the next event.
func (r *replay) see(s step) {
	if len(r.events) == 0 {
		r.t.Errorf("missing event %s", s.Sees)
		return
	}
	e := r.events[0]
	r.events = r.events[1:]
	if e.Kind != s.Sees {
		r.t.Errorf("event %s %s %v, not %s", e.Kind, e.Code, e.Err, s.Sees)
		return
	}
	same := func(key string, got any) {
		want, ok := s.With[key]
		if !ok && key != "value" {
			return
		}
		a, b := encoded(value(want)), encoded(got)
		if key == "value" && !ok {
			a = "none"
		}
		if a != b {
			r.t.Errorf("%s: %s is %s, not %s", s.Sees, key, b, a)
		}
	}
	numberOf := func(n *uint32) any {
		if n == nil {
			return nil
		}
		return int(*n)
	}
	if id, ok := s.With["call"]; ok && r.calls[uint64(id.(float64))] != e.Call {
		r.t.Errorf("%s: another call", s.Sees)
	}
	if e.HasValue && s.Sees != "authenticate" && s.Sees != "refresh" {
		same("value", e.Value)
	} else if _, ok := s.With["value"]; ok {
		r.t.Errorf("%s: no value", s.Sees)
	}
	same("credentials", e.Value)
	same("method", e.Method)
	same("reason", e.Reason)
	same("remote", e.Remote)
	same("timeout", numberOf(e.Timeout))
	if s.Sees == "refresh" || s.Sees == "refreshed" {
		same("id", int(e.ID))
	}
	meta := map[string]any{}
	for key, one := range e.Metadata {
		meta[key] = one
	}
	same("metadata", meta)
	if e.Err == nil {
		same("code", e.Code)
		same("retryAfter", numberOf(e.RetryAfter))
		return
	}
	same("code", e.Err.Code)
	same("processed", e.Err.Processed)
	same("retry", e.Err.Retry)
	same("retryAfter", numberOf(e.Err.RetryAfter))
	same("declared", e.Err.Declared)
	same("incident", e.Err.Incident)
	same("text", e.Err.Text)
	same("data", e.Err.Data)
}

func encoded(v any) string {
	b, err := encode(nil, v)
	if err != nil {
		return err.Error()
	}
	return short(b)
}
