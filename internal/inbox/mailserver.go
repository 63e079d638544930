package inbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// Limits of the mail listener. RFC 5321 has 100 recipients as the least that a
// server must take.
const (
	maxMailConns      = 100
	maxMailRecipients = 100
	mailReadTimeout   = 30 * time.Second // for one command, or for the whole of a mail
	mailWriteTimeout  = 10 * time.Second
	mailConnTimeout   = 5 * time.Minute // for all that one connection does
)

// MailServer takes mail for an [Inbox] by SMTP. It has no TLS, asks nobody who
// they are and relays nothing: whatever comes to NAME@any.domain is shown at
// /email/NAME. It is served and shut down once.
type MailServer struct {
	log  *slog.Logger
	ln   *mailListener
	smtp *smtp.Server // nil: not serving yet
	done chan error   // closed when nothing is accepted any more
}

// ListenMail listens at addr (host:port; port 0 takes a free one). What connects waits
// until [MailServer.Serve]: an inbox may be made for the address that came of it. log
// gets what goes wrong with single connections, at debug.
func ListenMail(addr string, log *slog.Logger) (*MailServer, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err // which names the address
	}
	return &MailServer{log: log.With("listener", "mail"), ln: newMailListener(ln, maxMailConns), done: make(chan error, 1)}, nil
}

// Serve takes mail for in, in the background.
func (s *MailServer) Serve(in *Inbox) {
	s.smtp = smtp.NewServer(backend{in})
	s.smtp.Domain = "inbox.localhost" // it only introduces itself
	s.smtp.MaxMessageBytes = in.maxBody
	s.smtp.MaxRecipients = maxMailRecipients
	s.smtp.ReadTimeout = mailReadTimeout
	s.smtp.WriteTimeout = mailWriteTimeout
	s.smtp.EnableSMTPUTF8 = true
	s.smtp.ErrorLog = slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)
	go func() {
		defer close(s.done)
		if err := s.smtp.Serve(s.ln); !errors.Is(err, net.ErrClosed) {
			s.done <- fmt.Errorf("serving mail: %w", err)
		}
	}()
}

// Addr is where the server listens, with the port it got.
func (s *MailServer) Addr() string { return s.ln.Addr().String() }

// Failed yields an error if serving ends without Shutdown. It is closed when
// serving has ended.
func (s *MailServer) Failed() <-chan error { return s.done }

// Shutdown takes no new connection, ends those that are idle, and waits for mails
// that are under way. When ctx ends first it cuts them off and says so.
func (s *MailServer) Shutdown(ctx context.Context) error {
	s.ln.drain()
	if s.smtp == nil {
		return nil
	}
	<-s.done // so that no connection is accepted while the library counts them
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_ = s.smtp.Shutdown(context.WithoutCancel(ctx)) // closes the listener once more
	}()
	select {
	case <-drained:
		return nil
	case <-ctx.Done():
		s.ln.cut()
		<-drained
		return fmt.Errorf("draining mail: connections were cut off: %w", ctx.Err())
	}
}

// mailListener bounds how many connections there are and how long each lasts,
// which the library does not, and lets idle ones go at a shutdown.
type mailListener struct {
	net.Listener
	slots chan struct{}

	mu       sync.Mutex
	conns    map[*mailConn]struct{}
	draining chan struct{}
}

func newMailListener(ln net.Listener, limit int) *mailListener {
	return &mailListener{Listener: ln, slots: make(chan struct{}, limit), conns: map[*mailConn]struct{}{}, draining: make(chan struct{})}
}

// Accept waits for a place first: what is above the limit waits in the kernel's queue.
func (l *mailListener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.draining:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	mc := &mailConn{Conn: c, l: l, end: time.Now().Add(mailConnTimeout)}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns[mc] = struct{}{}
	if l.isDraining() {
		mc.expire()
	}
	return mc, nil
}

func (l *mailListener) isDraining() bool {
	select {
	case <-l.draining:
		return true
	default:
		return false
	}
}

// drain closes the listener and ends the connections that are between two mails.
func (l *mailListener) drain() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.draining)
	_ = l.Close()
	for c := range l.conns {
		if !c.busy {
			c.expire()
		}
	}
}

// cut closes what is left.
func (l *mailListener) cut() {
	l.mu.Lock()
	conns := make([]*mailConn, 0, len(l.conns))
	for c := range l.conns {
		conns = append(conns, c)
	}
	l.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
	}
}

// mailConn is a connection with an end. The listener's lock guards its fields.
type mailConn struct {
	net.Conn
	l      *mailListener
	end    time.Time // no deadline is later
	busy   bool      // between MAIL and the end of the transaction
	closed bool
}

// begin marks the start of a transaction. It reports false when none is to
// start any more.
func (c *mailConn) begin() bool {
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	c.busy = !c.l.isDraining()
	return c.busy
}

// finish marks its end.
func (c *mailConn) finish() {
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	c.busy = false
	if c.l.isDraining() {
		c.expire()
	}
}

// expire makes the read that goes on, and every later one, time out: the library
// then says goodbye. The caller holds the lock.
func (c *mailConn) expire() {
	c.end = time.Unix(1, 0)
	_ = c.Conn.SetReadDeadline(c.end) // fails on a closed connection only
}

// SetReadDeadline keeps the connection's end.
func (c *mailConn) SetReadDeadline(t time.Time) error {
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	if t.IsZero() || t.After(c.end) {
		t = c.end
	}
	return c.Conn.SetReadDeadline(t)
}

// Close gives the place back, once.
func (c *mailConn) Close() error {
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	c.closed = true
	delete(c.l.conns, c)
	<-c.l.slots
	return c.Conn.Close()
}
