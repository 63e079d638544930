// Package redistest gives a test a Redis of its own: real redis-server processes
// on free loopback ports, with their own directories, gone when the test is
// over. They can be stopped, killed and started again, as machines would be.
package redistest

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"accessrelay/internal/redisserver"
)

// startTimeout is how long servers may take to come up. They take from some
// 10 ms to some seconds; a loaded machine gets the rest.
const startTimeout = time.Minute

// Server is one running redis-server. Its methods fail the test that started
// it, so they are for that test's goroutine.
type Server struct {
	tb     testing.TB
	server *redisserver.Server
	client *redis.Client
}

// Start runs a redis-server that keeps nothing on disk and evicts nothing.
// args are further options of redis-server ("--appendonly", "yes") and win over
// the ones given here. Without redis-server on PATH the test fails: a test that
// needs Redis and skips would prove nothing.
func Start(tb testing.TB, args ...string) *Server {
	tb.Helper()
	ctx, cancel := starting()
	defer cancel()
	s, err := redisserver.Start(ctx, redisserver.Options{Dir: tb.TempDir(), Args: args})
	if err != nil {
		tb.Fatalf("redistest: %v", err)
	}
	tb.Cleanup(func() { closed(tb, s.Close()) })
	return wrap(tb, s)
}

// StartCluster runs one redis-server as a Cluster of one node that serves all
// slots, so that a script or transaction over two slots is refused as it would
// be in production. Use [Server.ClusterClient] with it.
func StartCluster(tb testing.TB, args ...string) *Server {
	tb.Helper()
	return StartClusterOf(tb, 1, 0, args...).Nodes()[0]
}

func starting() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), startTimeout)
}

func closed(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Errorf("redistest: %v", err)
	}
}

func wrap(tb testing.TB, s *redisserver.Server) *Server {
	tb.Helper()
	c := redis.NewClient(&redis.Options{Addr: s.Addr(), DisableIdentity: true})
	tb.Cleanup(func() { _ = c.Close() })
	return &Server{tb: tb, server: s, client: c}
}

// Addr is the server's host:port. It stays the same over [Server.Restart].
func (s *Server) Addr() string { return s.server.Addr() }

// URL is the server's address as the programs take it: redis://host:port/0.
func (s *Server) URL() string { return s.server.URL() }

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
// nothing answers.
func (s *Server) Pause() { s.tb.Helper(); s.must(s.server.Pause()) }

// Resume undoes [Server.Pause].
func (s *Server) Resume() { s.tb.Helper(); s.must(s.server.Resume()) }

// Kill ends the process at once (SIGKILL) and returns when it is gone. A killed
// or paused server may be killed again.
func (s *Server) Kill() { s.server.Kill() }

// Restart starts the server again on the same port and directory, after a
// [Server.Kill] or by killing it. What it still knows depends on the
// persistence it was started with: by default nothing.
func (s *Server) Restart() {
	s.tb.Helper()
	ctx, cancel := starting()
	defer cancel()
	s.must(s.server.Restart(ctx))
}

func (s *Server) must(err error) {
	s.tb.Helper()
	if err != nil {
		s.tb.Fatalf("redistest: %v", err)
	}
}
