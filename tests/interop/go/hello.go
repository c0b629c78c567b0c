package lengthwise

import (
	"encoding/binary"
	"hash/fnv"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Role is the end of a connection.
type Role byte

// Roles.
const (
	Client Role = 0
	Server Role = 1
)

// Shape is the shape of a method (section 6).
type Shape byte

// Shapes.
const (
	Unary Shape = iota
	Notification
	ServerStream
	ClientStream
	Duplex
)

var shapeNames = []string{"unary", "notification", "serverStream", "clientStream", "duplex"}

func (s Shape) callerItems() bool { return s == ClientStream || s == Duplex }
func (s Shape) calleeItems() bool { return s == ServerStream || s == Duplex }
func (s Shape) resultValue() bool { return s == Unary || s == ClientStream }

// Method is a method that one end may call on the other.
type Method struct {
	Name  string
	Shape Shape
	Hash  uint32
}

// Limits are the limits of one end (section 16).
type Limits struct {
	MaxFrameBody, MaxMessage, MaxCalls          int
	StreamWindow, MaxStreamWindow               int
	ConnectionWindow, NotifyWindow, ItemsWindow int
	// Half of MaxAssembly is for unfinished messages, and half for items.
	MaxAssembly, MaxFragments, MaxMetadata int
	MaxMethods, CancelsPerSecond           int
	// Milliseconds.
	Heartbeat, HandshakeTimeout, AssemblyTimeout, DrainGrace, UnreadTimeout int
}

// DefaultLimits returns the defaults of section 16.
func DefaultLimits() Limits {
	return Limits{
		MaxFrameBody: 128 << 10, MaxMessage: 4 << 20, MaxCalls: 1024,
		StreamWindow: 32 << 10, MaxStreamWindow: 256 << 10,
		ConnectionWindow: 4 << 20, NotifyWindow: 1 << 20, ItemsWindow: 4 << 20,
		MaxAssembly: 16 << 20, MaxFragments: 1024, MaxMetadata: 8 << 10,
		MaxMethods: 1024, CancelsPerSecond: 1000,
		Heartbeat: 15_000, HandshakeTimeout: 5_000, AssemblyTimeout: 30_000, DrainGrace: 10_000, UnreadTimeout: 10_000,
	}
}

// messages returns the limit on bytes of unfinished messages but items, which
// HELLO states.
func (l Limits) messages() int {
	if half := l.MaxAssembly / 2; half > 65_536 {
		return half
	}
	return 65_536
}

const (
	maxHello = 65_536
	// maxCredentials limits the value of AUTH, in bytes.
	maxCredentials = 4_096
	codecName      = "msgpack"
	fixedHello     = 52
)

// Types of the entries of HELLO.
const (
	eProtocol   = 1
	eCodec      = 2
	eMethods    = 3
	eAuth       = 4
	eMismatches = 5
	eAgent      = 6
)

// Reasons of a mismatch (section 6).
const (
	mismatchMissing = 0
	mismatchShape   = 1
	mismatchSchema  = 2
)

type mismatch struct {
	method int
	reason byte
}

// hello is the content of a HELLO.
type hello struct {
	role                    Role
	limits                  Limits // those that a HELLO states
	hash                    uint32
	protocol, agent, codecs string
	methods                 []Method
	auth                    []byte // nil: no credentials
	mismatches              []mismatch
}

func (h hello) body() []byte {
	b := []byte{'L', 'W', 'P', '1', 1, 0, byte(h.role), 0}
	l := h.limits
	for _, n := range []int{
		0, l.MaxFrameBody, l.MaxMessage, l.MaxCalls, l.StreamWindow, l.ConnectionWindow,
		l.Heartbeat, int(h.hash), l.NotifyWindow, l.ItemsWindow, l.messages(),
	} {
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	entry := func(typ byte, v []byte) {
		if len(v) > 0 {
			b = append(append16(append(b, typ), len(v)), v...)
		}
	}
	entry(eProtocol, []byte(h.protocol))
	entry(eCodec, []byte(h.codecs))
	var list []byte
	for _, m := range h.methods {
		list = binary.BigEndian.AppendUint32(append(list, byte(m.Shape)), m.Hash)
		list = append(append(list, byte(len(m.Name))), m.Name...)
	}
	entry(eMethods, list)
	entry(eAuth, h.auth)
	list = nil
	for _, m := range h.mismatches {
		list = append(append16(list, m.method), m.reason)
	}
	entry(eMismatches, list)
	entry(eAgent, []byte(h.agent))
	return b
}

// parseHello makes the checks of section 5 up to the codec. It returns the
// code of the first that fails.
func parseHello(b []byte, from Role, maxMethods int) (h hello, code string) {
	if len(b) > maxHello {
		return h, "too-large"
	}
	if len(b) < 4 || string(b[:4]) != "LWP1" {
		return h, "protocol"
	}
	if len(b) < 5 || b[4] != 1 {
		return h, "version"
	}
	if len(b) < fixedHello || Role(b[6]) != from {
		return h, "protocol"
	}
	h.role = from
	l := &h.limits
	h.hash = binary.BigEndian.Uint32(b[36:])
	for _, m := range []struct {
		at, min int
		to      *int
	}{
		{12, 16_384, &l.MaxFrameBody}, {16, 65_536, &l.MaxMessage}, {20, 32, &l.MaxCalls},
		{24, 1_024, &l.StreamWindow}, {28, 65_536, &l.ConnectionWindow}, {32, 0, &l.Heartbeat},
		{40, 16_384, &l.NotifyWindow}, {44, 65_536, &l.ItemsWindow}, {48, 65_536, &l.MaxAssembly},
	} {
		*m.to = int(binary.BigEndian.Uint32(b[m.at:]))
		if *m.to < m.min || *m.to > mostCredit {
			return h, "protocol"
		}
	}
	entries := map[byte][]byte{}
	for rest := b[fixedHello:]; len(rest) > 0; {
		v, after, ok := take16(rest[1:])
		if !ok {
			return h, "protocol"
		}
		entries[rest[0]] = v
		rest = after
	}
	for typ, to := range map[byte]*string{eProtocol: &h.protocol, eCodec: &h.codecs, eAgent: &h.agent} {
		*to = string(entries[typ])
		if !utf8.ValidString(*to) {
			return h, "protocol"
		}
	}
	for list := entries[eMethods]; len(list) > 0; {
		if len(list) < 6 || list[0] > byte(Duplex) || len(h.methods) == maxMethods {
			return h, "protocol"
		}
		name, rest, ok := take8(list[5:])
		if !ok || !utf8.Valid(name) {
			return h, "protocol"
		}
		h.methods = append(h.methods, Method{string(name), Shape(list[0]), binary.BigEndian.Uint32(list[1:])})
		list = rest
	}
	if from == Client {
		if auth, ok := entries[eAuth]; ok {
			h.auth = append([]byte{}, auth...)
		}
		return h, ""
	}
	list := entries[eMismatches]
	if len(list)%3 != 0 || len(list)/3 > maxMethods {
		return h, "protocol"
	}
	for ; len(list) > 0; list = list[3:] {
		h.mismatches = append(h.mismatches, mismatch{int(binary.BigEndian.Uint16(list)), list[2]})
	}
	return h, ""
}

// acceptsCodec reports whether the server can choose this peer's only codec.
func (h hello) acceptsCodec() bool {
	listed := strings.Split(h.codecs, ",")
	if h.auth != nil {
		listed = listed[:1]
	}
	for _, one := range listed {
		if one == codecName {
			return true
		}
	}
	return false
}

// findMismatches compares the client's list with what the server serves.
func findMismatches(listed, served []Method) (found []mismatch) {
	for i, m := range listed {
		s, ok := find(served, m.Name)
		switch {
		case !ok:
			found = append(found, mismatch{i, mismatchMissing})
		case s.Shape != m.Shape:
			found = append(found, mismatch{i, mismatchShape})
		case s.Hash != 0 && m.Hash != 0 && s.Hash != m.Hash:
			found = append(found, mismatch{i, mismatchSchema})
		}
	}
	return found
}

func find(methods []Method, name string) (Method, bool) {
	for _, m := range methods {
		if m.Name == name {
			return m, true
		}
	}
	return Method{}, false
}

// ProtocolHash returns the hash of a protocol (section 6).
func ProtocolHash(server, client []Method) uint32 {
	h := fnv.New32a()
	for _, side := range []struct {
		name    string
		methods []Method
	}{{"server", server}, {"client", client}} {
		h.Write([]byte(side.name + "\n"))
		sorted := append([]Method{}, side.methods...)
		sort.Slice(sorted, func(i, j int) bool { return sorted[i].Name < sorted[j].Name })
		for _, m := range sorted {
			hash := strconv.FormatUint(uint64(m.Hash), 10)
			h.Write([]byte(m.Name + " " + shapeNames[m.Shape] + " " + hash + "\n"))
		}
	}
	return h.Sum32()
}
