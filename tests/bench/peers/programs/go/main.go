// The peer of Go's net/rpc, with its default encoding, gob.
//
// The program is the server or the client, as in load.mjs, whose commands the
// client reads. Go turns Nagle's algorithm off for TCP. net/rpc has no streams.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"os"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

// Address is a part of an Order.
type Address struct{ City, Zip string }

// Order is the input and the result of a call; see workload.mjs.
type Order struct {
	ID       int
	Customer string
	SKU      string
	Quantity int
	Price    int
	Currency string
	Tags     []string
	Address  Address
	Paid     bool
}

// Shop is the service.
type Shop struct{}

// Change changes one field of an order.
func (*Shop) Change(order *Order, answer *Order) error {
	*answer = *order
	answer.Quantity++
	return nil
}

func orderOf(id int) *Order {
	return &Order{
		ID: id, Customer: "c-20931", SKU: "WIDGET-BLUE-42", Quantity: 3,
		Price: 1299, Currency: "EUR", Tags: []string{"priority", "gift"},
		Address: Address{City: "Lisbon", Zip: "1100-148"}, Paid: true,
	}
}

func checkOrder(id int, answer *Order) error {
	if answer.ID != id || answer.Quantity != 4 || !answer.Paid ||
		answer.Price != 1299 || answer.Customer != "c-20931" ||
		answer.SKU != "WIDGET-BLUE-42" || answer.Currency != "EUR" ||
		len(answer.Tags) != 2 || answer.Tags[0] != "priority" ||
		answer.Tags[1] != "gift" || answer.Address.City != "Lisbon" ||
		answer.Address.Zip != "1100-148" {
		return fmt.Errorf("wrong answer to call %d: %+v", id, *answer)
	}
	return nil
}

// leadIn is the part of a measurement that passes before it counts.
const leadIn = 0.2

type command struct {
	Unary   int     `json:"unary"`
	Seconds float64 `json:"seconds"`
}

var calls atomic.Int64

// measure keeps calls in flight for some time.
func measure(client *rpc.Client, c command) (any, error) {
	if c.Unary == 0 {
		return nil, errors.New("this peer has no streams")
	}
	counted := time.Now().Add(time.Duration(c.Seconds * leadIn * 1e9))
	end := counted.Add(time.Duration(c.Seconds * 1e9))
	times := make([][]float64, c.Unary)
	failures := make([]error, c.Unary)
	var group sync.WaitGroup
	for i := 0; i < c.Unary; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			for at := time.Now(); at.Before(end); {
				id := int(calls.Add(1))
				var answer Order
				err := client.Call("Shop.Change", orderOf(id), &answer)
				if err == nil {
					err = checkOrder(id, &answer)
				}
				if err != nil {
					failures[i] = err
					return
				}
				now := time.Now()
				if now.After(counted) && now.Before(end) {
					times[i] = append(times[i], now.Sub(at).Seconds()*1e6)
				}
				at = now
			}
		}(i)
	}
	group.Wait()
	for _, err := range failures {
		if err != nil {
			return nil, err
		}
	}
	var all []float64
	for _, one := range times {
		all = append(all, one...)
	}
	if len(all) == 0 {
		return nil, errors.New("no call ended in time")
	}
	sort.Float64s(all)
	return map[string]float64{
		"rate": float64(len(all)) / c.Seconds,
		"p50":  all[len(all)/2],
		"p99":  all[len(all)*99/100],
	}, nil
}

func answer(value any) {
	line, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func serve() {
	if err := rpc.Register(new(Shop)); err != nil {
		fail(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(err)
	}
	answer(map[string]int{"port": listener.Addr().(*net.TCPAddr).Port})
	go rpc.Accept(listener)
	for input := bufio.NewScanner(os.Stdin); input.Scan(); {
	}
}

func call(port string) {
	client, err := rpc.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		fail(err)
	}
	answer(map[string]bool{"ready": true})
	for input := bufio.NewScanner(os.Stdin); input.Scan(); {
		var c command
		if err := json.Unmarshal(input.Bytes(), &c); err != nil {
			fail(err)
		}
		result, err := measure(client, c)
		if err != nil {
			result = map[string]string{"error": err.Error()}
		}
		answer(result)
	}
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "server" {
		serve()
	} else if len(os.Args) == 3 && os.Args[1] == "client" {
		call(os.Args[2])
	} else {
		fail(errors.New("usage: netrpc server | netrpc client PORT"))
	}
}
