package lengthwise

import "encoding/binary"

// Names of the codes of ERROR, by number (section 13).
var errorCodes = []string{
	"declared", "cancelled", "deadline", "unimplemented", "invalid", "internal",
	"overloaded", "unavailable", "unauthenticated", "forbidden", "too-large",
	"malformed", "disconnected", "moving", "conflict", "outcome-lost",
}

// Names of the codes of GOAWAY, by number (section 15).
var goawayCodes = []string{
	"closed", "protocol", "version", "codec", "unauthenticated", "timeout",
	"too-many", "flow-control", "too-large", "unsent", "internal", "drain",
	"age", "refused-busy", "resume-lost",
}

var (
	processedNames = []string{"no", "maybe", "yes"}
	retryNames     = []string{"never", "later", "now"}
)

// CallError is the failure of a call.
type CallError struct {
	Code       string // a name of section 13
	Processed  string // "no", "maybe" or "yes"
	Retry      string // "never", "later" or "now"
	RetryAfter *uint32
	Declared   string
	Text       string
	Incident   string
	Data       any // Undefined if there is none
}

func (e *CallError) Error() string { return e.Code + ": " + e.Text }

// SessionError is the end of a session other than in order.
type SessionError struct {
	Code   string // a name of section 15, or "disconnected"
	Remote bool   // the peer sent the code
	Text   string
}

func (e *SessionError) Error() string { return e.Code + ": " + e.Text }

func failure(code, processed, retry string) *CallError {
	return &CallError{Code: code, Processed: processed, Retry: retry, Data: Undefined{}}
}

func name(names []string, number byte, otherwise string) string {
	if int(number) < len(names) {
		return names[number]
	}
	return otherwise
}

func number(names []string, name string) byte {
	for i, n := range names {
		if n == name {
			return byte(i)
		}
	}
	return 0
}

// body returns the body of an ERROR.
func (e *CallError) body() ([]byte, error) {
	text := e.Text
	if text == "" {
		text = e.Code
	}
	b := []byte{number(errorCodes, e.Code), number(processedNames, e.Processed), number(retryNames, e.Retry), 0}
	b = fields{message: text, incident: e.Incident, declared: e.Declared, retryAfter: e.RetryAfter}.appendTo(b)
	if _, none := e.Data.(Undefined); none || e.Data == nil {
		return b, nil
	}
	return encode(b, e.Data)
}

// parseError returns the error that the body of an ERROR states, or the local
// failure that the body causes.
func parseError(b []byte, limits Limits) *CallError {
	if len(b) < 4 {
		return failure("malformed", "maybe", "never")
	}
	f, data, err := parseFields(kError, b[4:], limits.MaxMetadata)
	if err != nil {
		return fieldsFailure(err)
	}
	e := &CallError{
		Code:       name(errorCodes, b[0], "internal"),
		Processed:  name(processedNames, b[1], "maybe"),
		Retry:      name(retryNames, b[2], "never"),
		RetryAfter: f.retryAfter,
		Declared:   f.declared,
		Text:       f.message,
		Incident:   f.incident,
		Data:       Undefined{},
	}
	if len(data) > 0 {
		if v, err := decode(data); err == nil {
			e.Data = v
		}
	}
	return e
}

func fieldsFailure(err error) *CallError {
	if err == errCritical {
		return failure("unimplemented", "maybe", "never")
	}
	return failure("malformed", "maybe", "never")
}

// goaway is the content of a GOAWAY.
type goaway struct {
	code   string
	lastID uint64
	fields fields
	text   string
}

func (g goaway) body() []byte {
	b := appendUint48([]byte{number(goawayCodes, g.code)}, g.lastID)
	return append(g.fields.appendTo(b), g.text...)
}

func parseGoaway(b []byte, limits Limits) (goaway, error) {
	if len(b) < 9 {
		return goaway{}, errMalformed
	}
	f, text, err := parseFields(kGoaway, b[7:], limits.MaxMetadata)
	return goaway{name(goawayCodes, b[0], "internal"), uint48(b[1:]), f, string(text)}, err
}

func uint64Body(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
