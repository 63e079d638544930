package api_test

import (
	"encoding/json"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"accessrelay/internal/api"
	"accessrelay/internal/catalog"
	"accessrelay/internal/event"
	"accessrelay/internal/openapi"
	"accessrelay/internal/source/canonical"
)

func TestDescription(t *testing.T) {
	h := start(t)
	for _, key := range []string{"", "-"} {
		got := h.do(request{method: "GET", path: "/openapi.yaml?any", key: key, tenant: key})
		if got.status != 200 || got.body != strings.TrimSpace(string(openapi.Document())) || got.header.Get("Content-Type") != "application/yaml" {
			t.Errorf("%d %v %d bytes", got.status, got.header, len(got.body))
		}
	}
	if got := h.do(request{method: "HEAD", path: "/openapi.yaml", key: "-"}); got.status != 200 || got.body != "" || got.header.Get("Content-Length") == "" {
		t.Errorf("HEAD: %d %v %q", got.status, got.header, got.body)
	}
}

// routes are what the router serves, with a path for every channel type.
func routes(t *testing.T) []string {
	t.Helper()
	router, ok := api.New(api.Config{}).(chi.Routes)
	if !ok {
		t.Fatal("the API is no router")
	}
	var out []string
	err := chi.Walk(router, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if before, ok := strings.CutSuffix(route, "{type}"); ok {
			for _, k := range kinds {
				out = append(out, method+" "+before+k.Slug())
			}
			return nil
		}
		out = append(out, method+" "+route)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// TestRoutesAreDescribed: what the router serves is what the description has.
func TestRoutesAreDescribed(t *testing.T) {
	var want []string
	for _, op := range described.Operations() {
		if !strings.Contains(op, " /v1/hooks/") {
			want = append(want, op)
		}
	}
	slices.Sort(want)
	if got := routes(t); !slices.Equal(got, want) {
		t.Errorf("served:    %s\ndescribed: %s", strings.Join(got, "\n           "), strings.Join(want, "\n           "))
	}
}

// TestEnumerations: what the description enumerates is all that there is.
func TestEnumerations(t *testing.T) {
	texts := func(n int, at func(int) string) (out []string) {
		for i := range n {
			out = append(out, at(i))
		}
		return out
	}
	types, publishable, states := event.Types(), canonical.Types(), event.States()
	var groups []string
	for _, typ := range types {
		if group, _, ok := strings.Cut(string(typ), "."); ok && !slices.Contains(groups, group+".*") {
			groups = append(groups, group+".*")
		}
	}
	for schema, want := range map[string][]string{
		"EventType":       texts(len(types), func(i int) string { return string(types[i]) }),
		"PublishableType": texts(len(publishable), func(i int) string { return string(publishable[i]) }),
		"EventGroup":      groups,
		"State":           texts(len(states), func(i int) string { return string(states[i]) }),
		"ChannelType":     catalog.ChannelTypes(),
	} {
		got := described.Enum(schema)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: described %v, there are %v", schema, got, want)
		}
	}
	for _, path := range append(event.RedactPaths(), "raw.a.b-c.0") {
		if err := described.Valid("Redact", `["`+path+`"]`); err != nil {
			t.Errorf("redact %s: %v", path, err)
		}
	}
	for _, path := range []string{"id", "requests", "request.Reason", "raw.", "$.request", "access[0].resource"} {
		if described.Valid("Redact", `["`+path+`"]`) == nil {
			t.Errorf("redact %s is described as right", path)
		}
	}
}

// TestEventIsDescribed: the canonical event and the webhook that carries it have
// the keys that are described, no more and no less.
func TestEventIsDescribed(t *testing.T) {
	const facts = `"platform_event":"e","occurred_at":"2026-01-01T00:00:00.1Z",
		"request":{"id":"i","display_id":"d","reason":"r","url":"u"},"requester":{"id":"i","name":"n","email":"e"},"grantee":{"id":"i","name":"n","email":"e"},
		"access":[{"integration":{"id":"i","name":"n","type":"t"},"resource":{"id":"i","name":"n","path":"p","type":"t"},"permission":{"id":"i","name":"n","description":"d"}}],
		"approvals":[{"name":"n","type":"t","status":"s","approver":{"id":"i","name":"n","email":"e"},"comment":"c"}],
		"window":{"starts_at":"2026-01-01T00:00:00Z","ends_at":"2026-01-01T00:00:00Z"},"error":{"id":"i","type":"t","message":"m"}`
	full := `{"id":"evt_06h02p513g5bywchr2ns19rrp0","type":"grant.active","tenant_id":"` + acme + `","source":"s","platform":"p",` +
		`"received_at":"2026-01-01T00:00:00Z",` + facts + `,"raw":[1.0]}`
	var ev event.Event
	dec := json.NewDecoder(strings.NewReader(full))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&ev); err != nil {
		t.Fatal(err)
	}
	var walk func(v reflect.Value, at string)
	walk = func(v reflect.Value, at string) {
		if v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		if v.Kind() == reflect.Slice && v.Type() != reflect.TypeFor[json.RawMessage]() {
			v = v.Index(0)
		}
		if v.Kind() != reflect.Struct || v.Type() == reflect.TypeFor[time.Time]() {
			if v.IsZero() {
				t.Errorf("%s is not in the test's event", at)
			}
			return
		}
		for i := range v.NumField() {
			walk(v.Field(i), at+"."+v.Type().Field(i).Name)
		}
	}
	walk(reflect.ValueOf(ev), "event")
	out, err := json.Marshal(ev)
	if err != nil {
		t.Fatal(err)
	}
	for what, body := range map[string]string{
		"Event": string(out), "Envelope": `{"type":"grant.active","timestamp":"2026-01-01T00:00:00.1Z","data":` + string(out) + `}`,
		"PublishedEvent": `{"type":"grant.active","timestamp":"2026-01-01T01:00:00+01:00","data":` + string(out) + `}`,
	} {
		if err := described.Valid(what, body); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if more := strings.Replace(body, `"reason"`, `"ground"`, 1); described.Valid(what, more) == nil {
			t.Errorf("%s: a key that there is not is described as right", what)
		}
	}
}

