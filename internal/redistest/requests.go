package redistest

import (
	"bufio"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// Requests counts the requests that reach the server within d. It asks MONITOR:
// the server's own counters take every call inside a script for a request. It
// returns after d; run it in another goroutine than the load.
func (s *Server) Requests(tb testing.TB, d time.Duration) int {
	tb.Helper()
	conn, err := net.DialTimeout("tcp", s.Addr(), startTimeout)
	if err != nil {
		tb.Fatalf("redistest: connecting for MONITOR: %v", err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(startTimeout))
	if _, err := conn.Write([]byte("MONITOR\r\n")); err != nil {
		tb.Fatalf("redistest: sending MONITOR: %v", err)
	}
	r := bufio.NewReader(conn)
	if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "+OK") {
		tb.Fatalf("redistest: MONITOR answered %q, %v", line, err)
	}
	_ = conn.SetDeadline(time.Now().Add(d))
	n := 0
	for {
		line, err := r.ReadString('\n')
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return n
		}
		if err != nil {
			tb.Fatalf("redistest: reading MONITOR: %v", err)
		}
		// +1700000000.000001 [0 127.0.0.1:50000] "get" "k"; inside a script the
		// address is "lua". What a client may have put into a key stands after "]".
		if head, _, ok := strings.Cut(line, "]"); ok && !strings.HasSuffix(head, " lua") {
			n++
		}
	}
}
