// Command peer is a Lengthwise peer for the interoperability tests.
//
//	peer server                 prints three ports, and serves until its input ends
//	peer client PORT PORT PORT  runs scenarios against the library's servers
//
// The first server has the default limits, the second small ones, and the third
// little memory for items.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"

	"lengthwise"
)

// The protocol of tests/interop/protocol.ts.
var (
	serverMethods = []lengthwise.Method{
		{Name: "add"}, {Name: "ask"},
		{Name: "chat", Shape: lengthwise.Duplex},
		{Name: "count", Shape: lengthwise.ServerStream},
		{Name: "drain"}, {Name: "echo"}, {Name: "fail"},
		{Name: "log", Shape: lengthwise.Notification},
		{Name: "look"}, {Name: "meta"}, {Name: "progress"}, {Name: "slow"},
		{Name: "total", Shape: lengthwise.ClientStream},
		{Name: "upload", Shape: lengthwise.ClientStream},
	}
	clientMethods = []lengthwise.Method{
		{Name: "alert", Shape: lengthwise.Notification},
		{Name: "answer"},
		{Name: "numbers", Shape: lengthwise.ServerStream},
	}
)

// Kinds of limits, in the order of the ports.
const (
	usual = iota
	small
	scarce
)

func config(calls, serves []lengthwise.Method, kind int) lengthwise.Config {
	limits := lengthwise.DefaultLimits()
	switch kind {
	case small:
		limits.MaxFrameBody, limits.MaxMessage, limits.MaxCalls = 16_384, 600_000, 32
		limits.StreamWindow, limits.MaxStreamWindow = 4096, 4096
		limits.NotifyWindow, limits.ItemsWindow = 16_384, 65_536
		limits.ConnectionWindow = 262_144
	case scarce:
		limits.MaxFrameBody, limits.MaxMessage = 16_384, 65_536
		limits.ItemsWindow, limits.MaxAssembly, limits.UnreadTimeout = 65_536, 131_072, 300
	}
	return lengthwise.Config{
		Name: "interop", Agent: "go", Calls: calls, Serves: serves, Limits: limits,
		Hash: lengthwise.ProtocolHash(serverMethods, clientMethods),
	}
}

func main() {
	switch {
	case len(os.Args) == 2 && os.Args[1] == "server":
		serve()
	case len(os.Args) == 5 && os.Args[1] == "client":
		os.Exit(runScenarios(os.Args[2:]))
	default:
		fmt.Fprintln(os.Stderr, "usage: peer server | peer client PORT PORT PORT")
		os.Exit(2)
	}
}

func serve() {
	var ports []any
	for _, kind := range []int{usual, small, scarce} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
		go lengthwise.Serve(listener, lengthwise.Options{
			Config:       config(clientMethods, serverMethods, kind),
			Handlers:     handlers(),
			Authenticate: authenticate,
		})
	}
	fmt.Println(ports...)
	io.Copy(io.Discard, os.Stdin)
}

func authenticate(credentials any) error {
	if m, ok := credentials.(map[string]any); ok && m["token"] == "wrong" {
		return io.ErrUnexpectedEOF
	}
	return nil
}

func dial(port string, kind int, change func(*lengthwise.Options)) (*lengthwise.Conn, *alerts, error) {
	seen := &alerts{}
	options := lengthwise.Options{
		Config:   config(serverMethods, clientMethods, kind),
		Handlers: seen.handlers(),
	}
	if change != nil {
		change(&options)
	}
	conn, err := lengthwise.Dial(context.Background(), "127.0.0.1:"+port, options)
	return conn, seen, err
}
