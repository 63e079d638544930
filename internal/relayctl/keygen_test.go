package relayctl

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestKeygenRecipientsOut(t *testing.T) {
	dir := t.TempDir()
	identity, recipients := filepath.Join(dir, "identity.txt"), filepath.Join(dir, "recipients")
	got := relayctl(t, "keygen", "secrets", "--out", identity, "--recipients-out", recipients)
	if text, err := os.ReadFile(recipients); got.code != exitOK || err != nil || string(text) != got.out {
		t.Fatalf("%+v; the file holds %q, %v", got, text, err)
	}
	// A second run changes neither file.
	before, err := os.ReadFile(identity)
	if err != nil {
		t.Fatal(err)
	}
	if again := relayctl(t, "keygen", "secrets", "--out", identity, "--recipients-out", recipients); again.code != exitFailed {
		t.Errorf("a second run: %+v", again)
	}
	after, err := os.ReadFile(identity)
	if err != nil || string(after) != string(before) {
		t.Error("a second run changed the identity")
	}
	if text, err := os.ReadFile(recipients); err != nil || string(text) != got.out {
		t.Errorf("a second run left the recipients %q, %v", text, err)
	}
	// An identity whose recipient cannot be written is not left behind.
	other := filepath.Join(dir, "other.txt")
	if third := relayctl(t, "keygen", "secrets", "--out", other, "--recipients-out", recipients); third.code != exitFailed {
		t.Errorf("recipients exist: %+v", third)
	}
	if _, err := os.Stat(other); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an identity without its recipient is left: %v", err)
	}
}
