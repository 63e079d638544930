package email

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"

	config "accessrelay/internal/channel/email"
	"accessrelay/internal/event"
	"accessrelay/internal/safenet"
	"accessrelay/internal/transport"
)

const (
	// maxAnswers is how much a server may say in one session, TLS's own messages
	// included: far above any real one. Without it a reply without end would fill
	// the memory.
	maxAnswers = 256 << 10
	// farewell is how long the answer to QUIT is waited for. The mail has its
	// confirmation by then; servers that see the connection break off only log it.
	farewell = time.Second
)

var errTooLong = errors.New("the server says too much")

// session is one conversation with a server. What fails ends it.
type session struct {
	ctx    context.Context // the attempt's: it lives as long
	conn   net.Conn
	stop   func() bool
	client *smtp.Client
}

// connect begins a session in which a mail can be submitted: connected, secured
// as c wants it, introduced and logged in.
func connect(ctx context.Context, guard *safenet.Guard, c *config.Config) (*session, *transport.SendError) {
	addr := net.JoinHostPort(c.Host, strconv.Itoa(c.Port))
	conn, err := guard.DialContext(ctx, "tcp", addr, c.TLS == config.None)
	if err != nil {
		return nil, failed(ctx, "the connection", err, false)
	}
	s := &session{ctx: ctx, conn: &bounded{conn, maxAnswers}}
	s.stop = context.AfterFunc(ctx, func() {
		_ = conn.SetDeadline(time.Unix(1, 0)) // closed already, it has nothing left to end
	})
	if failure := s.begin(guard.TLSConfig(c.Host), c); failure != nil {
		s.close()
		return nil, failure
	}
	return s, nil
}

func (s *session) begin(secure *tls.Config, c *config.Config) *transport.SendError {
	if c.TLS == config.Implicit {
		over := tls.Client(s.conn, secure)
		if err := over.HandshakeContext(s.ctx); err != nil {
			return failed(s.ctx, "the connection", err, true)
		}
		s.conn = over
	}
	polite, err := greeted(s.conn)
	if err != nil {
		return failed(s.ctx, "the connection", err, false)
	}
	if s.client, err = smtp.NewClient(polite, c.Host); err != nil {
		return failed(s.ctx, "the connection", err, false)
	}
	s.client.SkipSMTPUTF8(true) // addresses are ASCII
	if err := s.client.Hello(domain(c.From.Address)); err != nil {
		return failed(s.ctx, "the greeting", err, false)
	}
	if c.TLS == config.StartTLS {
		if failure := s.startTLS(secure); failure != nil {
			return failure
		}
	}
	if c.Username != "" {
		return s.login(c)
	}
	return nil
}

// startTLS secures the session or ends it. A server that does not offer it is a
// TLS failure like any other, which is tried again.
func (s *session) startTLS(secure *tls.Config) *transport.SendError {
	if offered, _ := s.client.Extension("STARTTLS"); !offered {
		return &transport.SendError{Reason: transport.ReasonTLS, Class: transport.Retry, Err: errors.New(
			"the server offers no STARTTLS, without which the channel's tls (starttls) sends nothing; " +
				"if its port speaks TLS from the start, tls is to be implicit")}
	}
	agreed := false
	secure.VerifyConnection = func(tls.ConnectionState) error { agreed = true; return nil }
	if err := s.client.StartTLS(secure); err != nil {
		return failed(s.ctx, "STARTTLS", err, !agreed)
	}
	return nil
}