// TestExamplesWork: what the description shows as a body is taken.
func TestExamplesWork(t *testing.T) {
	h := start(t)
	id := h.create("generic-webhook", `{"name":"a","url":"`+webhookURL+`"}`)
	examples := described.Examples()
	taken := 0
	for _, e := range examples {
		method, path, _ := strings.Cut(e.Operation, " ")
		if strings.HasPrefix(path, "/v1/hooks/") {
			continue
		}
		got := h.do(request{method: method, path: strings.Replace(path, "{id}", id, 1), body: e.Body})
		if taken++; got.status >= 300 {
			t.Errorf("%s, %s: %d %s", e.Operation, e.Name, got.status, got.body)
		}
	}
	if taken < 10 {
		t.Errorf("only %d examples", taken)
	}
}

// TestManualHasTheRoutes: the table of calls in the manual is the router's.
func TestManualHasTheRoutes(t *testing.T) {
	manual, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, m := range regexp.MustCompile("(?m)^\\| `((?:GET|POST|PUT|DELETE) /[^`]*)` \\|").FindAllStringSubmatch(string(manual), -1) {
		listed = append(listed, m[1])
	}
	var served []string
	for _, r := range routes(t) {
		for _, k := range kinds {
			r = strings.Replace(r, "/"+k.Slug(), "/{type}", 1)
		}
		served = append(served, r)
	}
	slices.Sort(served)
	slices.Sort(listed)
	if served = slices.Compact(served); !slices.Equal(listed, served) {
		t.Errorf("the manual has\n%s\nserved is\n%s", strings.Join(listed, "\n"), strings.Join(served, "\n"))
	}
}

// TestManualShowsWhatIsDescribed: the answers in the manual are as the description
// has them.
func TestManualShowsWhatIsDescribed(t *testing.T) {
	manual, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, m := range regexp.MustCompile("(?s)```json\n(.*?)\n```").FindAllStringSubmatch(string(manual), -1) {
		text := m[1]
		if strings.Contains(text, "[…]") {
			continue
		}
		schema := "AcceptedEvent"
		for _, known := range []struct{ mark, schema string }{
			{`"errorId"`, "Error"}, {`"event_id"`, "DeliveryPage"}, {`"deliveries"`, "Receipt"}, {`{"data":[{"id":"c`, "ChannelPage"}, {`"managed_by"`, "Channel"},
		} {
			if strings.Contains(text, known.mark) {
				schema = known.schema
				break
			}
		}
		if seen[schema]++; described.Valid(schema, text) != nil {
			t.Errorf("%v: %s", described.Valid(schema, text), text)
		}
	}
	for _, schema := range []string{"AcceptedEvent", "Error", "DeliveryPage", "Receipt", "ChannelPage", "Channel"} {
		if seen[schema] == 0 {
			t.Errorf("the manual shows no %s: %v", schema, seen)
		}
	}
}

// TestManualHasTheCodes: the manual's table of errors and the description name
// the same codes.
func TestManualHasTheCodes(t *testing.T) {
	manual, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| [45]\\d\\d \\| `([a-z_]+)` \\|").FindAllStringSubmatch(string(manual), -1) {
		listed[m[1]] = true
	}
	_, rest, _ := strings.Cut(string(openapi.Document()), "stays the same for good.\n          enum:\n")
	enum, _, _ := strings.Cut(rest, "        message:")
	codes := 0
	for line := range strings.Lines(enum) {
		code := strings.TrimPrefix(strings.TrimSpace(line), "- ")
		if codes++; !listed[code] {
			t.Errorf("the manual lacks %s", code)
		}
		delete(listed, code)
	}
	if codes < 10 || len(listed) > 0 {
		t.Errorf("%d codes; the description lacks %v", codes, listed)
	}
}
