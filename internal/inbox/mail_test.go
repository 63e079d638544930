package inbox

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

const mailHeader = "From: Relay <relay@example.com>\r\nTo: demo@example.com\r\nDate: Fri, 02 Jan 2026 03:04:05 +0000\r\nMessage-ID: <1@example.com>\r\n"

func alternative(text, html string) string {
	return mailHeader + "Subject: Break glass\r\nReferences: <request-1@example.com>\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: multipart/alternative; boundary=b1\r\n\r\n--b1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + text +
		"\r\n--b1\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + html + "\r\n--b1--\r\n"
}

func TestParseMail(t *testing.T) {
	m, problem := parseMail([]byte(alternative("the text =", "<p class=3D\"a\">the=\r\n HTML</p>")))
	if problem != "" {
		t.Fatal(problem)
	}
	for _, c := range []struct{ what, got, want string }{
		{"subject", m.Subject, "Break glass"},
		{"from", m.From, "Relay <relay@example.com>"},
		{"to", m.To, "demo@example.com"},
		{"Message-ID", m.MessageID, "<1@example.com>"},
		{"References", m.References, "<request-1@example.com>"},
		{"text", m.Text, "the text ="},
		{"HTML", m.HTML, `<p class="a">the HTML</p>`},
		{"shown", m.shown()["Subject"], "Break glass"},
	} {
		if c.got != c.want {
			t.Errorf("%s = %q, want %q", c.what, c.got, c.want)
		}
	}
}

func TestParseMailParts(t *testing.T) {
	file := base64.StdEncoding.EncodeToString([]byte("0123456789"))
	raw := mailHeader + "Subject: =?utf-8?q?Zugriff_gew=C3=A4hrt?= =?utf-8?b?8J+UkQ==?=\r\nContent-Type: multipart/mixed; boundary=out\r\n\r\n" +
		"--out\r\nContent-Type: multipart/alternative; boundary=in\r\n\r\n" +
		"--in\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\ngr\xfc\xdfe\r\n--in\r\nContent-Type: text/html\r\n\r\n<b>x</b>\r\n--in--\r\n" +
		"--out\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=\"event.txt\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + file + "\r\n" +
		"--out--\r\n"
	m, problem := parseMail([]byte(raw))
	if problem != "" || m.Subject != "Zugriff gewährt🔑" || m.Text != "grüße" || m.HTML != "<b>x</b>" {
		t.Errorf("%q: subject %q, text %q, HTML %q", problem, m.Subject, m.Text, m.HTML)
	}
	if len(m.Attachments) != 1 || m.Attachments[0] != (Attachment{Name: "event.txt", Type: "text/plain", Size: 10}) {
		t.Errorf("attachments %+v", m.Attachments)
	}
}

func TestParseMailRefuses(t *testing.T) {
	nested := "x\r\n"
	for i := range 8 {
		nested = fmt.Sprintf("Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n%s\r\n--b%d--\r\n", i, i, nested, i)
	}
	for _, tc := range []struct{ name, mail, want string }{
		{"not a mail", "hello\r\n", "header cannot be read"},
		{"no From", strings.Replace(mailHeader, "From:", "X:", 1) + "\r\nx\r\n", "header From: is missing"},
		{"no Date", strings.Replace(mailHeader, "Date:", "X:", 1) + "\r\nx\r\n", "header Date: is missing"},
		{"no Message-ID", strings.Replace(mailHeader, "Message-ID:", "X:", 1) + "\r\nx\r\n", "header Message-Id: is missing"},
		{"two subjects", mailHeader + "Subject: a\r\nSubject: b\r\n\r\nx\r\n", "header Subject: is there 2 times"},
		{"a From that is none", strings.Replace(mailHeader, "Relay <relay@example.com>", "nobody", 1) + "\r\nx\r\n", "header From: is not"},
		{"a To that is none", strings.Replace(mailHeader, "demo@example.com", "a b c", 1) + "\r\nx\r\n", "header To: is not"},
		{"a date that is none", strings.Replace(mailHeader, "Fri, 02", "Fri, 99", 1) + "\r\nx\r\n", "header Date: is not"},
		{"a bare LF", mailHeader + "\r\nx\ny\r\n", "line 6: does not end in CR LF"},
		{"a bare CR", mailHeader + "\r\nx\ry\r\n", "line 6: does not end in CR LF"},
		{"a long line", mailHeader + "\r\n" + strings.Repeat("x", 999) + "\r\n", "line 6: is longer than 998 octets"},
		{"no boundary", mailHeader + "Content-Type: multipart/mixed\r\n\r\nx\r\n", "has no boundary"},
		{"no end", mailHeader + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n", "has no end"},
		{"too deep", mailHeader + nested, "nested deeper than 5"},
		{"too many parts", mailHeader + "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\nx\r\n", 60) + "--b--\r\n", "more than 50 parts"},
		{"bad base64", mailHeader + "Content-Transfer-Encoding: base64\r\n\r\n!!!\r\n", "Content-Transfer-Encoding"},
		{"an encoding that is none", mailHeader + "Content-Transfer-Encoding: x\r\n\r\nx\r\n", "Content-Transfer-Encoding"},
		{"a type that is none", mailHeader + "Content-Type: ;;\r\n\r\nx\r\n", "Content-Type that cannot be read"},
	} {
		if _, problem := parseMail([]byte(tc.mail)); !strings.Contains(problem, tc.want) {
			t.Errorf("%s: %q, want %q", tc.name, problem, tc.want)
		}
	}
	for name, mail := range map[string]string{
		"plain":               mailHeader + "\r\nx\r\n",
		"a line of 998":       mailHeader + "\r\n" + strings.Repeat("x", 998) + "\r\n",
		"a date with comment": strings.Replace(mailHeader, "+0000", "+0000 (UTC)", 1) + "\r\n\r\n",
	} {
		if _, problem := parseMail([]byte(mail)); problem != "" {
			t.Errorf("%s: %s", name, problem)
		}
	}
}

// Nothing in a header makes a second line, and no byte of it breaks JSON.
func TestHeadersAreOneLine(t *testing.T) {
	for _, v := range []string{"a\x00b", "=?utf-8?q?a=0D=0ABcc:_x?=", "\xff\xfe", "=?utf-8?b?/w==?=", "=?nope?q?x?=", "a\x1b[31m"} {
		if got := decodeHeader(v); strings.ContainsAny(got, "\r\n\x00\x1b") || strings.ToValidUTF8(got, "") != got {
			t.Errorf("%q became %q", v, got)
		}
	}
}

func FuzzParseMail(f *testing.F) {
	f.Add([]byte(alternative("t", "<p>h</p>")))
	f.Add([]byte(mailHeader + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n"))
	f.Add([]byte("From: \r\n\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, _ := parseMail(raw)
		if n := len(m.Text) + len(m.HTML); n > 3*len(raw) { // an invalid byte becomes three
			t.Errorf("%d bytes of content out of %d", n, len(raw))
		}
		if len(m.Attachments) > maxParts {
			t.Errorf("%d attachments", len(m.Attachments))
		}
		for name, v := range m.shown() {
			if strings.ContainsAny(name+v, "\r\n") {
				t.Errorf("header %q: %q", name, v)
			}
		}
	})
}
