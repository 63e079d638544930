package e2e

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/redistest"
)

// monitor watches what reaches Redis.
type monitor struct {
	t      *testing.T
	server *redistest.Server
	conn   net.Conn
	lines  *bufio.Reader
}

// watch begins to watch; what reaches Redis after it has returned is seen.
func watch(t *testing.T, s *redistest.Server) *monitor {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatalf("connecting for MONITOR: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	m := &monitor{t, s, conn, bufio.NewReader(conn)}
	_ = conn.SetDeadline(time.Now().Add(2 * soon))
	if _, err := conn.Write([]byte("MONITOR\r\n")); err != nil {
		t.Fatalf("sending MONITOR: %v", err)
	}
	if line, err := m.lines.ReadString('\n'); err != nil || !strings.HasPrefix(line, "+OK") {
		t.Fatalf("MONITOR answered %q, %v", line, err)
	}
	return m
}

// until reads on to the request that holds text.
func (m *monitor) until(text string) {
	m.t.Helper()
	for {
		line, err := m.lines.ReadString('\n')
		if err != nil {
			m.t.Fatalf("waiting for %q in MONITOR: %v", text, err)
		}
		if strings.Contains(line, text) {
			return
		}
	}
}

// seen returns the requests since the last call, those of scripts aside.
func (m *monitor) seen() []string {
	m.t.Helper()
	const marker = "the end of what is looked at"
	if err := m.server.Client().Echo(m.t.Context(), marker).Err(); err != nil {
		m.t.Fatalf("marking the end: %v", err)
	}
	var out []string
	for {
		line, err := m.lines.ReadString('\n')
		if err != nil {
			m.t.Fatalf("reading MONITOR: %v", err)
		}
		if strings.Contains(line, marker) {
			return out
		}
		if head, _, _ := strings.Cut(line, "]"); !strings.HasSuffix(head, " lua") && !handshake(line) {
			out = append(out, strings.TrimSpace(line))
		}
	}
}

// handshake is what a client says when it connects: the test's own one too.
func handshake(line string) bool {
	line = strings.ToLower(line)
	return strings.Contains(line, `"hello"`) || strings.Contains(line, `"client"`)
}
