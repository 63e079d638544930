package inbox

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/emersion/go-smtp"
)

// The answers of SMTP that the inbox gives by itself.
const (
	smtpOK       = 250
	smtpTooLarge = 552
	smtpRefused  = 550
)

// When a failure of a mail path strikes.
const (
	// StageData answers the whole mail, after its content: it is seen what was
	// refused, and which attempt it was.
	StageData = "data"
	// StageRcpt refuses this recipient and no other, before any content.
	StageRcpt = "rcpt"
)

// mailSession is one connection's. The library may call Reset while Data still
// runs, in the goroutine of a chunked mail that was broken off.
type mailSession struct {
	in   *Inbox
	conn *mailConn

	mu   sync.Mutex
	from string
	to   []string
}

// backend makes the sessions of one inbox.
type backend struct{ in *Inbox }

// NewSession begins what one connection says.
func (b backend) NewSession(c *smtp.Conn) (smtp.Session, error) {
	conn, ok := c.Conn().(*mailConn)
	if !ok {
		return nil, errors.New("the connection is not the listener's")
	}
	return &mailSession{in: b.in, conn: conn}, nil
}

// Mail starts a transaction.
func (s *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	if !s.conn.begin() {
		return &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 3, 2}, Message: "The inbox is shutting down"}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.from, s.to = from, nil
	return nil
}

// Rcpt takes any recipient but those that are to fail.
func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	path := mailPath(to)
	if f, ok := s.in.store.takeFailure(path, StageRcpt); ok {
		s.mu.Lock()
		m := s.message(to)
		s.mu.Unlock()
		answer := onPurpose(f.Status)
		m.Status, m.Answer, m.OnPurpose = f.Status, answer.Message, true
		s.in.store.add(m)
		return answer
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to = append(s.to, to)
	return nil
}

// Data takes the mail for all its recipients: each has one in the inbox.
func (s *mailSession) Data(r io.Reader) error {
	s.mu.Lock()
	var messages []*Message
	for _, to := range s.to {
		messages = append(messages, s.message(to))
	}
	s.mu.Unlock()

	raw, err := io.ReadAll(r)
	switch {
	case errors.Is(err, smtp.ErrDataTooLarge):
		problem := fmt.Sprintf("the mail is larger than %d bytes", s.in.maxBody)
		for _, m := range messages {
			m.Status, m.Problem, m.Answer = smtpTooLarge, problem, problem
			s.in.store.add(m)
		}
		return smtp.ErrDataTooLarge
	case err != nil:
		return err // broken off: there is no mail
	}

	mail, problem := parseMail(raw)
	var answer error
	for _, m := range messages {
		m.Body = string(raw)
		m.Mail.content(mail)
		m.Headers = mail.shown()
		m.Status, m.Answer = smtpOK, "OK"
		if problem != "" {
			m.Status, m.Problem, m.Answer = smtpRefused, problem, problem
			answer = refusal(smtpRefused, problem)
		}
		if mail.MessageID != "" {
			m.identity = "mail " + mail.MessageID
		} else {
			m.identity = identity(http.Header{}, raw)
		}
	}
	// There is one answer for all recipients, so a failure of one is all the others' too.
	for _, m := range messages {
		if f, ok := s.in.store.takeFailure(m.Path, StageData); ok {
			refused := onPurpose(f.Status)
			for _, m := range messages {
				m.Status, m.Answer, m.OnPurpose = f.Status, refused.Message, true
			}
			answer = refused
			break
		}
	}
	for _, m := range messages {
		s.in.store.add(m)
	}
	return answer
}

// Reset ends the transaction.
func (s *mailSession) Reset() {
	s.mu.Lock()
	s.from, s.to = "", nil
	s.mu.Unlock()
	s.conn.finish()
}

// Logout ends the session: there is nothing to free.
func (s *mailSession) Logout() error { return nil }

// message begins what is shown at one recipient's path. The caller holds the lock.
func (s *mailSession) message(to string) *Message {
	return &Message{
		Kind: "email", Path: mailPath(to), ReceivedAt: s.in.now().UTC(),
		Mail: &Mail{Sender: s.from, Recipient: to}, Headers: map[string]string{},
	}
}

// mailPath is where a recipient's mail is shown.
func mailPath(to string) string {
	local := to
	if i := strings.LastIndexByte(to, '@'); i >= 0 {
		local = to[:i]
	}
	return cleanPath("/email/" + strings.ToValidUTF8(local, "\uFFFD"))
}

func onPurpose(status int) *smtp.SMTPError { return refusal(status, "failed on purpose") }

// refusal is an answer of SMTP. Its text is one line of ASCII, as a reply's must be.
func refusal(status int, text string) *smtp.SMTPError {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r >= utf8.RuneSelf {
			return '?'
		}
		return r
	}, text)
	return &smtp.SMTPError{Code: status, EnhancedCode: smtp.EnhancedCode{status / 100, 0, 0}, Message: text}
}
