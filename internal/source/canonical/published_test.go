package canonical

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/event"
	"accessrelay/internal/source"
	"accessrelay/internal/sourcetest"
)

var goldens = sourcetest.Want{Goldens: 34}

func normalize(body []byte) *event.Event { return sourcetest.Normalize(Published{}, body) }

func TestPlatform(t *testing.T) { sourcetest.Run(t, sampled{}, goldens) }

func FuzzCheck(f *testing.F) { sourcetest.FuzzCheck(f, sampled{}, "type") }

func FuzzNormalize(f *testing.F) { sourcetest.FuzzNormalize(f, sampled{}) }

// sampled is the platform with an event of each type to be tested with.
type sampled struct{ Published }

func (sampled) Samples() []source.Sample {
	var out []source.Sample
	for _, t := range Types() {
		out = append(out, source.Sample{
			Name:  strings.NewReplacer(".", "-", "_", "-").Replace(string(t)),
			Event: t,
			Body:  func(unique string) []byte { return sample(t, unique) },
		})
	}
	return out
}

func sample(t event.Type, unique string) []byte {
	type object map[string]any
	return source.SampleBody(object{
		keyType: t, keyTimestamp: "2026-01-15T09:30:00Z",
		keyData: object{
			"request":   object{"id": "req-" + unique, "reason": "Rotate the database password"},
			"requester": object{"name": "On-call engineer", "email": "on-call-engineer@example.com"},
			"access": []object{{
				"resource":   object{"id": "db-1", "name": "orders", "type": "database"},
				"permission": object{"name": "admin"},
			}},
		},
	})
}

// What Read takes, the platform makes of it exactly the type that was sent, with
// every fact that Read found and all that was sent as raw.
func checkRead(t *testing.T, body []byte) {
	t.Helper()
	said, err := Read(body)
	if err != nil {
		var envelope *source.EnvelopeError
		var invalid *InvalidError
		if !errors.As(err, &envelope) && (!errors.As(err, &invalid) || len(invalid.Fields) == 0) {
			t.Fatalf("Read: %v", err)
		}
		return
	}
	if err := (Published{}).Check(body); err != nil {
		t.Fatalf("Read takes what Check refuses: %v", err)
	}
	var top struct{ Type event.Type }
	if err := json.Unmarshal(body, &top); err != nil || !slices.Contains(Types(), said.Type) {
		t.Fatalf("Read takes the type %q (%v)", said.Type, err)
	}
	e := normalize(body)
	if e.Type != said.Type || !bytes.Equal(e.Raw, body) {
		t.Fatalf("sent %s, got %s with raw %s", said.Type, e.Type, e.Raw)
	}
	said.ID, said.TenantID, said.Source, said.Platform = e.ID, e.TenantID, e.Source, e.Platform
	said.ReceivedAt, said.Raw, said.PlatformEvent = e.ReceivedAt, e.Raw, e.PlatformEvent
	if !reflect.DeepEqual(&said, e) {
		t.Fatalf("read %+v, normalised %+v", said, e)
	}
	written, err := json.Marshal(e)
	if err != nil {
		t.Fatalf("the event cannot be written: %v", err)
	}
	// The relay's own webhook sends the event so. Another relay takes it.
	sent := fmt.Appendf(nil, `{"type":%q,"timestamp":%q,"data":%s}`, e.Type, e.At().Format(time.RFC3339Nano), written)
	again, err := Read(sent)
	var tooDeep *source.EnvelopeError
	if errors.As(err, &tooDeep) {
		return // by the two levels around raw
	}
	if err != nil {
		t.Fatalf("what the relay sends is refused: %v\n%s", err, sent)
	}
	if !reflect.DeepEqual(again.Request, e.Request) || !reflect.DeepEqual(again.Access, e.Access) ||
		!reflect.DeepEqual(again.Approvals, e.Approvals) || !reflect.DeepEqual(again.Window, e.Window) ||
		again.Type != e.Type || again.PlatformEvent != e.PlatformEvent || !again.OccurredAt.Equal(e.At()) {
		t.Fatalf("forwarded it is %+v, was %+v", again, e)
	}
}

