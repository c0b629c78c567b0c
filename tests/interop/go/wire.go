// Package lengthwise is a peer of the Lengthwise protocol, for either end of a
// connection. It was written from lib/messages/PROTOCOL.md alone; comments
// that name a section mean that document.
//
// [Session] is the protocol without input, output, clocks and goroutines;
// [Conn] runs a session on a net.Conn.
package lengthwise

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"
)

// Kind is the kind of a frame (section 2).
type Kind byte

// Kinds of frames.
const (
	kHello   Kind = 0x01
	kGoaway  Kind = 0x02
	kPing    Kind = 0x03
	kPong    Kind = 0x04
	kWindow  Kind = 0x05
	kAuth    Kind = 0x06
	kRequest Kind = 0x10
	kItem    Kind = 0x11
	kEnd     Kind = 0x12
	kResult  Kind = 0x13
	kError   Kind = 0x14
	kCancel  Kind = 0x15
	kCredit  Kind = 0x16
	kNotify  Kind = 0x17
)

// Flags of frames.
const (
	flagMore      = 0x01
	flagReply     = 0x02
	flagNoValue   = 0x04
	flagIgnorable = 0x80
)

const (
	headerSize   = 12 // with the length
	undetermined = 1<<48 - 1
	overhead     = 64 // added to the body of a charged frame (section 11)
	mostCredit   = 1<<31 - 1
)

type frame struct {
	kind  Kind
	flags byte
	id    uint64
	body  []byte
}

func (f frame) more() bool     { return f.flags&flagMore != 0 }
func (f frame) charge() uint64 { return uint64(len(f.body)) + overhead }

func (f frame) bytes() []byte {
	b := make([]byte, headerSize, headerSize+len(f.body))
	binary.BigEndian.PutUint64(b[4:], f.id) // the upper 16 bits are 0
	binary.BigEndian.PutUint32(b, uint32(len(f.body)+8))
	b[4], b[5] = byte(f.kind), f.flags
	return append(b, f.body...)
}

func header(b []byte) frame {
	return frame{Kind(b[4]), b[5], uint48(b[6:]), nil}
}

func uint48(b []byte) uint64 {
	return uint64(binary.BigEndian.Uint16(b))<<32 | uint64(binary.BigEndian.Uint32(b[2:]))
}

func appendUint48(b []byte, n uint64) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(n>>32))
	return binary.BigEndian.AppendUint32(b, uint32(n))
}

// Types of fields (section 3).
const (
	fDeadline   = 0x01
	fMetadata   = 0x02
	fMessage    = 0x10
	fIncident   = 0x11
	fDeclared   = 0x12
	fRetryAfter = 0x13
	fSpread     = 0x14
	fCritical   = 0x80
)

// fields are the fields of a message. Pointers are nil if a field is absent.
type fields struct {
	deadline, retryAfter, spread *uint32
	metadata                     map[string]string
	message, incident, declared  string
}

var (
	errMalformed = errors.New("malformed fields")
	errCritical  = errors.New("critical field")
)

// fieldKinds are the kinds of messages in which a field has a meaning.
var fieldKinds = map[byte][]Kind{
	fDeadline:   {kRequest},
	fMetadata:   {kRequest, kNotify, kResult},
	fMessage:    {kError},
	fIncident:   {kError},
	fDeclared:   {kError},
	fRetryAfter: {kError, kGoaway},
	fSpread:     {kGoaway},
}

// parseFields splits a body into fields and value.
func parseFields(kind Kind, b []byte, maxMetadata int) (f fields, value []byte, err error) {
	block, value, ok := take16(b)
	if !ok {
		return f, nil, errMalformed
	}
	for len(block) > 0 {
		typ := block[0]
		v, rest, ok := take16(block[1:])
		if !ok {
			return f, nil, errMalformed
		}
		block = rest
		if typ >= fCritical {
			return f, nil, errCritical
		}
		listed := false
		for _, k := range fieldKinds[typ] {
			listed = listed || k == kind
		}
		if !listed {
			continue
		}
		switch typ {
		case fDeadline, fRetryAfter, fSpread:
			if len(v) != 4 {
				return f, nil, errMalformed
			}
			n := binary.BigEndian.Uint32(v)
			*map[byte]**uint32{fDeadline: &f.deadline, fRetryAfter: &f.retryAfter, fSpread: &f.spread}[typ] = &n
		case fMetadata:
			if f.metadata, ok = parseMetadata(v); !ok || len(v) > maxMetadata {
				return f, nil, errMalformed
			}
		default:
			if !utf8.Valid(v) {
				return f, nil, errMalformed
			}
			*map[byte]*string{fMessage: &f.message, fIncident: &f.incident, fDeclared: &f.declared}[typ] = string(v)
		}
	}
	return f, value, nil
}

func parseMetadata(v []byte) (map[string]string, bool) {
	m := map[string]string{}
	for len(v) > 0 {
		key, rest, ok := take8(v)
		if !ok || !validKey(string(key)) {
			return nil, false
		}
		text, rest, ok := take16(rest)
		if !ok || !utf8.Valid(text) {
			return nil, false
		}
		m[string(key)] = string(text)
		v = rest
	}
	return m, true
}

func validKey(key string) bool {
	for i, c := range key {
		word := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !word && (i == 0 || c != '.' && c != '_' && c != '-') {
			return false
		}
	}
	return len(key) >= 1 && len(key) <= 64
}

// appendTo appends the block of fields.
func (f fields) appendTo(b []byte) []byte {
	at := len(b)
	b = append(b, 0, 0)
	number := func(typ byte, n *uint32) {
		if n != nil {
			b = binary.BigEndian.AppendUint32(append(b, typ, 0, 4), *n)
		}
	}
	text := func(typ byte, s string) {
		if s != "" {
			b = append(append16(append(b, typ), len(s)), s...)
		}
	}
	number(fDeadline, f.deadline)
	if len(f.metadata) > 0 {
		var pairs []byte
		for _, key := range sortedKeys(f.metadata) {
			pairs = append(append(pairs, byte(len(key))), key...)
			pairs = append(append16(pairs, len(f.metadata[key])), f.metadata[key]...)
		}
		b = append(append16(append(b, fMetadata), len(pairs)), pairs...)
	}
	text(fMessage, f.message)
	text(fIncident, f.incident)
	text(fDeclared, f.declared)
	number(fRetryAfter, f.retryAfter)
	number(fSpread, f.spread)
	binary.BigEndian.PutUint16(b[at:], uint16(len(b)-at-2))
	return b
}

func append16(b []byte, n int) []byte { return binary.BigEndian.AppendUint16(b, uint16(n)) }

// take16 takes bytes that follow their length as a u16.
func take16(b []byte) (v, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := 2 + int(binary.BigEndian.Uint16(b))
	if len(b) < n {
		return nil, nil, false
	}
	return b[2:n], b[n:], true
}

// take8 takes bytes that follow their length as a u8.
func take8(b []byte) (v, rest []byte, ok bool) {
	if len(b) < 1 || len(b) < 1+int(b[0]) {
		return nil, nil, false
	}
	return b[1 : 1+int(b[0])], b[1+int(b[0]):], true
}
