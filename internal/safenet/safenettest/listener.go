package safenettest

import (
	"fmt"
	"net"
	"sync/atomic"
	"testing"
)

// Trap listens on every address of this machine and counts what connects.
type Trap struct {
	Port    int
	accepts atomic.Int64
}

// Accepts is how many have connected so far.
func (t *Trap) Accepts() int64 { return t.accepts.Load() }

// NewTrap starts one, on IPv4 and, where there is any, on IPv6.
func NewTrap(t *testing.T) *Trap {
	t.Helper()
	trap := &Trap{}
	l, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	trap.Port = l.Addr().(*net.TCPAddr).Port
	trap.count(t, l)
	if l, err := net.Listen("tcp6", fmt.Sprintf("[::]:%d", trap.Port)); err == nil {
		trap.count(t, l)
	}
	return trap
}

// NewTrapAt starts one on a single address, "ip:port".
func NewTrapAt(t *testing.T, addr string) *Trap {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	trap := &Trap{Port: l.Addr().(*net.TCPAddr).Port}
	trap.count(t, l)
	return trap
}

func (t *Trap) count(tb testing.TB, l net.Listener) {
	tb.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.accepts.Add(1)
			_ = c.Close()
		}
	}()
	tb.Cleanup(func() { _ = l.Close(); <-done })
}

// HaveIPv6 reports whether this machine speaks it.
func HaveIPv6() bool {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}
