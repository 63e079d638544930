package redisconn

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"accessrelay/internal/ack"
	"accessrelay/internal/redistest"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestFsync(t *testing.T) {
	s := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	rdb := openWith(t, s.URL(), ForIngest(), WithAck(ack.Fsync))
	g, err := Admit(t.Context(), rdb, Terms{Role: Ingest, Ack: ack.Fsync}, quiet())
	if err != nil {
		t.Fatal(err)
	}
	write := func() error { return rdb.Set(ack.Required(within(t, 5*time.Second)), "ar:k", "v", 0).Err() }
	if err := write(); err != nil {
		t.Errorf("with appendfsync always: %v", err)
	}
	if err := s.Client().ConfigSet(t.Context(), "appendfsync", "everysec").Err(); err != nil {
		t.Fatal(err)
	}
	if err := g.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "set it to always") {
		t.Errorf("ready with appendfsync everysec: %v", err)
	}
	eventually(t, "writes are refused", func() bool { return errors.Is(write(), ack.ErrNotReached) })
	if err := s.Client().ConfigSet(t.Context(), "appendfsync", "always").Err(); err != nil {
		t.Fatal(err)
	}
	if err := g.Check(t.Context()); err != nil {
		t.Errorf("with appendfsync always again: %v", err)
	}
	eventually(t, "writes are taken again", func() bool { return write() == nil })
}

func TestFsyncIsRefusedAtTheStart(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "set appendonly yes and appendfsync always"},
		{[]string{"--appendonly", "yes"}, "appendfsync is everysec; set it to always"},
		{[]string{"--appendonly", "yes", "--appendfsync", "no"}, "appendfsync is no; set it to always"},
		{[]string{"--appendonly", "yes", "--appendfsync", "always", "--no-appendfsync-on-rewrite", "yes"}, "no-appendfsync-on-rewrite is yes"},
		{[]string{"--appendonly", "yes", "--appendfsync", "always", "--rename-command", "CONFIG", ""}, "it forbids CONFIG GET"},
	} {
		s := redistest.Start(t, tt.args...)
		_, err := Admit(t.Context(), openWith(t, s.URL(), WithAck(ack.Fsync)), Terms{Ack: ack.Fsync}, quiet())
		if !errors.Is(err, ErrUnsuitable) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %v, want %q in one line", tt.args, err, tt.want)
		}
	}
}

// A Redis of 7.2 and later is asked for the disk after each write, on the same
// connection. It is a fake: the real one at hand is older.
func TestWaitAOF(t *testing.T) {
	for _, config := range []string{"-NOPERM no\r\n", "*4\r\n$11\r\nappendfsync\r\n$8\r\neverysec\r\n$25\r\nno-appendfsync-on-rewrite\r\n$2\r\nno\r\n"} {
		f := startFake(t, config)
		rdb := openWith(t, "redis://"+f.addr, WithAck(ack.Fsync))
		if _, err := Admit(t.Context(), rdb, Terms{Ack: ack.Fsync}, quiet()); err != nil {
			t.Fatal(err)
		}
		if err := rdb.Set(ack.Required(within(t, time.Second)), "k", "v", 0).Err(); err != nil {
			t.Errorf("with the write on the disk: %v", err)
		}
		f.setSynced(0)
		err := rdb.Set(ack.Required(within(t, time.Second)), "k", "v", 0).Err()
		if !errors.Is(err, ack.ErrNotReached) || !strings.Contains(err.Error(), "not on the disk yet") {
			t.Errorf("with the write not on the disk: %v", err)
		}
		if err := rdb.Set(within(t, time.Second), "k", "v", 0).Err(); err != nil {
			t.Errorf("without the mark: %v", err)
		}
		waits := 0
		for i, line := range f.said() {
			if strings.HasPrefix(line.text, "waitaof 1 0 ") {
				waits++
				if before := f.said()[i-1]; !strings.HasPrefix(before.text, "set k") || before.conn != line.conn || strings.HasSuffix(line.text, " 0") {
					t.Errorf("%q came after %q", line.text, before.text)
				}
			}
		}
		if waits != 2 {
			t.Errorf("asked %d times, want twice", waits)
		}
	}
}

// fake is a Redis 7.2 that knows what these tests send.
type fake struct {
	addr, config string

	mu     sync.Mutex
	lines  []fakeLine
	synced int
}

type fakeLine struct {
	conn int
	text string
}

func startFake(t *testing.T, config string) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{addr: l.Addr().String(), config: config, synced: 1}
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 0; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { f.serve(conn, n) })
		}
	})
	t.Cleanup(wg.Wait) // after the clients are closed, which ends the connections
	t.Cleanup(func() { _ = l.Close() })
	return f
}

func (f *fake) setSynced(n int) { f.mu.Lock(); f.synced = n; f.mu.Unlock() }

func (f *fake) said() []fakeLine {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]fakeLine(nil), f.lines...)
}

func (f *fake) serve(conn net.Conn, n int) {
	defer func() { _ = conn.Close() }()
	r := bufio.NewReader(conn)
	for {
		args, err := readArgs(r)
		if err != nil {
			return
		}
		text := strings.ToLower(strings.Join(args, " "))
		f.mu.Lock()
		f.lines = append(f.lines, fakeLine{n, text})
		answer := "+OK\r\n"
		switch word, _, _ := strings.Cut(text, " "); word {
		case "hello":
			answer = "-ERR unknown command\r\n"
		case "info":
			info := "redis_version:7.2.5\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\n"
			answer = fmt.Sprintf("$%d\r\n%s\r\n", len(info), info)
		case "config":
			answer = f.config
		case "eval":
			answer = ":1\r\n"
		case "waitaof":
			answer = fmt.Sprintf("*2\r\n:%d\r\n:0\r\n", f.synced)
		}
		f.mu.Unlock()
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
	}
}

// readArgs reads one command as clients send them.
func readArgs(r *bufio.Reader) ([]string, error) {
	number := func(kind string) (int, error) {
		line, err := r.ReadString('\n')
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(line, kind)))
	}
	n, err := number("*")
	if err != nil {
		return nil, err
	}
	args := make([]string, n)
	for i := range args {
		size, err := number("$")
		if err != nil {
			return nil, err
		}
		b := make([]byte, size+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		args[i] = string(b[:size])
	}
	return args, nil
}

func TestHasWaitAOF(t *testing.T) {
	for version, want := range map[string]bool{"7.0.15": false, "7.2.0": true, "7.4": true, "8.0.1": true, "10.0": true, "": false, "7": false} {
		if got := hasWaitAOF(version); got != want {
			t.Errorf("hasWaitAOF(%q) = %v", version, got)
		}
	}
}
