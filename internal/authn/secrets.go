package authn

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"

	"accessrelay/internal/secret"
)

const (
	// maxSecrets bounds a list: a bad credential is compared with each.
	maxSecrets = 16
	// maxSecret is the longest secret that a header is looked at for, in bytes.
	maxSecret = 4 << 10
	// shortSecret is the length in bytes below which a secret gets a warning:
	// 16 random bytes are 128 bits.
	shortSecret = 16
)

// digests are the SHA-256 of texts that are good. A digest has one length
// whatever the text has, so comparing digests tells nothing of it.
type digests [][sha256.Size]byte

func digestsOf(texts ...string) digests {
	d := make(digests, len(texts))
	for i, text := range texts {
		d[i] = digestOf(text)
	}
	return d
}

// digestOf returns text's SHA-256. What fits the buffer is hashed without
// taking memory from the heap: every request comes by here.
func digestOf(text string) [sha256.Size]byte {
	var buf [1 << 10]byte
	return sha256.Sum256(append(buf[:0], text...))
}

// matches returns how many of the texts given equals. It always looks at all,
// so that its time tells neither which it was nor how near a wrong one came.
func (d digests) matches(given string) int {
	sum := digestOf(given)
	n := 0
	for i := range d {
		n += subtle.ConstantTimeCompare(sum[:], d[i][:])
	}
	return n
}

func reveal(secrets []secret.String) []string {
	texts := make([]string, len(secrets))
	for i, s := range secrets {
		texts[i] = s.Reveal()
	}
	return texts
}

// checkList checks a list of secrets, each with check. Errors begin with key.
func checkList(key string, secrets []secret.String, check func(string) error) error {
	switch {
	case len(secrets) == 0:
		return fmt.Errorf("%s: lists none: needs at least one, as in %s: [\"${VARIABLE}\"]", key, key[strings.LastIndexByte(key, '.')+1:])
	case len(secrets) > maxSecrets:
		return fmt.Errorf("%s: lists more than %d", key, maxSecrets)
	}
	for i, s := range secrets {
		if s.IsZero() {
			return fmt.Errorf("%s[%d]: is empty", key, i)
		}
		if err := check(s.Reveal()); err != nil {
			return fmt.Errorf("%s[%d]: %w", key, i, err)
		}
	}
	return nil
}

// checkHeaderText returns why no header could carry s as it is. Its errors
// hold nothing of s.
func checkHeaderText(s string) error {
	switch {
	case strings.TrimSpace(s) != s:
		return errors.New("begins or ends with a blank or a line break, which a header cannot carry: take it away")
	case strings.ContainsFunc(s, isControl):
		return errors.New("has a line break or another control character, which a header cannot carry: was more than the secret copied?")
	case len(s) > maxSecret:
		return fmt.Errorf("is longer than %d bytes", maxSecret)
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// warnList returns what is doubtful about a list of secrets whose texts are
// good; inHeader: they stand in a header as they are.
func warnList(key string, secrets []secret.String, inHeader bool) []string {
	var out []string
	for i, s := range secrets {
		name := fmt.Sprintf("%s[%d]", key, i)
		text := s.Reveal()
		if n := len(text); n < shortSecret {
			out = append(out, fmt.Sprintf("%s: has %s, so it may be guessed; use %d random ones or more (openssl rand -hex 32)", name, inBytes(n), shortSecret))
		}
		if inHeader && strings.ContainsFunc(text, func(r rune) bool { return r > 0x7e }) {
			out = append(out, name+": has characters outside ASCII, which not every sender puts into a header as they are")
		}
		for j := range i {
			if s.Equal(secrets[j]) {
				out = append(out, fmt.Sprintf("%s: is the same as %s[%d]; one of them can go", name, key, j))
				break
			}
		}
	}
	return out
}

func inBytes(n int) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}
