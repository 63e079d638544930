package ops

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"
)

// Limits of every listener. No handler here streams, so a request that takes
// longer than these is a sender that stalls.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second // the whole request with its body
	writeTimeout      = 60 * time.Second // from the end of the header to the end of the answer
	idleTimeout       = 2 * time.Minute  // longer than the usual proxy keeps a connection
	// A large JWT is some 8 KiB. Above the limit net/http answers 431 by itself,
	// so there is room for tokens that the handler is to refuse in its own words.
	maxHeaderBytes = 128 << 10
)

// Server is one HTTP listener. The zero address means off: every method of
// such a server does nothing. A Server is started and shut down once.
type Server struct {
	name   string
	addr   string
	log    *slog.Logger
	http   *http.Server
	ln     net.Listener
	served chan error // closed when nothing is served any more
}

// NewServer returns a server, not yet listening. name is that of the listener
// as its setting has it (hooks for --hooks-addr). addr is host:port; port 0
// takes a free one; "" turns the listener off.
func NewServer(name, addr string, h http.Handler, log *slog.Logger) *Server {
	log = log.With("listener", name)
	return &Server{
		name: name,
		addr: addr,
		log:  log,
		http: &http.Server{
			Handler:           h,
			ReadHeaderTimeout: readHeaderTimeout,
			ReadTimeout:       readTimeout,
			WriteTimeout:      writeTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		},
		served: make(chan error, 1),
	}
}

// Start listens and serves in the background. Its error names the setting.
func (s *Server) Start() error {
	if s.addr == "" {
		s.log.Info("listener is off")
		return nil
	}
	ln, err := net.Listen("tcp", s.addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		err = inUse{s.addr, err}
	}
	if err != nil {
		return fmt.Errorf("--%s-addr: %w", s.name, err)
	}
	s.ln = ln
	s.log.Info("listening", "addr", ln.Addr().String())
	go func() {
		defer close(s.served)
		if err := s.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			s.served <- fmt.Errorf("serving %s: %w", s.name, err)
		}
	}()
	return nil
}

// inUse says what to do about an address that another program has.
type inUse struct {
	addr string
	err  error
}

func (e inUse) Error() string { return e.addr + " is taken: give another address" }
func (e inUse) Unwrap() error { return e.err }

// Addr is where the server listens, with the port it got, or "" when it is off
// or not started.
func (s *Server) Addr() string {
	if s.ln == nil {
		return ""
	}
	return s.ln.Addr().String()
}

// Failed yields an error if serving ends without [Server.Shutdown], so that a
// program need not live on deaf. It is closed when serving has ended; of a
// server that is off it never yields.
func (s *Server) Failed() <-chan error { return s.served }

// Shutdown closes the listener and waits for the running requests. When ctx
// ends first it cuts off what is left and says so. Shutting down a server that
// was never started is no error.
func (s *Server) Shutdown(ctx context.Context) error {
	if s.ln == nil {
		return nil
	}
	err := s.http.Shutdown(ctx)
	if err != nil {
		_ = s.http.Close() // only repeats the listener's close
		err = fmt.Errorf("draining %s: requests were cut off: %w", s.name, err)
	}
	<-s.served
	return err
}
