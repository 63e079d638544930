package chaos

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// echo answers what it is sent.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

func startWire(t *testing.T) *wire {
	t.Helper()
	w, err := newWire(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	return w
}

func dial(t *testing.T, w *wire) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", w.addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// said sends text and returns what comes back within d.
func said(c net.Conn, text string, d time.Duration) (string, error) {
	if _, err := io.WriteString(c, text); err != nil {
		return "", err
	}
	return heard(c, len(text), d)
}

func heard(c net.Conn, n int, d time.Duration) (string, error) {
	_ = c.SetReadDeadline(time.Now().Add(d))
	buf := make([]byte, n)
	_, err := io.ReadFull(c, buf)
	return string(buf), err
}

const (
	while = 50 * time.Millisecond // in which nothing may come
	long  = 10 * time.Second      // in which all must have come
)

func TestWireHangs(t *testing.T) {
	w := startWire(t)
	old := dial(t, w)
	if got, err := said(old, "one", long); got != "one" || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	w.cut(false)
	fresh := dial(t, w)
	for _, c := range []net.Conn{old, fresh} {
		if _, err := said(c, "two", while); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("through a cut: %v", err)
		}
	}
	w.heal()
	for _, c := range []net.Conn{old, fresh, dial(t, w)} {
		if _, err := io.WriteString(c, "three"); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []net.Conn{old, fresh} {
		if got, err := heard(c, 8, long); got != "twothree" || err != nil {
			t.Errorf("after it has healed: %q, %v", got, err)
		}
	}
}

func TestWireResets(t *testing.T) {
	w := startWire(t)
	old := dial(t, w)
	if got, err := said(old, "one", long); got != "one" || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	w.cut(true)
	if _, err := heard(old, 1, long); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a connection that was reset: %v", err)
	}
	if c, err := net.Dial("tcp", w.addr()); err == nil {
		if _, err := said(c, "two", long); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a new connection: %v", err)
		}
		_ = c.Close()
	}
	w.heal()
	if got, err := said(dial(t, w), "three", long); got != "three" || err != nil {
		t.Errorf("after it has healed: %q, %v", got, err)
	}
}

// TestWireWithoutTarget: a server that is down is seen as such.
func TestWireWithoutTarget(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	w, err := newWire(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	c, err := net.Dial("tcp", w.addr())
	if err == nil {
		_, err = heard(c, 1, long)
		_ = c.Close()
	}
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v", err)
	}
}
