package lengthwise

import (
	"container/heap"
	"sort"
)

type timer struct {
	at      int64
	run     func()
	stopped bool
}

func (t *timer) stop() {
	if t != nil {
		t.stopped = true
	}
}

// timers is a heap.
type timers []*timer

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at < t[j].at }
func (t timers) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *timers) Push(x any)        { *t = append(*t, x.(*timer)) }
func (t *timers) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}

func (s *Session) at(at int64, run func()) *timer {
	t := &timer{at: at, run: run}
	heap.Push(&s.timers, t)
	return t
}

func (s *Session) after(ms int, run func()) *timer { return s.at(s.now+int64(ms), run) }

// Advance runs what is due at a time, in milliseconds since the session began.
func (s *Session) Advance(now int64) {
	for len(s.timers) > 0 && s.timers[0].at <= now {
		t := heap.Pop(&s.timers).(*timer)
		if !t.stopped {
			if t.at > s.now {
				s.now = t.at
			}
			t.run()
		}
	}
	if now > s.now {
		s.now = now
	}
	s.Flush()
}

// Next returns when Advance must be called next, or -1.
func (s *Session) Next() int64 {
	for len(s.timers) > 0 && s.timers[0].stopped {
		heap.Pop(&s.timers)
	}
	if len(s.timers) == 0 {
		return -1
	}
	return s.timers[0].at
}

// bucket limits a rate. Its tokens may be owed.
type bucket struct {
	rate, burst, tokens float64
	at                  int64
}

func newBucket(rate, burst int) bucket {
	return bucket{rate: float64(rate), burst: float64(burst), tokens: float64(burst)}
}

// take takes a token, and returns after how many milliseconds it is there.
func (b *bucket) take(now int64) int64 {
	b.tokens += float64(now-b.at) * b.rate / 1000
	b.at = now
	if b.tokens > b.burst {
		b.tokens = b.burst
	}
	b.tokens--
	if b.tokens >= 0 {
		return 0
	}
	return int64(-b.tokens*1000/b.rate + 0.999)
}

func sortedIDs[V any](m map[uint64]V) []uint64 {
	ids := make([]uint64, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	sort.Slice(ids, func(i, j int) bool { return ids[i] < ids[j] })
	return ids
}
