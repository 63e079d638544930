package chaos

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// wire is a TCP proxy on the way of one process to Redis, to be cut.
//
// While it hangs, what is sent arrives nowhere, in both directions, and a new
// connection gets no answer. When it heals, what was held back goes on its way,
// as TCP would send it again: a command that its sender has long given up may
// still be carried out.
//
// While it resets, connections that there are end with RST, new ones at once.
type wire struct {
	listener net.Listener
	target   string
	wg       sync.WaitGroup

	mu     sync.Mutex
	open   chan struct{} // closed unless it hangs
	reset  bool
	closed bool
	conns  map[net.Conn]bool
}

// newWire starts a proxy to target, host:port.
func newWire(target string) (*wire, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for a proxy to Redis: %w", err)
	}
	w := &wire{listener: l, target: target, open: make(chan struct{}), conns: map[net.Conn]bool{}}
	close(w.open)
	w.wg.Go(w.accept)
	return w, nil
}

func (w *wire) addr() string { return w.listener.Addr().String() }

// cut hangs, or resets.
func (w *wire) cut(reset bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heldOpen()
	if !reset {
		w.open = make(chan struct{})
		return
	}
	w.reset = true
	w.dropLocked()
}

// heal undoes cut. It may be called of a wire that is whole.
func (w *wire) heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heldOpen()
	w.reset = false
}

// heldOpen lets go of what hangs.
func (w *wire) heldOpen() {
	select {
	case <-w.open:
	default:
		close(w.open)
	}
}

func (w *wire) dropLocked() {
	for c := range w.conns {
		abort(c)
	}
	clear(w.conns)
}

// close ends everything and waits for it.
func (w *wire) close() {
	_ = w.listener.Close()
	w.mu.Lock()
	w.closed = true
	w.heldOpen()
	w.dropLocked()
	w.mu.Unlock()
	w.wg.Wait()
}

// abort closes with RST.
func abort(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}

func (w *wire) accept() {
	for {
		c, err := w.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		if w.track(c) {
			w.wg.Go(func() { w.carry(c) })
		}
	}
}

// track notes a connection, or drops it if it must not be.
func (w *wire) track(c net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.reset || w.closed {
		abort(c)
		return false
	}
	w.conns[c] = true
	return true
}

func (w *wire) untrack(c net.Conn) {
	w.mu.Lock()
	delete(w.conns, c)
	w.mu.Unlock()
	abort(c)
}

// pass returns when bytes may pass.
func (w *wire) pass() {
	w.mu.Lock()
	open := w.open
	w.mu.Unlock()
	<-open
}

const dialTimeout = 5 * time.Second

func (w *wire) carry(near net.Conn) {
	defer w.untrack(near)
	w.pass()
	far, err := (&net.Dialer{Timeout: dialTimeout}).Dial("tcp", w.target)
	if err != nil {
		return
	}
	if !w.track(far) {
		return
	}
	defer w.untrack(far)
	var wg sync.WaitGroup
	wg.Go(func() { w.pump(far, near) })
	wg.Go(func() { w.pump(near, far) })
	wg.Wait()
}

// pump copies until one side ends, and then ends the other.
func (w *wire) pump(to, from net.Conn) {
	defer func() { abort(to) }()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		w.pass()
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				abort(from)
				return
			}
		}
		if err != nil {
			return
		}
	}
}
