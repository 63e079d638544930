package secret

import (
	"regexp"
	"testing"
)

func TestNewAPIKey(t *testing.T) {
	form := regexp.MustCompile(`^ark_[A-Za-z0-9_-]{43}$`)
	seen := map[string]bool{}
	for range 100 {
		key, hash, err := NewAPIKey()
		if err != nil {
			t.Fatal(err)
		}
		if !form.MatchString(key) {
			t.Errorf("key has the wrong form: %s", key)
		}
		if seen[key] {
			t.Error("the same key twice")
		}
		seen[key] = true
		if hash != HashAPIKey(key) {
			t.Error("the hash is not the key's")
		}
	}
}

// The known answer of FIPS 180-4 for "abc".
func TestHashAPIKey(t *testing.T) {
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	if got := HashAPIKey("abc"); got != want {
		t.Errorf("hash = %s, want %s", got, want)
	}
}
