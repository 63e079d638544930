package source

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestEnvelope(t *testing.T) {
	const (
		missing   = "required, but missing or null"
		notObject = "the body is JSON, but not an object"
		broken    = "the body is not one valid JSON object: the error is at byte "
		notUTF8   = "the body is not valid UTF-8"
		empty     = "the body is empty; it must be one JSON object"
	)
	for _, c := range []struct {
		name, body string
		field      string // of the error
		reason     string // "" = passes
	}{
		{"in order", `{"id":"i","name":"n","data":{}}`, "", ""},
		{"out of order, with more", `{"x":1,"data":{},"y":[1,{"id":null}],"name":"n","id":"i","z":null}`, "", ""},
		{"white space", " \r\n\t{ \"id\" : 1 ,\n\"name\":\ttrue , \"data\" : [ ] } \n", "", ""},
		{"wrong types pass", `{"id":{},"name":[],"data":0}`, "", ""},
		{"empty values pass", `{"id":"","name":{},"data":[]}`, "", ""},
		{"false and zero pass", `{"id":false,"name":0,"data":-1.5e3}`, "", ""},
		{"escaped key", `{"\u0069d":1,"n\u0061me":2,"data":3}`, "", ""},
		{"keys of other kinds nearby", `{"\"id\":1,":1,"id\\":2,"id":3,"name":"\"","data":"\\"}`, "", ""},
		{"brackets and quotes in text", `{"a":"}]{[\\\"","b":["]}\"",{"c":"{"}],"id":1,"name":"n}","data":{"d":"}"}}`, "", ""},
		{"lone surrogate", `{"id":"\ud800","name":"n","data":1}`, "", ""},
		{"last of a repeated key", `{"id":null,"id":1,"name":"n","data":1}`, "", ""},

		{"first missing", `{"name":"n","data":{}}`, "id", missing},
		{"the first of several", `{"data":{}}`, "id", missing},
		{"last missing", `{"id":1,"name":"n"}`, "data", missing},
		{"empty object", `{}`, "id", missing},
		{"null", `{"id":1,"name":null,"data":1}`, "name", missing},
		{"null repeats the key", `{"id":1,"name":"n","data":1,"data":null}`, "data", missing},
		{"only nested", `{"id":1,"name":"n","x":{"data":1},"y":[{"data":1}]}`, "data", missing},
		{"only as text", `{"id":1,"name":"data","x":"\"data\":1"}`, "data", missing},
		{"other case", `{"ID":1,"name":"n","data":1}`, "id", missing},
		{"longer key", `{"id":1,"name":"n","data ":1,"dataa":2,"dat":3}`, "data", missing},

		{"no bytes", ``, "", empty},
		{"blank", " \n", "", empty},
		{"array", `[{"id":1}]`, "", notObject},
		{"text", `"id"`, "", notObject},
		{"null body", ` null`, "", notObject},
		{"number", `1`, "", notObject},
		{"two objects", `{} {}`, "", broken + "4"},
		{"behind the object", `{"id":1}x`, "", broken + "9"},
		{"cut off", `{"id":1`, "", broken + "7"},
		{"comment", `{/**/}`, "", broken + "2"},
		{"trailing comma", `{"id":1,}`, "", broken + "9"},
		{"byte order mark", "\ufeff{}", "", broken + "1"},
		{"form", `id=1&name=n`, "", broken + "1"},
		{"broken UTF-8", "{\"id\":\"\xff\"}", "", notUTF8},
		{"surrogate as UTF-8", "{\"id\":\"\xed\xa0\x80\"}", "", notUTF8},
		{"UTF-16", "{\x00}\x00", "", broken + "2"},
		{"wide", `{"id":[` + strings.Repeat(`{},`, 10_000) + `"{[\"["],"name":1,"data":2}`, "", ""},
		{"deep", `{"id":1,"name":2,"data":` + nested(maxDepth-1) + `}`, "", ""},
		{"a level too deep", `{"id":1,"name":2,"data":` + nested(maxDepth) + `}`, "", "the body nests deeper than 9900 levels"},
		{"too deep for any reader", `{"id":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`, "", broken + "10006"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := Envelope([]byte(c.body), "id", "name", "data")
			if c.reason == "" {
				if err != nil {
					t.Fatalf("Envelope: %v", err)
				}
				return
			}
			var env *EnvelopeError
			if !errors.As(err, &env) {
				t.Fatalf("Envelope: %v, want an *EnvelopeError", err)
			}
			if env.Field != c.field || env.Reason != c.reason {
				t.Errorf("Envelope: %q, %q; want %q, %q", env.Field, env.Reason, c.field, c.reason)
			}
		})
	}
}

func nested(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }

// What is accepted must be readable wherever the event is written with it.
func TestTheDeepestBodyIsReadBackInsideAnEvent(t *testing.T) {
	body := []byte(`{"id":` + nested(maxDepth-1) + `}`)
	if err := Envelope(body, "id"); err != nil {
		t.Fatal(err)
	}
	sent, err := json.Marshal(map[string]any{"data": map[string]any{"raw": json.RawMessage(body)}})
	if err != nil {
		t.Fatal(err)
	}
	var read struct{ Data struct{ Raw json.RawMessage } }
	if err := json.Unmarshal(sent, &read); err != nil || string(read.Data.Raw) != string(body) {
		t.Errorf("reading it back: %v", err)
	}
}

