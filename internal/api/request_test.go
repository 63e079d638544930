package api

import (
	"encoding/json"
	"errors"
	"testing"
)

// FuzzParseObject: what is taken is an object as encoding/json reads it, and
// what is refused is refused with a fault.
func FuzzParseObject(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"a":1,"b":[{"c":null}]}`, ` { "a" : "x" } `, `{"a":1,"a":2}`, `{"a":1}{}`, `[]`, `null`, `{"a`, "{\"\xff\":1}", `{"\ud800":1,"\ud801":2}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := parseObject(raw)
		if err != nil {
			var fault *fault
			if !errors.As(err, &fault) || fault.status != 400 {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatalf("took %q: %v", raw, err)
		}
		if len(got) != len(want) {
			t.Fatalf("%d members of %d in %q", len(got), len(want), raw)
		}
		for k, v := range want {
			if string(got[k]) != string(v) {
				t.Fatalf("%q: %q, want %q", k, got[k], v)
			}
		}
	})
}

func FuzzCheckName(f *testing.F) {
	for _, s := range []string{"a", "", " a", "a\nb", "Sécurité 🔒", "a\u202eb", "a\u00a0b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if checkName(name) != nil {
			return
		}
		for _, r := range name {
			if r < ' ' || r == 0x7f || r == 0x202e {
				t.Fatalf("took %q", name)
			}
		}
	})
}
