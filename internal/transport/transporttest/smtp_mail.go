package transporttest

import (
	"bufio"
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
	"testing"
	"unicode"
	"unicode/utf8"
)

// readMail reads up to the line with a dot alone and undoes the dot-stuffing. It
// sees lines as the strictest server does: CR LF and nothing else ends one.
func readMail(r *bufio.Reader) ([]byte, error) {
	var out []byte
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return nil, fmt.Errorf("reading a mail: %w", err)
		}
		for !bytes.HasSuffix(line, []byte("\r\n")) {
			more, err := r.ReadBytes('\n')
			if err != nil {
				return nil, fmt.Errorf("reading a mail: %w", err)
			}
			line = append(line, more...)
		}
		if bytes.Equal(line, []byte(".\r\n")) {
			return out, nil
		}
		out = append(out, bytes.TrimPrefix(line, []byte("."))...)
	}
}

// checkMail reads a mail as the standard library does and fails t for what a
// server or a reader could take otherwise. It returns what people see.
func checkMail(t *testing.T, m Message) []string {
	t.Helper()
	checkLines(t, m.Raw)
	parsed, err := mail.ReadMessage(bytes.NewReader(m.Raw))
	if err != nil {
		t.Errorf("no mail: %v", err)
		return nil
	}
	for name, values := range parsed.Header {
		if strings.Contains(name, "Injected") || name == "Bcc" {
			t.Errorf("a text became the header %s", name)
		}
		if len(values) > 1 {
			t.Errorf("%s is there %d times", name, len(values))
		}
	}
	for _, name := range []string{"From", "To", "Subject", "Date", "Message-Id", "Mime-Version", "Content-Type"} {
		if parsed.Header.Get(name) == "" {
			t.Errorf("the mail has no %s", name)
		}
	}
	for _, rcpt := range append([]string{m.From}, m.To...) {
		if strings.Contains(rcpt, "injected") {
			t.Errorf("the envelope names %q", rcpt)
		}
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject"))
	if err != nil || !utf8.ValidString(subject) || strings.ContainsFunc(subject, func(r rune) bool { return unicode.IsControl(r) }) {
		t.Errorf("the subject is %q, %v", subject, err)
	}
	texts, err := parts(textproto.MIMEHeader(parsed.Header), parsed.Body)
	if err != nil {
		t.Errorf("reading the mail's parts: %v", err)
	}
	for _, text := range texts {
		if !utf8.ValidString(text) || strings.ContainsFunc(text, forbiddenInMail) {
			t.Errorf("a part has control characters or is no UTF-8: %.300q", text)
		}
	}
	return append([]string{subject}, texts...)
}

func forbiddenInMail(r rune) bool {
	return unicode.IsControl(r) && r != '\r' && r != '\n' && r != '\t' || strings.ContainsRune("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", r)
}

// checkLines: RFC 5322's lines, CR LF only, at most 998 bytes long, no NUL; and
// 7 bits only, so that no server has to know more.
func checkLines(t *testing.T, raw []byte) {
	t.Helper()
	for i, line := range bytes.Split(raw, []byte("\r\n")) {
		switch {
		case bytes.ContainsAny(line, "\r\n\x00"):
			t.Errorf("line %d has a CR, LF or NUL of its own: %.200q", i+1, line)
		case len(line) > 998:
			t.Errorf("line %d has %d bytes", i+1, len(line))
		case slices.ContainsFunc(line, func(b byte) bool { return b > 0x7f }):
			t.Errorf("line %d is not ASCII: %.200q", i+1, line)
		default:
			continue
		}
		return
	}
}

// parts returns the decoded texts of a mail or of one of its parts.
func parts(h textproto.MIMEHeader, body io.Reader) ([]string, error) {
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return nil, fmt.Errorf("its Content-Type: %w", err)
	}
	if !strings.HasPrefix(kind, "multipart/") {
		switch enc := strings.ToLower(h.Get("Content-Transfer-Encoding")); enc {
		case "quoted-printable":
			body = quotedprintable.NewReader(body)
		case "base64":
			body = base64.NewDecoder(base64.StdEncoding, body)
		case "", "7bit", "8bit":
		default:
			return nil, fmt.Errorf("encoded as %q", enc)
		}
		b, err := io.ReadAll(body)
		if err != nil {
			return nil, fmt.Errorf("its text: %w", err)
		}
		return []string{string(b)}, nil
	}
	var out []string
	for r := multipart.NewReader(body, params["boundary"]); ; {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("its parts: %w", err)
		}
		texts, err := parts(p.Header, p)
		if err != nil {
			return nil, err
		}
		out = append(out, texts...)
	}
	if len(out) == 0 {
		return nil, errors.New("it has no parts")
	}
	return out, nil
}
