package email

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/mail"
	"regexp"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	config "accessrelay/internal/channel/email"
	"accessrelay/internal/event"
	"accessrelay/internal/transport"
	"accessrelay/internal/wording"
)

// maxSubject is in characters. What phones show is about half of it.
const maxSubject = 150

// compose writes the mail that tells the channel of ev. The same event gives the
// same bytes at every attempt, whoever is still to get it: a retry is the same
// mail, and servers and readers that know its Message-ID can tell. The error is a
// *SendError.
func compose(channelID string, c *config.Config, ev *event.Event) ([]byte, error) {
	v := look(ev)
	html, err := v.html()
	if err != nil {
		return nil, unwritable()
	}
	text := v.text()
	m := gomail.NewMsg(
		gomail.WithEncoding(gomail.EncodingQP), gomail.WithNoDefaultUserAgent(),
		// It depends on what it bounds, so that no text can hold it.
		gomail.WithBoundary(hash(text, html)[:32]),
	)
	m.FromMailAddress(&c.From)
	to := make([]*mail.Address, 0, len(c.To))
	for _, address := range c.To {
		to = append(to, &mail.Address{Address: address})
	}
	m.ToMailAddress(to...)
	at := domain(c.From.Address)
	m.SetDateWithValue(date(ev))
	m.SetMessageIDWithValue(messageID(channelID, ev) + "@" + at)
	if id := threadID(ev); id != "" {
		m.SetGenHeader(gomail.HeaderInReplyTo, "<"+id+"@"+at+">")
		m.SetGenHeader(gomail.HeaderReferences, "<"+id+"@"+at+">")
	}
	title, err := subject(c, ev)
	if err != nil {
		return nil, err
	}
	m.Subject(title)
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no holiday notices, please
	m.SetGenHeader("X-Auto-Response-Suppress", "All")  // the same for Exchange
	m.SetGenHeader("X-Accessrelay-Event-Id", token(ev.ID))
	m.SetGenHeader("X-Accessrelay-Event-Type", token(string(ev.Type)))
	m.SetBodyString(gomail.TypeTextPlain, text)
	m.AddAlternativeString(gomail.TypeTextHTML, html)
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		return nil, unwritable()
	}
	return b.Bytes(), nil
}

// unwritable stands for errors that may quote the event.
func unwritable() *transport.SendError {
	return transport.Unrenderable("the event cannot be written as a mail")
}

// header sets text in a header. What looks like an encoded word (RFC 2047) is
// taken apart: it would be decoded by whoever shows it.
var header = wording.Style{Escape: func(r, prev rune) string {
	if r == '?' && prev == '=' {
		return " ?"
	}
	return string(r)
}}

// subject is a line of header for ev: the channel's own, or if that comes to
// nothing the event in words. The error is a *SendError: it names the template's
// line and holds no text of the event.
func subject(c *config.Config, ev *event.Event) (string, error) {
	if c.Subject != nil {
		own, err := c.Subject.Execute(ev)
		if err != nil {
			return "", transport.Unrenderable("subject_template: " + err.Error())
		}
		if s := header.Line(string(own), maxSubject); s != "" {
			return s, nil
		}
	}
	return header.Line(wording.Headline(ev), maxSubject), nil
}

// date is when it happened, not when the mail is sent, so that a mail that comes
// late stands where it belongs. A time far from when the event was received is
// some clock's mistake, or would pin the mail to the top of the mailbox.
func date(ev *event.Event) time.Time {
	const early, late = 7 * 24 * time.Hour, time.Hour
	at := ev.At()
	if d := ev.ReceivedAt.Sub(at); d > early || d < -late {
		at = ev.ReceivedAt
	}
	return at.UTC()
}

// messageID is the part before the @ of the mail's Message-ID: one for each
// event and channel.
func messageID(channelID string, ev *event.Event) string {
	return token(ev.ID) + "." + hash(channelID)[:12]
}

// threadID is the part before the @ of an id that all mails about one access
// request refer to, so that mail programs show them together. No mail has it.
// It is "" for an event of no request.
func threadID(ev *event.Event) string {
	if ev.Request == nil || ev.Request.ID == "" {
		return ""
	}
	return "request." + hash(ev.TenantID, ev.Source, ev.Request.ID)[:32]
}

var plainToken = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$`)

// token is s where s can stand in a header as it is, else its hash. Ids and types
// of events always can.
func token(s string) string {
	if plainToken.MatchString(s) && !strings.Contains(s, "..") && !strings.HasSuffix(s, ".") {
		return s
	}
	return hash(s)[:32]
}

// hash is in hexadecimal, over parts that cannot run into each other.
func hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(p), p) // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil))
}