// login is only reached over TLS: a config with a username and tls: none is
// refused, and here again.
func (s *session) login(c *config.Config) *transport.SendError {
	inTLS := c.TLS != config.None // which the client cannot see through the wrapped connection
	if !inTLS {
		return transport.Misconfigured(errors.New("a login needs tls"))
	}
	_, offered := s.client.Extension("AUTH")
	password := c.Password.Reveal()
	for _, m := range []struct {
		name string
		auth smtp.Auth
	}{
		{"PLAIN", smtp.PlainAuth("", c.Username, password, c.Host, inTLS)},
		{"LOGIN", smtp.LoginAuth(c.Username, password, c.Host, inTLS)},
		{"CRAM-MD5", smtp.CRAMMD5Auth(c.Username, password)},
	} {
		if !hasWord(offered, m.name) {
			continue
		}
		if err := s.client.Auth(m.auth); err != nil {
			return failed(s.ctx, "the login", err, false)
		}
		return nil
	}
	return &transport.SendError{
		Reason: transport.ReasonBadResponse, Class: transport.Retry,
		Err: errors.New("the server offers no login by PLAIN, LOGIN or CRAM-MD5, and the channel has a username"),
	}
}

func hasWord(list, word string) bool {
	for w := range strings.FieldsSeq(list) {
		if strings.EqualFold(w, word) {
			return true
		}
	}
	return false
}

// submit hands the mail over for those who are pending and notes what becomes of
// each. A nil failure says that the server had its say about every one of them.
func (s *session) submit(from string, rcpts *recipients, mail []byte) *transport.SendError {
	if err := s.client.Mail("<" + from + ">"); err != nil {
		return failed(s.ctx, "the sender", err, false)
	}
	taken, failure := s.address(rcpts)
	if failure != nil || len(taken) == 0 {
		return failure
	}
	failure = s.data(mail)
	for _, r := range taken {
		switch {
		case failure == nil:
			r.State, r.LastError = event.StateDelivered, ""
		case failure.Reason == transport.ReasonDeferred:
			r.LastError = failure.Err.Error()
		}
	}
	return failure
}

// address returns those whom the server takes.
func (s *session) address(rcpts *recipients) (taken []*event.Recipient, failure *transport.SendError) {
	rcpts.pending(func(r *event.Recipient) bool {
		err := s.client.Rcpt("<" + r.Address + ">")
		if err == nil {
			taken = append(taken, r)
			return true
		}
		reply := replyIn(err)
		switch {
		case reply == nil || reply.Code == closing || (reply.Code/100 != 4 && reply.Code/100 != 5):
			failure = failed(s.ctx, "a recipient", err, false)
			return false
		case reply.Code/100 == 4:
			r.LastError = "deferred (" + codes(reply) + ")"
		default:
			r.State, r.LastError = event.StateDead, "refused ("+codes(reply)+")"
		}
		return true
	})
	return taken, failure
}

func (s *session) data(mail []byte) *transport.SendError {
	w, err := s.client.Data()
	if err != nil {
		return failed(s.ctx, "the message", err, false)
	}
	_, err = w.Write(mail)
	// Closing also reads the answer, and may do so where writing broke off: a
	// server may refuse a mail before it has it all.
	if closeErr := w.Close(); closeErr != nil {
		return failed(s.ctx, "the message", errors.Join(err, closeErr), false)
	}
	if err != nil {
		return failed(s.ctx, "the message", err, false)
	}
	return nil
}

// close ends the session, in good manners if it still works.
func (s *session) close() {
	if s.stop() && s.client != nil && s.client.HasConnection() {
		_ = s.conn.SetDeadline(time.Now().Add(farewell))
		_ = s.client.Quit() // the mail is in or it is not
	}
	_ = s.conn.Close()
}

// bounded is a connection over which left bytes may still come.
type bounded struct {
	net.Conn
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// greeted waits for the server's greeting and reports what cannot be one: a
// reply begins with three digits. The client would wait for the end of a reply
// that begins like "SSH-".
func greeted(c net.Conn) (net.Conn, error) {
	const code = 3
	r := bufio.NewReader(c)
	begin, err := r.Peek(code)
	if err != nil {
		return nil, fmt.Errorf("waiting for the greeting: %w", err)
	}
	if strings.Trim(string(begin), "0123456789") != "" {
		return nil, textproto.ProtocolError("no reply code")
	}
	return &peeked{c, r}, nil
}

// peeked is a connection of which something has been looked at.
type peeked struct {
	net.Conn
	r *bufio.Reader
}

func (p *peeked) Read(b []byte) (int, error) { return p.r.Read(b) }

func domain(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }
