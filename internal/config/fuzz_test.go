package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"accessrelay/internal/authn"
)

// FuzzLoad looks for a panic, for an error of more than a line, and for a
// secret in an error.
func FuzzLoad(f *testing.F) {
	good, err := os.ReadFile("testdata/accessrelay.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, uint8(3))
	bad, err := os.ReadFile("testdata/bad.txt")
	if err != nil {
		f.Fatal(err)
	}
	for i, part := range strings.Split("\n"+string(bad), "\n=== ")[1:] {
		_, text, _ := strings.Cut(part, "\n")
		text, _, _ = strings.Cut(text, "----\n")
		f.Add([]byte(text), uint8(i))
	}
	for _, m := range goodMethods {
		auth := strings.ReplaceAll(m.auth, "\n", "\n          ")
		f.Add([]byte("tenants:\n- id: "+acme+"\n  name: acme\n  sources:\n    - id: a\n      platform: p0\n      auth:\n          "+auth+"\n"), uint8(NeedAuth))
	}
	const secret = "S3CR3T-OF-A-VARIABLE"
	lookup := func(string) (string, bool) { return secret, true }
	f.Fuzz(func(t *testing.T, text []byte, need uint8) {
		path := filepath.Join(t.TempDir(), "accessrelay.yaml")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := Load(path, Need(need)&(NeedAuth|NeedChannels), stubs(), lookup)
		if err != nil {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error shows a secret: %q", err)
			}
			if strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("the error is not one line: %q", err)
			}
			return
		}
		for _, tenant := range file.Tenants {
			if file.TenantByID(tenant.ID) != tenant {
				t.Errorf("tenant %s is not found by its id", tenant.ID)
			}
			for _, s := range tenant.Sources {
				if file.SourceByID(s.ID) != s || s.Platform == nil || s.Auth == (authn.Config{}) {
					t.Errorf("source %+v is not complete", s)
				}
			}
		}
	})
}
