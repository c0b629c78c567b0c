package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"time"

	"lengthwise"
)

type input struct {
	ctx    context.Context
	conn   *lengthwise.Conn
	alerts *alerts
	ports  []string // by kind of limits
}

// call makes a unary call that must succeed.
func (in input) call(method string, value any) any {
	v, err := in.conn.Call(in.ctx, method, value)
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func equal(got, want any) {
	if !reflect.DeepEqual(got, want) {
		panic(fmt.Sprintf("%#v, not %#v", got, want))
	}
}

// code returns the failure of a call.
func failed(err error) *lengthwise.CallError {
	var e *lengthwise.CallError
	if !errors.As(err, &e) {
		panic(fmt.Sprintf("%v is not an error of a call", err))
	}
	return e
}

func items(ctx context.Context, st *lengthwise.Stream) (sizes []int) {
	check(each(ctx, st, func(v any) { sizes = append(sizes, len(v.([]byte))) }))
	_, err := st.Result()
	check(err)
	return sizes
}

// until polls for n lines that the server has seen.
func (in input) until(n int) (lines []any) {
	for len(lines) < n {
		lines = append(lines, in.call("look", none).([]any)...)
	}
	return lines
}

func count(n, size int) map[string]any { return map[string]any{"n": n, "size": size} }

var (
	none   = lengthwise.Undefined{}
	values = []any{
		none, nil, true, int64(0), int64(-1), int64(127), int64(128), int64(65_536),
		int64(math.MaxUint32), int64(math.MinInt32), 1.5, math.Inf(1), math.Pow(2, 40),
		int64(math.MaxInt64), int64(math.MinInt64), uint64(math.MaxUint64),
		"", "é", []byte{}, bytes.Repeat([]byte{7}, 70_000),
		[]any{}, []any{int64(1), []any{int64(2)}}, map[string]any{}, map[string]any{"a": []any{nil}},
		time.Unix(0, 0), time.Unix(1_700_000_000, 123_000_000), time.Unix(-1, 0),
	}
)

var scenarios = []struct {
	name string
	run  func(in input)
}{
	{"unary calls carry every kind of value", func(in input) {
		for _, v := range values {
			equal(in.call("echo", v), v)
		}
	}},
	{"many calls run at once", func(in input) {
		results := make(chan any)
		for n := 0; n < 500; n++ {
			go func(n int64) {
				v, err := in.conn.Call(in.ctx, "echo", n)
				results <- err == nil && v == n
			}(int64(n))
		}
		for n := 0; n < 500; n++ {
			equal(<-results, true)
		}
	}},
	{"server streams end", func(in input) {
		st, err := in.conn.Open(in.ctx, "count", count(5, 10), nil)
		check(err)
		equal(items(in.ctx, st), []int{10, 10, 10, 10, 10})
	}},
	{"client streams sum", func(in input) {
		st, err := in.conn.Open(in.ctx, "total", lengthwise.NoValue{}, nil)
		check(err)
		for n := 1; n <= 3; n++ {
			check(st.Send(in.ctx, n))
		}
		st.CloseSend()
		sum, err := st.Result()
		check(err)
		equal(sum, int64(6))
	}},
	{"duplex calls exchange items", func(in input) {
		st, err := in.conn.Open(in.ctx, "chat", "room 7", nil)
		check(err)
		next := func() any {
			v, err := st.Recv(in.ctx)
			check(err)
			return v
		}
		equal(next(), "welcome to room 7")
		for _, line := range []string{"one", "two"} {
			check(st.Send(in.ctx, line))
			next()
		}
		st.CloseSend()
		_, err = st.Recv(in.ctx)
		equal(err, io.EOF)
	}},
	{"declared errors have data", func(in input) {
		_, err := in.conn.Call(in.ctx, "fail", "declared")
		e := failed(err)
		equal([]any{e.Code, e.Declared, e.Processed}, []any{"declared", "outOfStock", "yes"})
		equal(e.Data, map[string]any{"left": int64(2)})
	}},
	{"failures are incidents", func(in input) {
		_, err := in.conn.Call(in.ctx, "fail", "internal")
		e := failed(err)
		equal([]any{e.Code, e.Processed, e.Incident != ""}, []any{"internal", "yes", true})
	}},
	{"refusals contain the time to retry", func(in input) {
		_, err := in.conn.Call(in.ctx, "fail", "later")
		e := failed(err)
		equal([]any{e.Code, e.Retry, *e.RetryAfter}, []any{"overloaded", "later", uint32(2000)})
	}},
	{"unknown methods are mismatches", func(in input) {
		conn, _, err := dial(in.ports[usual], usual, func(o *lengthwise.Options) {
			o.Calls = append([]lengthwise.Method{{Name: "ghost"}, {Name: "log"}}, o.Calls...)
		})
		check(err)
		defer conn.Close()
		equal(conn.Mismatches(), []string{"ghost", "log"})
		_, err = conn.Call(in.ctx, "ghost", none)
		equal(failed(err).Code, "unimplemented")
	}},
	{"cancels reach the handler", func(in input) {
		in.call("look", none)
		st, err := in.conn.Open(in.ctx, "slow", 60_000, nil)
		check(err)
		in.call("echo", 1)
		st.Cancel()
		_, err = st.Result()
		equal(failed(err).Code, "cancelled")
		equal(in.until(1), []any{"slow was cancelled"})
	}},
	{"cancelled streams stop", func(in input) {
		in.call("look", none)
		st, err := in.conn.Open(in.ctx, "count", count(100_000, 1000), nil)
		check(err)
		_, err = st.Recv(in.ctx)
		check(err)
		st.Cancel()
		equal(in.until(1), []any{"count was cancelled"})
	}},
	{"deadlines end calls", func(in input) {
		in.call("look", none)
		ctx, cancel := context.WithTimeout(in.ctx, 50*time.Millisecond)
		defer cancel()
		_, err := in.conn.Call(ctx, "slow", 60_000)
		equal(failed(err).Code, "deadline")
		equal(in.until(1), []any{"slow was cancelled"})
	}},
	{"metadata and deadlines are sent", func(in input) {
		st, err := in.conn.Open(in.ctx, "meta", none, map[string]string{"lang": "dé"})
		check(err)
		v, err := st.Result()
		check(err)
		came := v.(map[string]any)
		equal(came["metadata"], map[string]any{"lang": "dé"})
		equal(number(came["left"]) > 0, true)
		equal(st.ResultMetadata(), map[string]string{"answered": "yes"})
	}},
	{"notifications arrive in order", func(in input) {
		in.call("look", none)
		for n := 0; n < 50; n++ {
			check(in.conn.Notify("log", fmt.Sprint("line ", n), map[string]string{"suffix": "."}))
		}
		for n, line := range in.until(50) {
			equal(line, fmt.Sprintf("line %d.", n))
		}
	}},
	{"long notifications arrive in order", func(in input) {
		long := string(bytes.Repeat([]byte("n"), 300_000))
		for n := 0; n < 20; n++ {
			check(in.conn.Notify("log", fmt.Sprint(long, n), nil))
		}
		for n, line := range in.until(20) {
			equal(line, fmt.Sprint(long, n))
		}
	}},
	{"the server calls back", func(in input) {
		equal(in.call("ask", "well?"), "well?!")
		for stop := time.Now().Add(time.Second); time.Now().Before(stop); time.Sleep(time.Millisecond) {
			in.alerts.mu.Lock()
			seen := len(in.alerts.seen)
			in.alerts.mu.Unlock()
			if seen == 3 {
				break
			}
		}
		equal(in.alerts.seen, []int{0, 1, 2})
		equal(in.call("add", 10), int64(45))
	}},
	{"slow readers stop only the sender", func(in input) {
		st, err := in.conn.Open(in.ctx, "count", count(1000, 1000), nil)
		check(err)
		_, err = st.Recv(in.ctx)
		check(err)
		equal(in.call("echo", "still here"), "still here")
		time.Sleep(100 * time.Millisecond)
		if sent := number(in.call("progress", none)); sent > 40 {
			panic(fmt.Sprint(sent, " items were sent"))
		}
		equal(len(items(in.ctx, st)), 999)
	}},
	{"senders wait for slow readers", func(in input) {
		st, err := in.conn.Open(in.ctx, "upload", map[string]any{"pause": 1}, nil)
		check(err)
		for n := 0; n < 100; n++ {
			check(st.Send(in.ctx, make([]byte, 1000)))
		}
		st.CloseSend()
		size, err := st.Result()
		check(err)
		equal(size, int64(100_000))
	}},
	{"items of several megabytes arrive", func(in input) {
		st, err := in.conn.Open(in.ctx, "count", count(3, 3_500_000), nil)
		check(err)
		equal(items(in.ctx, st), []int{3_500_000, 3_500_000, 3_500_000})
		up, err := in.conn.Open(in.ctx, "upload", map[string]any{"pause": 0}, nil)
		check(err)
		for n := 0; n < 3; n++ {
			check(up.Send(in.ctx, make([]byte, 3_500_000)))
		}
		up.CloseSend()
		size, err := up.Result()
		check(err)
		equal(size, int64(10_500_000))
	}},
	{"large messages are split and joined", func(in input) {
		long := make([]byte, 4_000_000)
		for i := range long {
			long[i] = byte(i * 7)
		}
		results := make(chan bool)
		for n := 0; n < 6; n++ {
			go func() {
				v, err := in.conn.Call(in.ctx, "echo", long)
				came, _ := v.([]byte)
				results <- err == nil && bytes.Equal(came, long)
			}()
		}
		equal(in.call("echo", 1), int64(1)) // between them
		for n := 0; n < 6; n++ {
			equal(<-results, true)
		}
	}},
	{"messages beyond the peer's limit are not sent", func(in input) {
		_, err := in.conn.Call(in.ctx, "echo", make([]byte, 5_000_000))
		e := failed(err)
		equal([]any{e.Code, e.Processed}, []any{"too-large", "no"})
	}},
	{"small limits are respected", func(in input) {
		conn, _, err := dial(in.ports[small], small, nil)
		check(err)
		defer conn.Close()
		value := bytes.Repeat([]byte{7}, 20_000)
		results := make(chan bool)
		for n := 0; n < 50; n++ {
			go func() {
				v, err := conn.Call(in.ctx, "echo", value)
				came, _ := v.([]byte)
				results <- err == nil && bytes.Equal(came, value)
			}()
		}
		for n := 0; n < 50; n++ {
			equal(<-results, true)
		}
		st, err := conn.Open(in.ctx, "count", count(3, 100_000), nil)
		check(err)
		equal(items(in.ctx, st), []int{100_000, 100_000, 100_000})
	}},
	{"streams of which few are read share the credit", func(in input) {
		for kind, port := range in.ports {
			conn, _, err := dial(port, kind, nil)
			check(err)
			var unread []*lengthwise.Stream
			for n := 0; n < 4; n++ {
				st, err := conn.Open(in.ctx, "count", count(20, 20_000), nil)
				check(err)
				_, err = st.Recv(in.ctx)
				check(err)
				unread = append(unread, st)
			}
			st, err := conn.Open(in.ctx, "count", count(20, 40_000), nil)
			check(err)
			equal(len(items(in.ctx, st)), 20)
			for _, st := range unread {
				st.Cancel()
			}
			conn.Close()
		}
	}},
	{"heartbeats are answered", func(in input) {
		conn, _, err := dial(in.ports[usual], usual, func(o *lengthwise.Options) { o.Limits.Heartbeat = 100 })
		check(err)
		defer conn.Close()
		v, err := conn.Call(in.ctx, "slow", 700)
		check(err)
		equal(v, "slept")
	}},
	{"early calls follow the HELLO", func(in input) {
		conn, _, err := dial(in.ports[usual], usual, func(o *lengthwise.Options) { o.Early = true })
		check(err)
		defer conn.Close()
		v, err := conn.Call(in.ctx, "echo", "early")
		check(err)
		equal(v, "early")
	}},
	{"credentials are refused", func(in input) {
		_, _, err := dial(in.ports[usual], usual, func(o *lengthwise.Options) {
			o.Credentials = map[string]any{"token": "wrong"}
		})
		var e *lengthwise.SessionError
		equal(errors.As(err, &e), true)
		equal([]any{e.Code, e.Remote}, []any{"unauthenticated", true})
	}},
	{"credentials are refreshed", func(in input) {
		conn, _, err := dial(in.ports[usual], usual, nil)
		check(err)
		check(conn.Refresh(map[string]any{"token": "right"}))
		v, err := conn.Call(in.ctx, "echo", 1)
		check(err)
		equal(v, int64(1))
		equal(conn.Refresh(map[string]any{"token": "wrong"}) != nil, true)
	}},
	{"the server drains", func(in input) {
		conn, _, err := dial(in.ports[usual], usual, nil)
		check(err)
		slow, err := conn.Open(in.ctx, "slow", 200, nil)
		check(err)
		v, err := conn.Call(in.ctx, "drain", none)
		check(err)
		equal(v, "draining")
		<-conn.Draining()
		_, err = conn.Call(in.ctx, "echo", 1)
		e := failed(err)
		equal([]any{e.Code, e.Processed}, []any{"unavailable", "no"})
		v, err = slow.Result()
		check(err)
		equal(v, "slept")
		check(conn.Wait())
	}},
	{"the client drains", func(in input) {
		conn, _, err := dial(in.ports[usual], usual, nil)
		check(err)
		slow, err := conn.Open(in.ctx, "slow", 200, nil)
		check(err)
		conn.Drain()
		v, err := slow.Result()
		check(err)
		equal(v, "slept")
		check(conn.Wait())
	}},
}

// runScenarios returns the exit code.
func runScenarios(ports []string) int {
	conn, seen, err := dial(ports[usual], usual, nil)
	check(err)
	passed, failures := 0, 0
	for _, s := range scenarios {
		if err := attempt(s.run, input{conn: conn, alerts: seen, ports: ports}); err != nil {
			failures++
			fmt.Printf("FAILED %s\n%v\n", s.name, err)
		} else {
			passed++
			fmt.Println("ok", s.name)
		}
	}
	conn.Close()
	if err := conn.Wait(); err != nil {
		failures++
		fmt.Println("FAILED the session ends in order:", err)
	}
	fmt.Printf("%d passed, %d failed\n", passed, failures)
	if failures > 0 {
		return 1
	}
	return 0
}

func attempt(run func(input), in input) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	in.ctx = ctx
	done := make(chan error, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				done <- fmt.Errorf("%v", r)
			}
		}()
		run(in)
		done <- nil
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
