package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"lengthwise"
)

// state is what the server's handlers share.
type state struct {
	mu   sync.Mutex
	seen []any
	sent int
}

func (s *state) add(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, line)
}

// handlers returns the handlers of a server.
func handlers() map[string]lengthwise.Handler {
	s := &state{seen: []any{}}
	return map[string]lengthwise.Handler{
		"add": add, "ask": ask, "chat": chat, "count": s.count,
		"echo":  func(_ context.Context, in *lengthwise.Stream) (any, error) { return in.Value, nil },
		"drain": drain, "fail": fail, "log": s.log, "look": s.look, "meta": meta,
		"progress": s.progress, "slow": s.slow, "total": total, "upload": upload,
	}
}

func number(v any) int {
	switch v := v.(type) {
	case int64:
		return int(v)
	case float64:
		return int(v)
	}
	return 0
}

func add(ctx context.Context, in *lengthwise.Stream) (any, error) {
	numbers, err := in.Conn().Open(ctx, "numbers", in.Value, nil)
	if err != nil {
		return nil, err
	}
	sum := 0
	err = each(ctx, numbers, func(v any) { sum += number(v) })
	return sum, err
}

// each calls f with each item.
func each(ctx context.Context, st *lengthwise.Stream, f func(any)) error {
	for {
		v, err := st.Recv(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		f(v)
	}
}

func ask(ctx context.Context, in *lengthwise.Stream) (any, error) {
	for n := 0; n < 3; n++ {
		if err := in.Conn().Notify("alert", n, nil); err != nil {
			return nil, err
		}
	}
	return in.Conn().Call(ctx, "answer", in.Value)
}

func chat(ctx context.Context, in *lengthwise.Stream) (any, error) {
	room, _ := in.Value.(string)
	if err := in.Send(ctx, "welcome to "+room); err != nil {
		return nil, err
	}
	for {
		line, err := in.Recv(ctx)
		if err == io.EOF {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if err := in.Send(ctx, strings.ToUpper(line.(string))); err != nil {
			return nil, err
		}
	}
}

func (s *state) count(ctx context.Context, in *lengthwise.Stream) (any, error) {
	input := in.Value.(map[string]any)
	s.mu.Lock()
	s.sent = 0
	s.mu.Unlock()
	for n := number(input["n"]); n > 0; n-- {
		if err := in.Send(ctx, make([]byte, number(input["size"]))); err != nil {
			s.add("count was cancelled")
			return nil, err
		}
		s.mu.Lock()
		s.sent++
		s.mu.Unlock()
	}
	return nil, nil
}

func drain(_ context.Context, in *lengthwise.Stream) (any, error) {
	in.Conn().Drain()
	return "draining", nil
}

func fail(_ context.Context, in *lengthwise.Stream) (any, error) {
	after := uint32(2000)
	switch in.Value {
	case "declared":
		return nil, &lengthwise.CallError{
			Code: "declared", Processed: "yes", Retry: "never", Declared: "outOfStock",
			Data: map[string]any{"left": 2},
		}
	case "later":
		return nil, &lengthwise.CallError{Code: "overloaded", Processed: "yes", Retry: "later", RetryAfter: &after, Text: "busy"}
	}
	return nil, errors.New("the password is hunter2")
}

func (s *state) log(_ context.Context, in *lengthwise.Stream) (any, error) {
	s.add(in.Value.(string) + in.Metadata["suffix"])
	return nil, nil
}

func (s *state) look(context.Context, *lengthwise.Stream) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := s.seen
	s.seen = []any{}
	return lines, nil
}

func meta(_ context.Context, in *lengthwise.Stream) (any, error) {
	in.RespondWith(map[string]string{"answered": "yes"})
	left := -1
	if in.Timeout != nil {
		left = int(*in.Timeout)
	}
	metadata := map[string]any{}
	for key, text := range in.Metadata {
		metadata[key] = text
	}
	return map[string]any{"metadata": metadata, "left": left}, nil
}

func (s *state) progress(context.Context, *lengthwise.Stream) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent, nil
}

func (s *state) slow(ctx context.Context, in *lengthwise.Stream) (any, error) {
	select {
	case <-time.After(time.Duration(number(in.Value)) * time.Millisecond):
		return "slept", nil
	case <-ctx.Done():
		s.add("slow was cancelled")
		return nil, ctx.Err()
	}
}

func total(ctx context.Context, in *lengthwise.Stream) (any, error) {
	sum := 0
	err := each(ctx, in, func(v any) { sum += number(v) })
	return sum, err
}

func upload(ctx context.Context, in *lengthwise.Stream) (any, error) {
	opening, _ := in.Value.(map[string]any)
	pause := time.Duration(number(opening["pause"])) * time.Millisecond
	size := 0
	err := each(ctx, in, func(v any) {
		size += len(v.([]byte))
		time.Sleep(pause)
	})
	return size, err
}

// alerts are the notifications that a client has received.
type alerts struct {
	mu   sync.Mutex
	seen []int
}

func (a *alerts) handlers() map[string]lengthwise.Handler {
	return map[string]lengthwise.Handler{
		"alert": func(_ context.Context, in *lengthwise.Stream) (any, error) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.seen = append(a.seen, number(in.Value))
			return nil, nil
		},
		"answer": func(_ context.Context, in *lengthwise.Stream) (any, error) {
			return in.Value.(string) + "!", nil
		},
		"numbers": func(ctx context.Context, in *lengthwise.Stream) (any, error) {
			for n := 0; n < number(in.Value); n++ {
				if err := in.Send(ctx, n); err != nil {
					return nil, err
				}
			}
			return nil, nil
		},
	}
}
