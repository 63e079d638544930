package secret

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"filippo.io/age"
)

// Errors of [Opener.Open].
var (
	// ErrNoIdentity: what was sealed, was sealed for none of the opener's identities.
	ErrNoIdentity = errors.New("sealed for a recipient whose identity is not at hand")
	// ErrCorrupt: the bytes are no sealed secret, or were changed after sealing.
	ErrCorrupt = errors.New("not a sealed secret, or changed since it was sealed")
)

const (
	recipientPrefix = "age1"
	identityPrefix  = "AGE-SECRET-KEY-1"
	maxIdentityFile = 64 << 10 // bytes; a file has one line an identity
)

// Sealer seals for a fixed set of recipients. It cannot open what it sealed.
// It is safe for concurrent use.
type Sealer struct {
	recipients []age.Recipient
}

// NewSealer returns a sealer for the given age X25519 recipients (age1…), any
// one of whose identities will open. Blanks around a recipient do not count.
// Errors name a recipient by its position, never by its text, which may be an
// identity pasted into the wrong place.
func NewSealer(recipients ...string) (*Sealer, error) {
	if len(recipients) == 0 {
		return nil, errors.New("no recipient: needs at least one (age1…)")
	}
	s := &Sealer{}
	for i, text := range recipients {
		text = strings.TrimSpace(text)
		if strings.HasPrefix(strings.ToUpper(text), identityPrefix) {
			return nil, fmt.Errorf("recipient %d is an identity, which is a secret: give its public recipient (age1…)", i+1)
		}
		r, err := age.ParseX25519Recipient(text)
		if err != nil { // its text quotes the input
			return nil, fmt.Errorf("recipient %d is not an age X25519 recipient (age1…)", i+1)
		}
		s.recipients = append(s.recipients, r)
	}
	return s, nil
}

// Seal encrypts plain, of any length, for all recipients.
func (s *Sealer) Seal(plain []byte) ([]byte, error) {
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, s.recipients...)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	if _, err := w.Write(plain); err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return sealed.Bytes(), nil
}

// Opener opens what was sealed for one of its identities. It is safe for
// concurrent use.
type Opener struct {
	identities []age.Identity
}

// NewOpener reads an age identity file: one X25519 identity a line, blank
// lines and those that start with # aside. Errors name the line, never its text.
func NewOpener(identityFile io.Reader) (*Opener, error) {
	text, err := io.ReadAll(io.LimitReader(identityFile, maxIdentityFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading identities: %w", err)
	}
	if len(text) > maxIdentityFile {
		return nil, fmt.Errorf("identity file is larger than %d bytes", maxIdentityFile)
	}
	o := &Opener{}
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, err := age.ParseX25519Identity(line)
		if err != nil { // its text can quote the line
			return nil, fmt.Errorf("line %d: %s", i+1, notIdentity(line))
		}
		o.identities = append(o.identities, id)
	}
	if len(o.identities) == 0 {
		return nil, errors.New("no identity in the file: needs a line AGE-SECRET-KEY-1…")
	}
	return o, nil
}

func notIdentity(line string) string {
	switch {
	case strings.HasPrefix(line, recipientPrefix):
		return "is a recipient, which can only seal: needs its identity (AGE-SECRET-KEY-1…)"
	case strings.HasPrefix(line, "age-encryption.org/"), strings.HasPrefix(line, "-----BEGIN AGE ENCRYPTED FILE"):
		return "the identity file is itself encrypted: needs it in the clear"
	}
	return "is not an age X25519 identity (AGE-SECRET-KEY-1…)"
}

// Open decrypts what a [Sealer] sealed. Errors: [ErrNoIdentity], [ErrCorrupt].
func (o *Opener) Open(sealed []byte) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), o.identities...)
	if err != nil {
		if _, ok := errors.AsType[*age.NoIdentityMatchError](err); ok {
			return nil, ErrNoIdentity
		}
		return nil, ErrCorrupt
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		return nil, ErrCorrupt
	}
	return plain, nil
}

// String stands for the opener in logs; the identities never do.
func (o *Opener) String() string { return fmt.Sprintf("%d identities", len(o.identities)) }

// GoString is as String, for %#v.
func (o *Opener) GoString() string { return o.String() }

// GenerateIdentity makes a new age X25519 identity. file is what the identity
// file is to hold, laid out as age's own tools do; recipient is its public half.
func GenerateIdentity() (file []byte, recipient string, err error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, "", fmt.Errorf("generating an identity: %w", err)
	}
	recipient = id.Recipient().String()
	created := time.Now().Format(time.RFC3339)
	file = fmt.Appendf(nil, "# created: %s\n# public key: %s\n%s\n", created, recipient, id)
	return file, recipient, nil
}
