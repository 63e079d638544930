package secret

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"filippo.io/age"
)

func identity(t *testing.T) (file []byte, recipient string) {
	t.Helper()
	file, recipient, err := GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return file, recipient
}

func opener(t *testing.T, files ...[]byte) *Opener {
	t.Helper()
	o, err := NewOpener(bytes.NewReader(bytes.Join(files, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func sealer(t *testing.T, recipients ...string) *Sealer {
	t.Helper()
	s, err := NewSealer(recipients...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSealOpen(t *testing.T) {
	fileA, a := identity(t)
	fileB, b := identity(t)
	fileC, _ := identity(t)
	for _, plain := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("0123456789"), 20_000)} {
		sealed, err := sealer(t, a, " "+b+"\n").Seal(plain)
		if err != nil {
			t.Fatal(err)
		}
		if len(plain) > 1 && bytes.Contains(sealed, plain[:10]) {
			t.Error("the sealed bytes hold the plain ones")
		}
		for name, o := range map[string]*Opener{
			"first recipient": opener(t, fileA), "second recipient": opener(t, fileB),
			"rotation": opener(t, fileC, fileB),
		} {
			got, err := o.Open(sealed)
			if err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%s: opened %d bytes of %d, %v", name, len(got), len(plain), err)
			}
		}
		if _, err := opener(t, fileC).Open(sealed); !errors.Is(err, ErrNoIdentity) {
			t.Errorf("foreign identity: %v, want ErrNoIdentity", err)
		}
	}
}

// Two seals of one text must not tell that it is one text.
func TestSealIsFresh(t *testing.T) {
	_, r := identity(t)
	one, err1 := sealer(t, r).Seal([]byte("same"))
	two, err2 := sealer(t, r).Seal([]byte("same"))
	if err1 != nil || err2 != nil || bytes.Equal(one, two) {
		t.Errorf("equal seals (%v, %v)", err1, err2)
	}
}

func TestOpenChanged(t *testing.T) {
	file, r := identity(t)
	o := opener(t, file)
	sealed, err := sealer(t, r).Seal([]byte("the plain text"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		plain, err := o.Open(changed)
		if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrNoIdentity) {
			t.Fatalf("byte %d changed: %q, %v", i, plain, err)
		}
	}
	for _, n := range []int{0, 1, len(sealed) / 2, len(sealed) - 1} {
		if _, err := o.Open(sealed[:n]); !errors.Is(err, ErrCorrupt) {
			t.Errorf("cut to %d bytes: %v, want ErrCorrupt", n, err)
		}
	}
}

func TestNewSealerErrors(t *testing.T) {
	file, good := identity(t)
	secretLine := strings.Split(string(file), "\n")[2]
	for _, tt := range []struct {
		name       string
		recipients []string
		want       string
	}{
		{"none", nil, "no recipient"},
		{"empty", []string{""}, "recipient 1"},
		{"second is wrong", []string{good, "age1xyz"}, "recipient 2"},
		{"changed letter", []string{good[:len(good)-1] + "!"}, "recipient 1"},
		{"identity", []string{good, secretLine}, "recipient 2 is an identity"},
		{"identity in lower case", []string{strings.ToLower(secretLine)}, "recipient 1 is an identity"},
		{"identity with a typo", []string{"x" + secretLine}, "recipient 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewSealer(tt.recipients...)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want it to say %q", err, tt.want)
			}
			holdsNo(t, err, secretLine)
		})
	}
}

func TestNewOpenerErrors(t *testing.T) {
	file, recipient := identity(t)
	secretLine := strings.Split(string(file), "\n")[2]
	for _, tt := range []struct {
		name string
		file io.Reader
		want string
	}{
		{"empty", strings.NewReader(""), "no identity"},
		{"only comments", strings.NewReader("# a\n\n#" + secretLine + "\n"), "no identity"},
		{"recipient", strings.NewReader("# x\n" + recipient), "line 2: is a recipient"},
		{"cut identity", strings.NewReader("\n\n" + secretLine[:40]), "line 3: is not an age"},
		{"changed identity", strings.NewReader(secretLine[:len(secretLine)-1] + "b"), "line 1: is not an age"},
		{"two on a line", strings.NewReader(secretLine + " " + secretLine), "line 1"},
		{"good, then bad", strings.NewReader(string(file) + "rubbish"), "line 4"},
		{"encrypted", strings.NewReader("age-encryption.org/v1\n-> scrypt"), "itself encrypted"},
		{"encrypted and armored", strings.NewReader("-----BEGIN AGE ENCRYPTED FILE-----\n"), "itself encrypted"},
		{"huge", strings.NewReader(strings.Repeat("#\n", maxIdentityFile)), "larger than"},
		{"unreadable", iotest.ErrReader(errors.New("disk on fire")), "disk on fire"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewOpener(tt.file)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want it to say %q", err, tt.want)
			}
			holdsNo(t, err, secretLine)
		})
	}
}

func holdsNo(t *testing.T, err error, secretLine string) {
	t.Helper()
	data := secretLine[len(identityPrefix):]
	for i := 0; i+8 <= len(data); i += 4 {
		if strings.Contains(strings.ToUpper(err.Error()), data[i:i+8]) {
			t.Fatalf("the error holds a part of the identity: %v", err)
		}
	}
}

// The file is one that age itself reads, and its comment tells the recipient.
func TestGenerateIdentity(t *testing.T) {
	file, recipient := identity(t)
	lines := strings.Split(string(file), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[0], "# created: 2") ||
		lines[1] != "# public key: "+recipient || !strings.HasPrefix(lines[2], identityPrefix) || lines[3] != "" {
		t.Errorf("layout of the file is wrong: %d lines", len(lines))
	}
	ids, err := age.ParseIdentities(bytes.NewReader(file))
	if err != nil || len(ids) != 1 {
		t.Fatalf("age reads %d identities, %v", len(ids), err)
	}
	if got := ids[0].(*age.X25519Identity).Recipient().String(); got != recipient {
		t.Errorf("recipient = %s, want %s", recipient, got)
	}
	if _, again := identity(t); again == recipient {
		t.Error("two identities are the same")
	}
}

func TestOpenerIsNeverPrinted(t *testing.T) {
	file, _ := identity(t)
	o := opener(t, file)
	type holder struct{ o *Opener }
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%p"} {
		for _, v := range []any{o, *o, holder{o}, []*Opener{o}} {
			if out := strings.ToUpper(fmt.Sprintf(verb, v)); strings.Contains(out, "AGE-SECRET") {
				t.Errorf("%s of %T shows the identity", verb, v)
			}
		}
	}
}
