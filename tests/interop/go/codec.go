package lengthwise

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sort"
	"time"
	"unicode/utf8"
)

// Undefined is the value "no value" of section 19.
type Undefined struct{}

var errCodec = errors.New("value that the codec does not accept")

const maxDepth = 64

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

// encode appends the MessagePack encoding of a value: nil, bool, int, int64,
// uint64, float64, string, []byte, time.Time, []any, map[string]any or
// Undefined.
func encode(b []byte, value any) ([]byte, error) { return encodeAt(b, value, 0) }

func encodeAt(b []byte, value any, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, errCodec
	}
	var err error
	switch v := value.(type) {
	case nil:
		return append(b, 0xc0), nil
	case Undefined:
		return append(b, 0xd4, 0, 0), nil
	case bool:
		if v {
			return append(b, 0xc3), nil
		}
		return append(b, 0xc2), nil
	case int:
		return encodeInt(b, int64(v)), nil
	case int64:
		return encodeInt(b, v), nil
	case uint64:
		if v <= math.MaxInt64 {
			return encodeInt(b, int64(v)), nil
		}
		return binary.BigEndian.AppendUint64(append(b, 0xcf), v), nil
	case float64:
		if v == math.Trunc(v) && v >= math.MinInt32 && v <= math.MaxUint32 {
			return encodeInt(b, int64(v)), nil
		}
		return binary.BigEndian.AppendUint64(append(b, 0xcb), math.Float64bits(v)), nil
	case string:
		if !utf8.ValidString(v) {
			return nil, errCodec
		}
		if len(v) < 32 {
			b = append(b, 0xa0|byte(len(v)))
		} else {
			b = encodeSize(b, len(v), 0xd9, 0xda, 0xdb)
		}
		return append(b, v...), nil
	case []byte:
		return append(encodeSize(b, len(v), 0xc4, 0xc5, 0xc6), v...), nil
	case time.Time:
		return encodeTime(b, v), nil
	case []any:
		if len(v) < 16 {
			b = append(b, 0x90|byte(len(v)))
		} else {
			b = encodeSize(b, len(v), 0, 0xdc, 0xdd)
		}
		for _, one := range v {
			if b, err = encodeAt(b, one, depth+1); err != nil {
				return nil, err
			}
		}
		return b, nil
	case map[string]any:
		if len(v) < 16 {
			b = append(b, 0x80|byte(len(v)))
		} else {
			b = encodeSize(b, len(v), 0, 0xde, 0xdf)
		}
		for _, key := range sortedKeys(v) {
			if b, err = encodeAt(b, key, depth+1); err != nil {
				return nil, err
			}
			if b, err = encodeAt(b, v[key], depth+1); err != nil {
				return nil, err
			}
		}
		return b, nil
	}
	return nil, fmt.Errorf("%w: %T", errCodec, value)
}

func encodeInt(b []byte, n int64) []byte {
	switch {
	case n >= -32 && n < 128:
		return append(b, byte(n))
	case n >= 0 && n <= math.MaxUint8:
		return append(b, 0xcc, byte(n))
	case n >= 0 && n <= math.MaxUint16:
		return append16(append(b, 0xcd), int(n))
	case n >= 0 && n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, 0xce), uint32(n))
	case n < 0 && n >= math.MinInt8:
		return append(b, 0xd0, byte(n))
	case n < 0 && n >= math.MinInt16:
		return append16(append(b, 0xd1), int(n))
	case n < 0 && n >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(b, 0xd2), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xd3), uint64(n))
}

func encodeSize(b []byte, n int, of8, of16, of32 byte) []byte {
	switch {
	case n <= math.MaxUint8 && of8 != 0:
		return append(b, of8, byte(n))
	case n <= math.MaxUint16:
		return append16(append(b, of16), n)
	}
	return binary.BigEndian.AppendUint32(append(b, of32), uint32(n))
}

func encodeTime(b []byte, t time.Time) []byte {
	sec, nsec := t.Unix(), uint64(t.Nanosecond())
	switch {
	case sec >= 0 && sec < 1<<32 && nsec == 0:
		return binary.BigEndian.AppendUint32(append(b, 0xd6, 0xff), uint32(sec))
	case sec >= 0 && sec < 1<<34:
		return binary.BigEndian.AppendUint64(append(b, 0xd7, 0xff), nsec<<34|uint64(sec))
	}
	b = binary.BigEndian.AppendUint32(append(b, 0xc7, 12, 0xff), uint32(nsec))
	return binary.BigEndian.AppendUint64(b, uint64(sec))
}