func FuzzRead(f *testing.F) {
	for _, body := range sourcetest.Bodies(f, goldens) {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) { checkRead(t, body) })
}

// The goldens' names say which of them Read takes, and which only a worker meets.
func TestReadOfGoldens(t *testing.T) {
	for name, body := range sourcetest.Bodies(t, goldens) {
		_, err := Read(body)
		refused := strings.HasPrefix(name, "unread_") || strings.HasPrefix(name, "tolerated_")
		if (err != nil) != refused {
			t.Errorf("%s: %v", name, err)
		}
		checkRead(t, body)
	}
	for _, s := range (sampled{}).Samples() {
		if _, err := Read(s.Body("1")); err != nil {
			t.Errorf("sample %s: %v", s.Name, err)
		}
	}
}

func TestTypes(t *testing.T) {
	own := []event.Type{event.Unrecognized, event.Test, event.ChannelDisabled}
	if got, want := len(Types()), len(event.Types())-len(own); got != want {
		t.Errorf("%d types can be published, want %d", got, want)
	}
	for _, typ := range own {
		if slices.Contains(Types(), typ) {
			t.Errorf("%s can be published", typ)
		}
	}
	// Whatever the relay comes to say of itself.
	if refusal("relay.started") == "" {
		t.Error("relay.started can be published")
	}
}

// Every key of the canonical event is read, also one that is added to it.
func TestReadTakesEveryKey(t *testing.T) {
	var whole event.Event
	complete(t, reflect.ValueOf(&whole).Elem())
	whole.Type, whole.Raw = event.GrantActive, json.RawMessage(`{"x":null}`)
	data, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	said, err := Read(fmt.Appendf(nil, `{"type":"grant.active","data":%s}`, data))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(said, whole) {
		t.Errorf("read %+v, sent %+v", said, whole)
	}
}

