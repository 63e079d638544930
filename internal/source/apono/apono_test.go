package apono

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"accessrelay/internal/event"
	"accessrelay/internal/source"
)

func TestContract(t *testing.T) {
	p := New()
	if p.Name() != "apono" || !slices.Equal(p.Methods(), []string{"POST", "PUT", "DELETE"}) || p.EmptyReply() {
		t.Errorf("%s %v %t", p.Name(), p.Methods(), p.EmptyReply())
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct{ name, body, field string }{
		{"no event_type", `{"event_time":1,"data":{"id":"123"}}`, "event_type"},
		{"null event_type", `{"event_type":null,"data":{}}`, "event_type"},
		{"only in data", `{"data":{"event_type":"RequestCreated"}}`, "event_type"},
		{"other case", `{"Event_Type":"RequestCreated"}`, "event_type"},
		{"empty object", `{}`, "event_type"},
		{"not an object", `[]`, ""},
		{"a template that wrote no JSON", `{"event_type":"RequestCreated","data":{"justification":"a "quoted" word"}}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var env *source.EnvelopeError
			if err := New().Check([]byte(c.body)); !errors.As(err, &env) || env.Field != c.field {
				t.Errorf("Check: %v; want an *EnvelopeError of %q", err, c.field)
			}
		})
	}
	for _, body := range []string{
		`{"event_type":""}`, `{"event_type":0}`, `{"event_type":[]}`, `{"event_type":false,"data":null,"event_time":{}}`,
	} {
		if err := New().Check([]byte(body)); err != nil {
			t.Errorf("Check(%s): %v", body, err)
		}
	}
}

// The whole mapping, independent of the map that implements it.
func TestTriggers(t *testing.T) {
	want := map[string]event.Type{
		"RequestCreated":  "request.pending",
		"RequestApproved": "request.approved",
		"RequestRejected": "request.denied",
		"RequestGranted":  "grant.active",
		"RequestExpired":  "grant.expired",
		"RequestRevoked":  "grant.revoked",
		"RequestFailed":   "request.failed",
	}
	check := func(trigger string, typ event.Type) {
		e := normalize(fmt.Appendf(nil, `{"event_type":%q,"data":{"id":"r"}}`, trigger))
		if e.Type != typ {
			t.Errorf("%q gives %s, want %s", trigger, e.Type, typ)
		}
		if e.PlatformEvent != strings.TrimSpace(trigger) || e.Request == nil || e.Request.ID != "r" {
			t.Errorf("%q: platform event %q, request %+v", trigger, e.PlatformEvent, e.Request)
		}
	}
	for trigger, typ := range want {
		for _, prefix := range []string{"", "Access"} {
			check(prefix+trigger, typ)
			check(strings.ToLower(prefix+trigger), typ)
			check(strings.ToUpper(prefix+trigger), typ)
			check(" "+prefix+trigger+"\n", typ)
		}
	}
	for _, trigger := range strings.Fields(`Manual Request Access AccessRequest Created RequestPending RequestDenied RequestCancelled
		GrantExpired AccessGranted RequestsCreated RequestCreatedAccess AccessAccessRequestCreated access-request-created request.created`) {
		check(trigger, event.Unrecognized)
	}
}

// handlebars is what {{x}} does to x.
var handlebars = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#x27;", "`", "&#x60;", "=", "&#x3D;")

func reason(said string) string {
	e := normalize(source.SampleBody(fields{"event_type": "RequestCreated", "data": fields{"justification": said}}))
	if e.Request == nil {
		return ""
	}
	return e.Request.Reason
}

// Of whatever Handlebars escapes the same comes back, also of what looks like an
// escape already.
func TestEscapesAreUndoneOnce(t *testing.T) {
	for _, want := range []string{
		"plain", "R&D", "&", "&&amp;;", "&lt;", "&amp;lt;", "&amp;amp;amp;", `<a href="x?a=1&b='2'">`, "`id` = 'x'", "&#x27;", "&#39", "a & b &lt c",
		"&lt;&gt;&quot;&#x27;&#x60;&#x3D;&#x3d;&apos;",
	} {
		if got := reason(handlebars.Replace(want)); got != want {
			t.Errorf("%q comes back as %q", want, got)
		}
	}
}

func FuzzEscapes(f *testing.F) {
	f.Add(`<a href="x?a=1&b='2'">&lt;</a>`)
	f.Fuzz(func(t *testing.T, want string) {
		want = strings.TrimSpace(strings.ToValidUTF8(want, ""))
		if got := reason(handlebars.Replace(want)); got != want {
			t.Errorf("%q comes back as %q", want, got)
		}
	})
}

// A body cannot make an event many times its size.
func TestAccessIsBounded(t *testing.T) {
	size := func(e *event.Event) (n int) {
		for _, a := range e.Access {
			n += textSize(a)
		}
		return n
	}
	body := func(integration, unit string, units int) []byte {
		return fmt.Appendf(nil, `{"event_type":"RequestGranted","data":{"access_groups":{"integration":%q,"access_units":[%s]}}}`,
			integration, strings.TrimSuffix(strings.Repeat(unit+",", units), ","))
	}
	t.Run("what is ordinary is there in full", func(t *testing.T) {
		const units = 4000
		unit := `{"resource":{"id":"res-1","name":"DB 1","path":"prod db/res-1"},"permissions":[{"id":"ReadOnly"}]}`
		e := normalize(body("prod db", unit, units))
		if len(e.Access) != units || size(e) < headroom {
			t.Errorf("%d accesses of %d", len(e.Access), units)
		}
	})
	t.Run("a long name is not multiplied", func(t *testing.T) {
		b := body(strings.Repeat("x", 100_000), `{"permission":"p"}`, 2000)
		b = bytes.Replace(b, []byte(`"data":{`), []byte(`"data":{"approvals":"last",`), 1)
		e := normalize(b)
		if n, most := size(e), headroom+perBodyByte*len(b); n > most || n < most-110_000 {
			t.Errorf("%d accesses with %d bytes of text from %d", len(e.Access), n, len(b))
		}
		for _, a := range e.Access {
			if a.Integration == nil || a.Permission == nil {
				t.Fatalf("an access is not whole: %+v", a)
			}
		}
		if len(e.Approvals) != 1 {
			t.Errorf("what is not access went with it: %+v", e.Approvals)
		}
	})
	t.Run("nor are many permissions", func(t *testing.T) {
		b := body("prod db", `{"resource":"DB 1","permissions":["p"`+strings.Repeat(`,"p"`, 40_000)+`]}`, 1)
		e := normalize(b)
		if n, most := size(e), headroom+perBodyByte*len(b); n > most || n < most-200 {
			t.Errorf("%d accesses with %d bytes of text from %d", len(e.Access), n, len(b))
		}
	})
	t.Run("a small access does not come behind one that was left out", func(t *testing.T) {
		b := fmt.Appendf(nil, `{"event_type":"RequestGranted","access_groups":[{"integration":%q,"access_units":[{"permission":"p"}%s]},{"integration":"small"}]}`,
			strings.Repeat("x", 100_000), strings.Repeat(`,{"permission":"p"}`, 20))
		e := normalize(b)
		if last := e.Access[len(e.Access)-1]; len(e.Access) > 8 || last.Integration.Name == "small" {
			t.Errorf("%d accesses, the last of an integration with %d letters", len(e.Access), len(last.Integration.Name))
		}
	})
}
