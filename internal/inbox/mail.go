package inbox

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of what is read out of one mail, whose size is bounded already.
const (
	maxParts    = 50
	maxNesting  = 5
	maxMailLine = 998 // octets, RFC 5322 section 2.1.1
)

// Mail is what a mail program would show. Absent parts are empty.
type Mail struct {
	Sender    string `json:"sender"`    // of the envelope: MAIL FROM
	Recipient string `json:"recipient"` // of the envelope: RCPT TO

	Subject     string       `json:"subject"`
	From        string       `json:"from"`
	To          string       `json:"to"`
	Date        string       `json:"date,omitempty"`
	MessageID   string       `json:"message_id,omitempty"`
	References  string       `json:"references,omitempty"`
	Text        string       `json:"text,omitempty"`
	HTML        string       `json:"html,omitempty"`
	Attachments []Attachment `json:"attachments,omitempty"`

	headers textproto.MIMEHeader
	parts   int
}

// Attachment is a part that is neither the text nor the HTML. Its content stays
// in the message's body.
type Attachment struct {
	Name string `json:"name,omitempty"`
	Type string `json:"type"`
	Size int    `json:"size"` // in bytes, decoded
}

// content copies all but the envelope.
func (m *Mail) content(from *Mail) {
	sender, recipient := m.Sender, m.Recipient
	*m = *from
	m.Sender, m.Recipient = sender, recipient
}

// size is about what the mail takes in memory, its source aside.
func (m *Mail) size() int {
	return len(m.Text) + len(m.HTML) + len(m.Subject) + len(m.From) + len(m.To) + 256
}

// parseMail reads a mail as it came. The problem is why a strict server would refuse
// it; what could be read is in the Mail nevertheless. net/mail and mime/multipart
// do: the relay sends MIME's common subset in UTF-8, and the inbox is not the side that
// writes it.
func parseMail(raw []byte) (m *Mail, problem string) {
	m = &Mail{headers: textproto.MIMEHeader{}}
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return m, "the mail's header cannot be read"
	}
	m.headers = textproto.MIMEHeader(msg.Header)
	m.Subject, m.From, m.To = m.header("Subject"), m.header("From"), m.header("To")
	m.Date, m.MessageID, m.References = m.header("Date"), m.header("Message-Id"), m.header("References")
	problem = m.checkHeader()
	if p := checkLines(raw); problem == "" {
		problem = p
	}
	if p := m.part(m.headers, msg.Body, 0); problem == "" {
		problem = p
	}
	return m, problem
}

var words = &mime.WordDecoder{}

// header returns one header with encoded words decoded, as valid UTF-8 in one line.
func (m *Mail) header(name string) string {
	return decodeHeader(strings.Join(m.headers[textproto.CanonicalMIMEHeaderKey(name)], ", "))
}

func decodeHeader(v string) string {
	if decoded, err := words.DecodeHeader(v); err == nil {
		v = decoded
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(v, "\uFFFD"))
}

// shown are all headers for the page.
func (m *Mail) shown() map[string]string {
	out := make(map[string]string, len(m.headers))
	for name := range m.headers {
		out[decodeHeader(name)] = m.header(name)
	}
	return out
}

// checkHeader holds the header against RFC 5322, section 3.6: From and Date must
// be there, and what identifies a mail only once.
func (m *Mail) checkHeader() string {
	for _, name := range []string{"From", "Date", "Message-Id", "Subject", "To", "References", "Mime-Version"} {
		n := len(m.headers[name])
		if n > 1 {
			return fmt.Sprintf("header %s: is there %d times", name, n)
		}
		if n == 0 && (name == "From" || name == "Date" || name == "Message-Id") {
			return fmt.Sprintf("header %s: is missing", name)
		}
	}
	if _, err := mail.ParseAddressList(m.headers.Get("From")); err != nil {
		return "header From: is not a list of addresses"
	}
	if _, err := mail.ParseDate(m.headers.Get("Date")); err != nil {
		return "header Date: is not a date"
	}
	if to := m.headers.Get("To"); to != "" {
		if _, err := mail.ParseAddressList(to); err != nil {
			return "header To: is not a list of addresses"
		}
	}
	return ""
}

// checkLines finds lines that other servers refuse: too long, or with an end that
// is not CR LF.
func checkLines(raw []byte) string {
	n := 0
	for line := range bytes.Lines(raw) {
		n++
		body, ok := bytes.CutSuffix(line, []byte("\r\n"))
		switch {
		case !ok && bytes.HasSuffix(line, []byte("\n")), bytes.IndexByte(body, '\r') >= 0:
			return fmt.Sprintf("line %d: does not end in CR LF", n)
		case len(body) > maxMailLine:
			return fmt.Sprintf("line %d: is longer than %d octets", n, maxMailLine)
		}
	}
	return ""
}

// part reads one part of the mail and those in it. depth is how many it is in.
func (m *Mail) part(h textproto.MIMEHeader, body io.Reader, depth int) (problem string) {
	if m.parts++; m.parts > maxParts {
		return fmt.Sprintf("the mail has more than %d parts", maxParts)
	}
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if h.Get("Content-Type") == "" {
		kind, err = "text/plain", nil
	}
	if err != nil {
		kind, problem = "application/octet-stream", "a part has a Content-Type that cannot be read"
	}
	if strings.HasPrefix(kind, "multipart/") {
		if depth >= maxNesting {
			return fmt.Sprintf("the mail's parts are nested deeper than %d", maxNesting)
		}
		return m.multipart(body, params["boundary"], depth)
	}
	content, err := decoded(h.Get("Content-Transfer-Encoding"), body)
	if err != nil {
		problem = "a part does not keep to its Content-Transfer-Encoding, or has no end"
	}
	disposition, dparams, _ := mime.ParseMediaType(h.Get("Content-Disposition")) // absent or unreadable: inline
	switch inline := disposition != "attachment"; {
	case inline && kind == "text/plain" && m.Text == "":
		m.Text = toUTF8(content, params["charset"])
	case inline && kind == "text/html" && m.HTML == "":
		m.HTML = toUTF8(content, params["charset"])
	default:
		m.Attachments = append(m.Attachments, Attachment{Name: decodeHeader(dparams["filename"]), Type: decodeHeader(kind), Size: len(content)})
	}
	return problem
}

func (m *Mail) multipart(body io.Reader, boundary string, depth int) string {
	if boundary == "" {
		return "a multipart has no boundary"
	}
	r := multipart.NewReader(body, boundary)
	for {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return ""
		}
		if err != nil {
			return "a multipart does not end with its boundary"
		}
		if problem := m.part(p.Header, p, depth+1); problem != "" {
			return problem
		}
	}
}

// decoded undoes the transfer encoding; what cannot be undone is returned as far as it went.
func decoded(encoding string, r io.Reader) ([]byte, error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, r)
	case "", "7bit", "8bit", "binary":
	default:
		return nil, errors.New("an encoding that RFC 2045 does not have")
	}
	return io.ReadAll(r)
}

// toUTF8 reads text. A charset other than UTF-8, ASCII and Latin-1 is shown as
// far as it is UTF-8.
func toUTF8(b []byte, charset string) string {
	if slices.Contains([]string{"iso-8859-1", "latin1"}, strings.ToLower(charset)) && !utf8.Valid(b) {
		runes := make([]rune, len(b))
		for i, c := range b {
			runes[i] = rune(c)
		}
		return string(runes)
	}
	return strings.ReplaceAll(strings.ToValidUTF8(string(b), "\uFFFD"), "\r\n", "\n")
}
