package redisserver

import (
	"context"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// askTimeout is how long a server may take to answer a question about itself:
// one that is paused never does.
const askTimeout = time.Second

// ask has f talk to the server over a connection of its own. It looks whether
// the server listens before it lets go-redis try, which logs each refusal.
func (s *Server) ask(ctx context.Context, f func(*redis.Client) error) error {
	dialer := net.Dialer{Timeout: askTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", s.Addr())
	if err != nil {
		return err
	}
	_ = conn.Close()
	c := redis.NewClient(&redis.Options{
		Addr: s.Addr(), MaxRetries: -1, DialerRetries: 1, PoolSize: 1, DisableIdentity: true,
		DialTimeout: askTimeout, ReadTimeout: askTimeout, ContextTimeoutEnabled: true,
	})
	defer func() { _ = c.Close() }()
	return f(c)
}

// poll calls f until it returns nil. When ctx ends it returns f's last error.
func poll(ctx context.Context, f func() error) error {
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(10 * pollEvery):
		}
	}
}

// each calls f for all servers at once and returns the first error, nil if
// there was none.
func each(servers []*Server, f func(*Server) error) error {
	errs := make(chan error, len(servers))
	for _, s := range servers {
		go func() { errs <- f(s) }()
	}
	var first error
	for range servers {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}