func TestEnvelopeErrorHoldsNoContent(t *testing.T) {
	for _, body := range []string{`{"a":hunter2}`, `hunter2`, "{\"hunter2\xff\":1}", `{"hunter2":1}`, `"hunter2"`, `{"a":"x" h}`} {
		err := Envelope([]byte(body), "id")
		if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "'h'") {
			t.Errorf("Envelope(%q): %v", body, err)
		}
	}
	if err := Envelope([]byte(`{}`), "eventType"); err == nil || !strings.HasPrefix(err.Error(), "eventType: ") {
		t.Errorf("the error does not name the field: %v", err)
	}
}

func TestEnvelopeWithoutRequirements(t *testing.T) {
	if err := Envelope([]byte(`{"a":[]}`)); err != nil {
		t.Error(err)
	}
}

// What encoding/json allocates to check the syntax it takes from a pool, which
// no test can count on.
func TestPresentKeysAllocatesNothing(t *testing.T) {
	body, required := []byte(benchBody), []string{"id", "name", "eventType", "data"}
	var present uint64
	if n := testing.AllocsPerRun(100, func() { present = presentKeys(body, required) }); n > 0 || present != 0b1111 {
		t.Errorf("%v allocations, keys %b", n, present)
	}
}

// Envelope says the same as decoding the whole body would.
func FuzzEnvelope(f *testing.F) {
	f.Add([]byte(`{"id":"i","name":null,"\u0064ata":{"id":[1,"]"]},"x":"\\\""}`))
	f.Add([]byte(` {"data":1,"data":null , "id" : -1e5}`))
	f.Add([]byte(`{"a":"\\\\\"","":[[],{}],"id":false}`))
	f.Add([]byte("{\"id\":\"\xff\"}"))
	f.Add([]byte(`[{"id":1}]`))
	f.Add([]byte(`{"id":1e400}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var all map[string]*json.RawMessage // nil for null
		whole := utf8.Valid(body) && json.Unmarshal(body, &all) == nil && all != nil && !deeper(body, maxDepth)
		for _, key := range []string{"id", "name", "data", ""} {
			want := whole && all[key] != nil
			if err := Envelope(body, key); want != (err == nil) {
				t.Fatalf("Envelope with %q required: %v; decoding the whole says %t", key, err, want)
			}
		}
		if err := Envelope(body); whole != (err == nil) {
			t.Fatalf("Envelope: %v; decoding the whole says %t", err, whole)
		}
		want := whole && (all["id"] != nil || all["name"] != nil)
		if err := EnvelopeAny(body, "id", "name"); want != (err == nil) {
			t.Fatalf("EnvelopeAny: %v; decoding the whole says %t", err, want)
		}
	})
}

const benchBody = `{
  "id": "my-notifier-service",
  "name": "My Notifier Service",
  "eventType": "preapproval-created",
  "data": {
    "id": "07ZmVeUxSc4LyhrGhlzK", "type": "ssh", "access": "session",
    "permission": {"name": "demo-node-1", "description": "sudo SSH access to demo-node-1 in AWS account Dev Stack"},
    "startsAt": 782735400000, "endsAt": 782735400000, "createdAt": 782735400000,
    "principal": "john.smith@p0.dev",
    "approver": {"id": "john.smith@p0.dev", "name": "John Smith", "email": "john.smith@p0.dev"},
    "reason": "Need to give a big customer a fancy demo"
  }
}`

func BenchmarkEnvelope(b *testing.B) {
	body, required := []byte(benchBody), []string{"id", "name", "eventType", "data"}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if err := Envelope(body, required...); err != nil {
			b.Fatal(err)
		}
	}
}

func TestEnvelopeAny(t *testing.T) {
	const missing = "required under one of the names type, event, but missing or null"
	for _, c := range []struct{ body, field, reason string }{
		{`{"type":1}`, "", ""},
		{`{"event":""}`, "", ""},
		{`{"type":null,"event":{}}`, "", ""},
		{`{"type":"x","event":null}`, "", ""},
		{`{"event":null,"event":1}`, "", ""},
		{`{"ev\u0065nt":1}`, "", ""},
		{`{}`, "type", missing},
		{`{"type":null}`, "type", missing},
		{`{"type":1,"type":null,"event":null}`, "type", missing},
		{`{"Type":1,"data":{"type":1},"events":1}`, "type", missing},
		{`[]`, "", "the body is JSON, but not an object"},
		{``, "", "the body is empty; it must be one JSON object"},
	} {
		err := EnvelopeAny([]byte(c.body), "type", "event")
		if c.reason == "" {
			if err != nil {
				t.Errorf("%s: %v", c.body, err)
			}
			continue
		}
		var env *EnvelopeError
		if !errors.As(err, &env) || env.Field != c.field || env.Reason != c.reason {
			t.Errorf("%s: %v; want %q, %q", c.body, err, c.field, c.reason)
		}
	}
}