// decode decodes exactly one value. Integers become int64, or uint64 if they
// are above its range.
func decode(b []byte) (any, error) {
	d := decoder{b: b, left: 1_000_000}
	v := d.value(0)
	if d.bad || len(d.b) > 0 {
		return nil, errCodec
	}
	return v, nil
}

// decoder takes values from b; once bad is set, the values mean nothing.
type decoder struct {
	b    []byte
	left int // values and keys that may still be decoded
	bad  bool
}

func (d *decoder) take(n int) []byte {
	if d.bad || n > len(d.b) {
		d.bad = true
		return make([]byte, 8)[:min(n, 8)]
	}
	v := d.b[:n]
	d.b = d.b[n:]
	return v
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}

// uint takes an unsigned integer of n bytes.
func (d *decoder) uint(n int) uint64 {
	var v uint64
	for _, c := range d.take(n) {
		v = v<<8 | uint64(c)
	}
	return v
}

func (d *decoder) value(depth int) any {
	d.left--
	if depth > maxDepth || d.left < 0 {
		d.bad = true
	}
	c := byte(d.uint(1))
	if d.bad {
		return nil
	}
	switch {
	case c < 0x80:
		return int64(c)
	case c < 0x90:
		return d.object(int(c&15), depth)
	case c < 0xa0:
		return d.array(int(c&15), depth)
	case c < 0xc0:
		return d.text(int(c & 31))
	case c >= 0xe0:
		return int64(int8(c))
	}
	switch c {
	case 0xc0:
		return nil
	case 0xc2, 0xc3:
		return c == 0xc3
	case 0xc4, 0xc5, 0xc6:
		return append([]byte{}, d.sized(1<<(c-0xc4))...)
	case 0xc7:
		if n := int(d.uint(1)); n == 12 && d.uint(1) == 0xff {
			nsec := d.uint(4)
			return d.time(int64(d.uint(8)), nsec)
		}
	case 0xca:
		return float64(math.Float32frombits(uint32(d.uint(4))))
	case 0xcb:
		return math.Float64frombits(d.uint(8))
	case 0xcc, 0xcd, 0xce:
		return int64(d.uint(1 << (c - 0xcc)))
	case 0xcf:
		if n := d.uint(8); n > math.MaxInt64 {
			return n
		} else {
			return int64(n)
		}
	case 0xd0:
		return int64(int8(d.uint(1)))
	case 0xd1:
		return int64(int16(d.uint(2)))
	case 0xd2:
		return int64(int32(d.uint(4)))
	case 0xd3:
		return int64(d.uint(8))
	case 0xd4:
		if d.uint(2) == 0 {
			return Undefined{}
		}
	case 0xd6:
		if d.uint(1) == 0xff {
			return d.time(int64(d.uint(4)), 0)
		}
	case 0xd7:
		if d.uint(1) == 0xff {
			n := d.uint(8)
			return d.time(int64(n&(1<<34-1)), n>>34)
		}
	case 0xd9, 0xda, 0xdb:
		return d.text(int(d.uint(1 << (c - 0xd9))))
	case 0xdc, 0xdd:
		return d.array(int(d.uint(2<<(c-0xdc))), depth)
	case 0xde, 0xdf:
		return d.object(int(d.uint(2<<(c-0xde))), depth)
	}
	d.bad = true
	return nil
}

func (d *decoder) sized(size int) []byte { return d.take(int(d.uint(size))) }

func (d *decoder) text(n int) any {
	b := d.take(n)
	d.bad = d.bad || !utf8.Valid(b)
	return string(b)
}

func (d *decoder) array(n, depth int) any {
	v := []any{}
	for ; n > 0 && !d.bad; n-- {
		v = append(v, d.value(depth+1))
	}
	return v
}

func (d *decoder) object(n, depth int) any {
	v := map[string]any{}
	for ; n > 0 && !d.bad; n-- {
		key, ok := d.value(depth + 1).(string)
		if !ok || key == "__proto__" {
			d.bad = true
			break
		}
		v[key] = d.value(depth + 1)
	}
	return v
}

func (d *decoder) time(sec int64, nsec uint64) any {
	const most = 8_640_000_000_000
	d.bad = d.bad || nsec >= 1e9 || sec < -most || sec > most || sec == most && nsec > 0
	return time.Unix(sec, int64(nsec)/1e6*1e6)
}