// complete gives every field a value.
func complete(t *testing.T, v reflect.Value) {
	t.Helper()
	if at, ok := v.Addr().Interface().(*time.Time); ok {
		*at = time.Date(2026, 1, 15, 9, 30, 0, 5, time.UTC)
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		complete(t, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			if v.Type().Elem().Kind() != reflect.Uint8 {
				complete(t, v.Index(i))
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			complete(t, v.Field(i))
		}
	default:
		t.Fatalf("no example of a %s", v.Type())
	}
}

func TestReadRefuses(t *testing.T) {
	const (
		object = "must be an object"
		text   = "must be a string"
		rfc    = "must be a time in RFC 3339"
		null   = "must not be null"
		twice  = "is given twice"
		nokey  = "is not a key here; the keys are "
	)
	type want map[string]string // field to the beginning of what is wrong with it
	data := func(s string) string { return `{"type":"grant.active","data":` + s + `}` }
	at := func(s string) string { return `{"type":"grant.active","timestamp":` + s + `}` }
	for _, c := range []struct {
		name, body string
		want       want
	}{
		{"nothing", `{}`, want{"type": "is required"}},
		{"no type", `{"data":{}}`, want{"type": "is required"}},
		{"an empty type", `{"type":""}`, want{"type": "is required"}},
		{"type null", `{"type":null}`, want{"type": null}},
		{"type of a number", `{"type":1}`, want{"type": text}},
		{"type of a list", `{"type":["grant.active"]}`, want{"type": text}},
		{"type unknown", `{"type":"grant.borrowed"}`, want{"type": "is not a type of event; the types are request.pending, "}},
		{"a filter as type", `{"type":"grant.*"}`, want{"type": "is not a type"}},
		{"type in capitals", `{"type":"GRANT.ACTIVE"}`, want{"type": "is not a type"}},
		{"type with a blank", `{"type":"grant.active "}`, want{"type": "is not a type"}},
		{"type test", `{"type":"test"}`, want{"type": "is the relay's own"}},
		{"type of the relay", `{"type":"relay.channel_disabled"}`, want{"type": "is the relay's own"}},
		{"type of a later relay", `{"type":"relay.started"}`, want{"type": "is the relay's own"}},
		{"unrecognized", `{"type":"unrecognized"}`, want{"type": "is what the relay calls"}},
		{"type twice", `{"type":"grant.active","type":"grant.active"}`, want{"type": twice}},
		{"type twice, once escaped", `{"type":"grant.active","\u0074ype":"grant.active"}`, want{"type": twice}},
		{"keys in another case", `{"Type":"grant.active","DATA":{}}`, want{"type": "is required", "Type": nokey + "type, timestamp, data", "DATA": nokey}},
		{"a flat event", `{"type":"grant.active","request":{"id":"1"},"occurred_at":"2026-01-15T09:30:00Z"}`, want{"request": nokey, "occurred_at": nokey}},
		{"an empty key", `{"type":"grant.active","":1}`, want{"": nokey}},

		{"timestamp of a number", at(`1768469400`), want{"timestamp": rfc}},
		{"timestamp null", at(`null`), want{"timestamp": null}},
		{"timestamp empty", at(`""`), want{"timestamp": rfc}},
		{"timestamp without a zone", at(`"2026-01-15T09:30:00"`), want{"timestamp": rfc}},
		{"timestamp of a day", at(`"2026-01-15"`), want{"timestamp": rfc}},
		{"timestamp with a blank", at(`"2026-01-15 09:30:00Z"`), want{"timestamp": rfc}},
		{"timestamp with a comma", at(`"2026-01-15T09:30:00,5Z"`), want{"timestamp": rfc}},
		{"timestamp with an hour of one digit", at(`"2026-01-15T9:30:00Z"`), want{"timestamp": rfc}},
		{"no such day", at(`"2026-02-29T09:30:00Z"`), want{"timestamp": rfc}},
		{"no such hour", at(`"2026-01-15T24:00:00Z"`), want{"timestamp": rfc}},
		{"no such zone", at(`"2026-01-15T09:30:00+24:00"`), want{"timestamp": rfc}},
		{"year 0", at(`"0000-12-31T23:59:59Z"`), want{"timestamp": rfc}},
		{"year 0 in UTC", at(`"0001-01-01T00:00:00+00:01"`), want{"timestamp": rfc}},
		{"year 10000 in UTC", at(`"9999-12-31T23:59:59-00:01"`), want{"timestamp": rfc}},
		{"year of five digits", at(`"10000-01-01T00:00:00Z"`), want{"timestamp": rfc}},

		{"data null", data(`null`), want{"data": null}},
		{"data of text", data(`"{}"`), want{"data": object}},
		{"data a list", data(`[{}]`), want{"data": object}},
		{"data twice", `{"type":"grant.active","data":{},"data":{}}`, want{"data": twice}},
		{"a misspelt key", data(`{"requestor":{"id":"1"}}`), want{"data.requestor": nokey + "id, type, tenant_id, source, platform, platform_event, occurred_at, received_at, request, requester, grantee, access, approvals, window, error, raw"}},
		{"a misspelt key further in", data(`{"requester":{"mail":"x"}}`), want{"data.requester.mail": nokey + "id, name, email"}},
		{"a key of a list's object", data(`{"access":[{},{"resource":{"arn":"x"}}]}`), want{"data.access[1].resource.arn": nokey + "id, name, path, type"}},
		{"a person of text", data(`{"requester":"jane"}`), want{"data.requester": object}},
		{"a person null", data(`{"grantee":null}`), want{"data.grantee": null}},
		{"an id of a number", data(`{"request":{"id":7}}`), want{"data.request.id": text}},
		{"an id null", data(`{"request":{"id":null}}`), want{"data.request.id": null}},
		{"access an object", data(`{"access":{"resource":{}}}`), want{"data.access": "must be an array"}},
		{"access of text", data(`{"access":["x"]}`), want{"data.access[0]": object}},
		{"access of null", data(`{"access":[null]}`), want{"data.access[0]": null}},
		{"a list in a list", data(`{"approvals":[[]]}`), want{"data.approvals[0]": object}},
		{"an approver", data(`{"approvals":[{"approver":{"id":[]}}]}`), want{"data.approvals[0].approver.id": text}},
		{"a window's time", data(`{"window":{"starts_at":0,"ends_at":"soon"}}`), want{"data.window.starts_at": rfc, "data.window.ends_at": rfc}},
		{"a key twice", data(`{"request":{"id":"1","id":"1"}}`), want{"data.request.id": twice}},
		{"an object twice", data(`{"request":{},"request":{}}`), want{"data.request": twice}},
		{"another type", data(`{"type":"grant.revoked"}`), want{"data.type": "is not the type beside data"}},
		{"identity of wrong types", data(`{"id":1,"tenant_id":{},"source":[],"platform":true,"received_at":"now","occurred_at":5,"type":6}`),
			want{"data.id": text, "data.tenant_id": text, "data.source": text, "data.platform": text, "data.received_at": rfc, "data.occurred_at": rfc, "data.type": text}},
		{"several", `{"type":"grant.borrowed","timestamp":"now","data":{"colour":"red","error":[]}}`,
			want{"type": "is not a type", "timestamp": rfc, "data.colour": nokey, "data.error": object}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read([]byte(c.body))
			var invalid *InvalidError
			if !errors.As(err, &invalid) {
				t.Fatalf("Read: %v", err)
			}
			for field, what := range c.want {
				if got := invalid.Fields[field]; !strings.HasPrefix(got, what) || got == "" {
					t.Errorf("%s %q, want %q", field, got, what)
				}
			}
			if len(invalid.Fields) != len(c.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestReadRefusesWhatIsNoObject(t *testing.T) {
	deep := strings.Repeat(`[`, 9900) + strings.Repeat(`]`, 9900)
	for _, body := range []string{
		``, `null`, `[]`, `"grant.active"`, `{`, `{} {}`, `{"type":}`, "{\"type\":\"\xff\"}", "\xef\xbb\xbf{}",
		`{"type":"grant.active","data":{"raw":` + deep + `}}`,
	} {
		var envelope *source.EnvelopeError
		if _, err := Read([]byte(body)); !errors.As(err, &envelope) {
			t.Errorf("%.40q: %v", body, err)
		}
	}
}

// Nothing of the body is told but keys, and of those not more than can be read.
func TestErrorsAreShortAndSayNothing(t *testing.T) {
	var b strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&b, `"%s%d":"hunter2",`, strings.Repeat("é", 100-i%50), i)
	}
	many := b.String()
	for _, body := range []string{
		`{` + many + `"type":"hunter2","timestamp":"hunter2","data":"hunter2"}`,
		`{"type":"grant.active","data":{` + many + `"request":"hunter2","access":["hunter2"],"type":"hunter2"}}`,
	} {
		_, err := Read([]byte(body))
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Fatalf("%v", err)
		}
		if n := len(err.Error()); n > 16<<10 {
			t.Errorf("an error of %d bytes", n)
		}
		var invalid *InvalidError
		if errors.As(err, &invalid) && strings.HasPrefix(body, `{"é`) && (invalid.Fields["type"] == "" || invalid.Fields["data"] == "") {
			t.Error("what decides is not told")
		}
	}
}

func TestOwn(t *testing.T) {
	for _, name := range Names() {
		if p, ok := Own(name); !ok || p.Name() != name {
			t.Errorf("Own(%s) = %v, %t", name, p, ok)
		}
	}
	for _, name := range []string{"", "p0", "API", "Relay"} {
		if p, ok := Own(name); ok {
			t.Errorf("Own(%q) = %v", name, p)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	body := sourcetest.Golden(b, "forwarded_from_another_relay")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(body); err != nil {
			b.Fatal(err)
		}
	}
}
