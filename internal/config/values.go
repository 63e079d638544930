package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"accessrelay/internal/ack"
	"accessrelay/internal/secret"
)

// settingsReader checks settings. The first that is wrong is kept; it is named
// as the operator gave it, by its flag or by its variable.
type settingsReader struct {
	given Given
	err   error
}

func (p *settingsReader) fail(name, format string, args ...any) {
	if p.err != nil {
		return
	}
	p.err = errors.New(p.given.Message(fmt.Errorf("--%s: %s", name, fmt.Sprintf(format, args...))))
}

func (p *settingsReader) text(name, s string) string {
	if s == "" {
		p.fail(name, "is empty")
	}
	return s
}

func (p *settingsReader) addr(name, s string) string {
	if s == "" {
		return ""
	}
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		p.fail(name, "%q is not an address such as :8080 or 127.0.0.1:8080", s)
		return s
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		p.fail(name, "%q has no port from 0 to 65535", s)
	}
	return s
}

func (p *settingsReader) oneOf(name, s string, values ...string) string {
	if !slices.Contains(values, s) {
		last := len(values) - 1
		p.fail(name, "%q is not %s or %s", s, strings.Join(values[:last], ", "), values[last])
	}
	return s
}

func (p *settingsReader) duration(name, s string) time.Duration {
	d, err := parseDuration(s)
	switch {
	case err != nil:
		p.fail(name, "%q %v", s, err)
	case d <= 0:
		p.fail(name, "must be more than 0")
	}
	return d
}

func (p *settingsReader) size(name, s string, most int64) int64 {
	n, err := parseSize(s)
	switch {
	case err != nil:
		p.fail(name, "%q %v", s, err)
	case n == 0:
		p.fail(name, "must be more than 0")
	case n > most:
		p.fail(name, "must be at most %dMiB", most>>20)
	}
	return n
}

func (p *settingsReader) count(name, s string, most int) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > most {
		p.fail(name, "%q is not a whole number from 1 to %d", s, most)
	}
	return n
}

func (p *settingsReader) ack(name, s string) ack.Level {
	level, err := ack.Parse(s)
	if err != nil {
		p.fail(name, "%v", err)
	}
	return level
}

// recipients takes them apart; whether they are keys is for who seals to say.
func (p *settingsReader) recipients(name, s string) []string {
	if s == "" {
		return nil
	}
	var out []string
	for r := range strings.SplitSeq(s, ",") {
		out = append(out, p.recipient(name, strings.TrimSpace(r), "they are separated by commas"))
	}
	return out
}

func (p *settingsReader) recipient(name, r, separated string) string {
	switch {
	case strings.HasPrefix(strings.ToUpper(r), "AGE-SECRET-KEY-"):
		p.fail(name, "holds a secret key; it belongs to the workers, as --secrets-identity-file")
	case !strings.HasPrefix(r, "age1"):
		p.fail(name, "each recipient begins with age1; %s", separated)
	}
	return r
}

// recipientsFile reads them from a file, one a line.
func (p *settingsReader) recipientsFile(name string, f ingestFlags) []string {
	if f.SecretsRecipients != "" {
		p.fail(name, "is given, and so is --secrets-recipients: one of them is enough")
		return nil
	}
	data, err := readFile(f.SecretsRecipientsFile)
	if err != nil {
		p.fail(name, "%v", err)
		return nil
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, p.recipient(name, line, "one a line"))
		}
	}
	if len(out) == 0 {
		p.fail(name, "%s: has no recipient", f.SecretsRecipientsFile)
	}
	return out
}

// proxy may hold a password, so the value is not shown.
func (p *settingsReader) proxy(name, s string) secret.String {
	if s == "" {
		return secret.String{}
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "socks5"}, u.Scheme) {
		p.fail(name, "must be a URL such as http://proxy:3128 (http, https or socks5)")
	}
	return secret.New(s)
}
