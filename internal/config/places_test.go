package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPlaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "accessrelay.yaml")
	const text = `tenants:
  - id: 8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11
    name: acme
    sources:
      - id: a
        platform: p0
        auth: {bearer: {secrets: [x, y]}}
      - id: b
        platform: p0
        auth:
          header:
            name: X-Secret
            secrets_files:
              - one
              - two
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := ReadPlaces(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		key, spelling string
		line          int
	}{
		{"tenants[0]", "tenants[0]", 2},
		{"tenants[0].name", "tenants[0].name", 3},
		{"tenants[0].sources[0].auth.bearer.secrets[1]", "tenants[0].sources[0].auth.bearer.secrets[1]", 7},
		{"tenants[0].sources[1].auth.header.secrets", "tenants[0].sources[1].auth.header.secrets_files", 13},
		{"tenants[0].sources[1].auth.header.secrets[1]", "tenants[0].sources[1].auth.header.secrets_files[1]", 15},
		{"tenants[0].sources[1].auth.header.secrets[7]", "tenants[0].sources[1].auth.header.secrets_files", 13},
		{"tenants[0].sources[1].dedup_window", "tenants[0].sources[1].dedup_window", 8},
		{"tenants[7].name", "tenants.name", 1},
		{"delivery.max_age", "delivery.max_age", 1},
	} {
		if spelling, line := p.Find(tt.key); spelling != tt.spelling || line != tt.line {
			t.Errorf("%s: %s on line %d, want %s on line %d", tt.key, spelling, line, tt.spelling, tt.line)
		}
	}
	if _, err := ReadPlaces(path + ".none"); err == nil || !strings.HasPrefix(err.Error(), "reading the config: "+path+".none: ") {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(path, []byte("a: [\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadPlaces(path); err == nil || !strings.HasPrefix(err.Error(), path+":") {
		t.Errorf("no YAML: %v", err)
	}
}
