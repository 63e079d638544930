// Package redistest gives a test a Redis of its own: a real redis-server on a
// free loopback port, with its own directory, gone when the test is over. It
// can be stopped, killed and started again, as a machine would be.
package redistest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	binary = "redis-server"

	// startTimeout is how long a server may take to answer. It takes some
	// 10 ms; a loaded machine gets the rest.
	startTimeout = 20 * time.Second
	// startTries is how many ports are tried: between finding a free port and
	// binding it, somebody else may take it.
	startTries = 5
	// busOffset is what Redis adds to the port for the Cluster bus.
	busOffset = 10000
)

// Server is one running redis-server. Its methods fail the test that started
// it, so they are for that test's goroutine.
type Server struct {
	tb     testing.TB
	dir    string
	port   int
	args   []string
	client *redis.Client

	mu   sync.Mutex
	proc *process // nil while killed
}

// Start runs a redis-server that keeps nothing on disk and evicts nothing.
// args are further options of redis-server ("--appendonly", "yes") and win over
// the ones given here. Without redis-server on PATH the test fails: a test that
// needs Redis and skips would prove nothing.
func Start(tb testing.TB, args ...string) *Server {
	tb.Helper()
	if _, err := exec.LookPath(binary); err != nil {
		tb.Fatalf("redistest: %s is not on PATH; install it (Debian and Ubuntu: apt-get install redis-server; macOS: brew install redis)", binary)
	}
	s := &Server{tb: tb, dir: tb.TempDir(), args: args}
	var err error
	for range startTries {
		if s.port, err = freePort(); err != nil {
			break
		}
		if err = s.start(); err == nil {
			break
		}
	}
	if err != nil {
		tb.Fatalf("redistest: starting %s: %v", binary, err)
	}
	s.client = redis.NewClient(&redis.Options{Addr: s.Addr(), DisableIdentity: true})
	tb.Cleanup(func() {
		_ = s.client.Close()
		s.kill()
	})
	return s
}

// StartCluster runs one redis-server as a Cluster of one node that serves all
// slots, so that a script or transaction over two slots is refused as it would
// be in production. Use [Server.ClusterClient] with it.
func StartCluster(tb testing.TB, args ...string) *Server {
	tb.Helper()
	s := Start(tb, append([]string{"--cluster-enabled", "yes"}, args...)...)
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := s.client.Do(ctx, "CLUSTER", "ADDSLOTSRANGE", 0, 16383).Err(); err != nil {
		tb.Fatalf("redistest: giving the node its slots: %v", err)
	}
	for {
		info, err := s.client.ClusterInfo(ctx).Result()
		if err == nil && strings.Contains(info, "cluster_state:ok") {
			return s
		}
		if ctx.Err() != nil {
			tb.Fatalf("redistest: the cluster of one did not come up: %v, %s", err, info)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Addr is the server's host:port. It stays the same over [Server.Restart].
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// URL is the server's address as the programs take it: redis://host:port/0.
func (s *Server) URL() string { return "redis://" + s.Addr() + "/0" }

// Client is a client with go-redis's defaults, shared by all callers and closed
// at the end of the test.
func (s *Server) Client() *redis.Client { return s.client }

// ClusterClient makes a client for a server of [StartCluster]. It is closed at
// the end of the test.
func (s *Server) ClusterClient() *redis.ClusterClient {
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{s.Addr()}, DisableIdentity: true})
	s.tb.Cleanup(func() { _ = c.Close() })
	return c
}

// Pause stops the process in its tracks (SIGSTOP): connections stay open and
// nothing answers. It returns once the process is stopped.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume undoes [Server.Pause].
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

// Kill ends the process at once (SIGKILL) and returns when it is gone. A killed
// or paused server may be killed again.
func (s *Server) Kill() { s.kill() }

// Restart starts the server again on the same port and directory, after a
// [Server.Kill] or by killing it. What it still knows depends on the
// persistence it was started with: by default nothing.
func (s *Server) Restart() {
	s.tb.Helper()
	s.kill()
	if err := s.start(); err != nil {
		s.tb.Fatalf("redistest: restarting %s: %v", binary, err)
	}
}

// process is one run of the binary.
type process struct {
	cmd  *exec.Cmd
	log  *bytes.Buffer // safe to read once done is closed
	done chan struct{}
}

// start runs the binary and waits until this very process answers.
func (s *Server) start() error {
	p := &process{log: new(bytes.Buffer), done: make(chan struct{})}
	p.cmd = exec.Command(binary, append([]string{
		"--bind", "127.0.0.1", "--port", strconv.Itoa(s.port), "--dir", s.dir,
		"--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction",
		"--daemonize", "no", "--databases", "16",
	}, s.args...)...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.SysProcAttr = procAttr()
	if err := p.cmd.Start(); err != nil {
		return err
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // killed: the error says only that
	}()
	if err := s.awaitReady(p); err != nil {
		p.kill()
		return fmt.Errorf("%w\n%s", err, p.log)
	}
	s.mu.Lock()
	s.proc = p
	s.mu.Unlock()
	return nil
}

// awaitReady returns when the server on the port says that it is p: on a port
// that was taken from under us, another Redis may answer.
func (s *Server) awaitReady(p *process) error {
	c := redis.NewClient(&redis.Options{
		Addr: s.Addr(), MaxRetries: -1, DialTimeout: time.Second, DialerRetries: 1, DisableIdentity: true,
	})
	defer func() { _ = c.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	want := "process_id:" + strconv.Itoa(p.cmd.Process.Pid) + "\r\n"
	for {
		err := s.listening()
		var info string
		if err == nil {
			info, err = c.Info(ctx, "server").Result()
		}
		switch {
		case err == nil && strings.Contains(info, want) && c.Ping(ctx).Err() == nil:
			return nil
		case err == nil && !strings.Contains(info, want):
			return errors.New("another server has the port")
		}
		select {
		case <-p.done:
			return errors.New("the server ended by itself")
		case <-ctx.Done():
			return fmt.Errorf("no answer within %v: %w", startTimeout, err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// listening is a first look without go-redis, which logs every refused connection.
func (s *Server) listening() error {
	conn, err := net.DialTimeout("tcp", s.Addr(), time.Second)
	if err != nil {
		return err
	}
	return conn.Close()
}

func (s *Server) signal(sig syscall.Signal) {
	s.tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		s.tb.Fatalf("redistest: %v: the server is not running", sig)
	}
	if err := s.proc.cmd.Process.Signal(sig); err != nil {
		s.tb.Fatalf("redistest: %v: %v", sig, err)
	}
}

func (s *Server) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc != nil {
		s.proc.kill()
		s.proc = nil
	}
}

// kill ends the process and waits for it. SIGKILL ends a stopped one as well.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // an error means that it is gone already
	<-p.done
}

// freePort finds a port that nothing listens on, low enough for the Cluster bus
// to have one too.
func freePort() (int, error) {
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, fmt.Errorf("finding a free port: %w", err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		_ = l.Close()
		if port+busOffset <= 65535 {
			return port, nil
		}
	}
	return 0, errors.New("finding a free port: none below 55536")
}
