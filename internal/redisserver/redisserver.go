// Package redisserver runs real redis-server processes on free loopback ports:
// one, a master with replicas under Sentinels, or a Cluster. Each can be
// stopped, killed and started again, as a machine would be. They are for tests
// and trials, with time-outs to match, and for nothing that is to be kept.
package redisserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	binary = "redis-server"
	host   = "127.0.0.1"

	// startTimeout is how long a server may take to answer. It takes some
	// 10 ms; a loaded machine gets the rest.
	startTimeout = 20 * time.Second
	// startTries is how many ports are tried: between finding a free port and
	// binding it, somebody else may take it.
	startTries = 5
	pollEvery  = 5 * time.Millisecond
)

// Options say what to start. The zero Options are one server that keeps nothing
// on disk; no server evicts anything.
type Options struct {
	// Dir is where the servers keep their files; it must exist. "": a temporary
	// directory of their own, which Close deletes.
	Dir string
	// Args are further options of redis-server ("--appendonly", "yes"), for all
	// servers but the sentinels. They win over those given here.
	Args []string

	Masters   int // of a Cluster; 0: 3
	Replicas  int // of each master, under Sentinels and in a Cluster
	Sentinels int // 0: 3; their quorum is the majority

	// DownAfter is how long a server must be silent to be taken for dead
	// (down-after-milliseconds, cluster-node-timeout). 0: 1.5 s under Sentinels,
	// 2 s in a Cluster.
	DownAfter time.Duration
}

// Server is one redis-server. Its methods are safe for concurrent use.
type Server struct {
	name string // of its directory and in errors
	dir  string
	own  bool // Close deletes dir
	port int
	args []string

	mu   sync.Mutex
	proc *process // nil while killed
}

// Start runs a redis-server and returns when it answers; ctx bounds that only.
// The process dies with the calling one (on Linux however that ends).
func Start(ctx context.Context, o Options) (*Server, error) {
	dir, own, err := home(o.Dir)
	if err != nil {
		return nil, err
	}
	s := &Server{name: binary, dir: dir, own: own, args: arguments(nil, o.Args)}
	if err := s.launch(ctx); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// home returns the directory to work in and whether it is ours to delete.
func home(dir string) (string, bool, error) {
	if dir != "" {
		return dir, false, nil
	}
	dir, err := os.MkdirTemp("", "redis-server-")
	if err != nil {
		return "", false, fmt.Errorf("making a directory for %s: %w", binary, err)
	}
	return dir, true, nil
}

// arguments puts those of the caller last, where they win.
func arguments(ours, callers []string) []string {
	args := []string{"--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction", "--databases", "16"}
	return append(append(args, ours...), callers...)
}

// launch starts a server that has no port yet.
func (s *Server) launch(ctx context.Context) error {
	if _, err := exec.LookPath(binary); err != nil {
		return fmt.Errorf("%s is not on PATH; install it (Debian and Ubuntu: apt-get install redis-server; macOS: brew install redis)", binary)
	}
	var err error
	for range startTries {
		if s.port, err = ports.reserve(); err != nil {
			break
		}
		if err = s.Restart(ctx); err == nil || ctx.Err() != nil {
			break
		}
		ports.release(s.port)
	}
	return err
}

// Addr is the server's host:port. It stays the same over [Server.Restart].
func (s *Server) Addr() string { return net.JoinHostPort(host, strconv.Itoa(s.port)) }

// URL is the server's address as the programs take it: redis://host:port/0.
func (s *Server) URL() string { return "redis://" + s.Addr() + "/0" }

// Dir is where the server keeps its files, among them its log, redis.log.
func (s *Server) Dir() string { return s.dir }

// Pid is the process's id; 0 while it is killed.
func (s *Server) Pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		return 0
	}
	return s.proc.cmd.Process.Pid
}

// Pause stops the process in its tracks (SIGSTOP): connections stay open and
// nothing answers.
func (s *Server) Pause() error { return s.signal(syscall.SIGSTOP) }

// Resume undoes [Server.Pause].
func (s *Server) Resume() error { return s.signal(syscall.SIGCONT) }

// Kill ends the process at once (SIGKILL) and returns when it is gone. A killed
// or paused server may be killed again.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc != nil {
		s.proc.kill()
		s.proc = nil
	}
}

// Restart starts the server again on the same port and directory, after a
// [Server.Kill] or by killing it, and returns when it answers. What it still
// knows depends on the persistence it was started with: by default nothing.
func (s *Server) Restart(ctx context.Context) error {
	s.Kill()
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.run(ctx)
	if err != nil {
		return fmt.Errorf("starting %s: %w", s.name, err)
	}
	s.proc = p
	return nil
}

// Close kills the server and deletes its directory if it is its own.
func (s *Server) Close() error {
	s.Kill()
	ports.release(s.port)
	if !s.own {
		return nil
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("deleting the directory of %s: %w", s.name, err)
	}
	return nil
}

func (s *Server) signal(sig syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		return fmt.Errorf("%v to %s: it is not running", sig, s.name)
	}
	if err := s.proc.cmd.Process.Signal(sig); err != nil {
		return fmt.Errorf("%v to %s: %w", sig, s.name, err)
	}
	return nil
}

// process is one run of the binary.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// run starts the binary and waits until this very process answers.
func (s *Server) run(ctx context.Context) (*process, error) {
	logPath := filepath.Join(s.dir, "redis.log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening its log: %w", err)
	}
	defer func() { _ = log.Close() }() // the process has its own
	p := &process{done: make(chan struct{})}
	p.cmd = exec.Command(binary, s.commandLine()...) //nolint:gosec,noctx // redis-server, with the options of whoever starts it
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = procAttr()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // killed: the error says only that
	}()
	if err := s.awaitAnswer(ctx, p); err != nil {
		p.kill()
		return nil, fmt.Errorf("%w\n%s", err, tail(logPath))
	}
	return p, nil
}

// commandLine begins with the configuration file if there is one: under
// Sentinels, where a server writes down whose replica it has become.
func (s *Server) commandLine() []string {
	args := []string{"--bind", host, "--port", strconv.Itoa(s.port), "--dir", s.dir, "--daemonize", "no"}
	if _, err := os.Stat(s.confPath()); err == nil {
		args = append([]string{s.confPath()}, args...)
	}
	return append(args, s.args...)
}

func (s *Server) confPath() string { return filepath.Join(s.dir, "redis.conf") }

// kill ends the process and waits for it. SIGKILL ends a stopped one as well.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // an error means that it is gone already
	<-p.done
}

// awaitAnswer returns when the server on the port says that it is p: on a port
// that was taken from under us, another Redis may answer.
func (s *Server) awaitAnswer(ctx context.Context, p *process) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	want := "process_id:" + strconv.Itoa(p.cmd.Process.Pid) + "\r\n"
	for {
		var info string
		err := s.ask(ctx, func(c *redis.Client) (err error) {
			if info, err = c.Info(ctx, "server").Result(); err != nil {
				return err
			}
			return c.Ping(ctx).Err() // not while it still loads its data
		})
		switch {
		case info != "" && !strings.Contains(info, want):
			return errors.New("another server has the port")
		case err == nil:
			return nil
		}
		select {
		case <-p.done:
			return errors.New("the server ended by itself")
		case <-ctx.Done():
			return fmt.Errorf("no answer within %v: %w", startTimeout, err)
		case <-time.After(pollEvery):
		}
	}
}

// tail returns the end of a log, for an error.
func tail(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	const enough = 2000
	return string(b[max(0, len(b)-enough):])
}
