package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// hookTest is one request and its answer. spoil makes of a good request what is
// to be refused.
type hookTest struct {
	name    string
	spoil   func(*http.Request)
	status  int
	code    string
	header  [2]string // of the answer: a name, and what its value must hold
	message string    // what the message must hold
	outcome string    // of the metric
}

func body(s string) func(*http.Request) {
	return func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(s)), int64(len(s))
	}
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Del(name)
		if value != "" {
			r.Header.Set(name, value)
		}
	}
}

func token(r *relay, change func(claims)) func(*http.Request) {
	return func(req *http.Request) {
		c := goodClaims()
		change(c)
		req.Header.Set("Authorization", "Bearer "+r.signer.sign(c))
	}
}

func both(fs ...func(*http.Request)) func(*http.Request) {
	return func(r *http.Request) {
		for _, f := range fs {
			f(r)
		}
	}
}

const (
	hooksMaxBody = 4096
	envelope     = `"id":"n","name":"N","eventType":"preapproval-created","data":{}`
)

// hookTests are the rows of the table of answers, each with all that comes
// before it in order and, where it matters, something later wrong as well.
func hookTests(r *relay) []hookTest {
	stranger := newSigner(r.t)
	large := body(`{"pad":"` + strings.Repeat("x", hooksMaxBody) + `",` + envelope + `}`)
	noToken := header("Authorization", "")
	path := func(p string) func(*http.Request) { return func(r *http.Request) { r.URL.Path = p } }
	method := func(m string) func(*http.Request) { return func(r *http.Request) { r.Method = m } }
	text := header("Content-Type", "text/plain")
	unauthenticated := func(name string, spoil func(*http.Request)) hookTest {
		return hookTest{name, spoil, 401, "unauthenticated", [2]string{"WWW-Authenticate", "Bearer"}, "", "unauthenticated"}
	}
	malformed := func(name, b, message string) hookTest {
		return hookTest{name, body(b), 400, "malformed", [2]string{}, message, "malformed"}
	}
	return []hookTest{
		{"no such source, all else wrong", both(path("/v1/hooks/acme-p1"), method("GET"), text, noToken), 404, "not_found", [2]string{}, "", ""},
		{"a longer path", path("/v1/hooks/acme-p0/more"), 404, "not_found", [2]string{}, "", ""},
		{"no source", path("/v1/hooks/"), 404, "not_found", [2]string{}, "", ""},
		{"GET, all else wrong", both(method("GET"), text, noToken), 405, "method_not_allowed", [2]string{"Allow", "POST"}, "", "method_not_allowed"},
		{"PUT", method("PUT"), 405, "method_not_allowed", [2]string{"Allow", "POST"}, "", "method_not_allowed"},
		{"a method of one's own", method("BREW"), 405, "method_not_allowed", [2]string{"Allow", "POST"}, "", "method_not_allowed"},
		{"text, all else wrong", both(text, large, noToken), 415, "unsupported_media_type", [2]string{}, "", "unsupported_media"},
		{"no type", header("Content-Type", ""), 415, "unsupported_media_type", [2]string{}, "", "unsupported_media"},
		{"a JSON dialect", header("Content-Type", "application/json-patch+json"), 415, "unsupported_media_type", [2]string{}, "", "unsupported_media"},
		{"gzip", header("Content-Encoding", "gzip"), 415, "unsupported_media_type", [2]string{}, "", "unsupported_media"},
		{"identity", header("Content-Encoding", "identity"), 415, "unsupported_media_type", [2]string{}, "", "unsupported_media"},
		{"too large, unauthenticated", both(large, noToken), 413, "too_large", [2]string{}, "", "too_large"},
		{"too large, of unknown length", both(large, func(r *http.Request) { r.ContentLength = -1 }), 413, "too_large", [2]string{}, "", "too_large"},
		unauthenticated("no token, malformed", both(noToken, body("{"))),
		unauthenticated("another scheme", header("Authorization", "Basic cmVsYXk6c2VjcmV0")),
		unauthenticated("no JWT", header("Authorization", "Bearer secret")),
		unauthenticated("another's signature", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+stranger.token()) }),
		unauthenticated("a changed signature", func(r *http.Request) {
			h := r.Header.Get("Authorization")
			r.Header.Set("Authorization", h[:len(h)-8]+"AAAAAAAA")
		}),
		unauthenticated("alg none", func(req *http.Request) {
			req.Header.Set("Authorization", "Bearer "+segment(r.t, claims{"alg": "none"})+"."+segment(r.t, goodClaims())+".AA")
		}),
		unauthenticated("another issuer", token(r, func(c claims) { c["iss"] = "p1" })),
		unauthenticated("another audience", token(r, func(c claims) { c["aud"] = []string{"others"} })),
		unauthenticated("another subject", token(r, func(c claims) { delete(c, "sub") })),
		unauthenticated("expired", token(r, func(c claims) { c["exp"] = time.Now().Add(-time.Hour).Unix() })),
		unauthenticated("no expiry", token(r, func(c claims) { delete(c, "exp") })),
		unauthenticated("for ever", token(r, func(c claims) { c["exp"] = 0 })),
		unauthenticated("two tokens", func(req *http.Request) { req.Header.Add("Authorization", "Bearer "+r.signer.token()) }),
		malformed("no body", "", ""),
		malformed("no JSON", "{", ""),
		malformed("a list", `[{`+envelope+`}]`, ""),
		malformed("two objects", `{`+envelope+`}{}`, ""),
		malformed("no UTF-8", `{`+envelope+",\"x\":\"\xff\"}", ""),
		malformed("no id", `{"name":"N","eventType":"preapproval-created","data":{}}`, "id"),
		malformed("no name", `{"id":"n","eventType":"preapproval-created","data":{}}`, "name"),
		malformed("no eventType", `{"id":"n","name":"N","type":"preapproval-created","data":{}}`, "eventType"),
		malformed("no data", `{"id":"n","name":"N","eventType":"preapproval-created"}`, "data"),
	}
}

// TestHooksAnswers sends every row of the table of answers over a socket. What
// is refused does not reach Redis.
func TestHooksAnswers(t *testing.T) {
	t.Parallel()
	r := newRelay(t)
	r.writeFile()
	r.startIngest(fmt.Sprint("ACCESSRELAY_MAX_BODY=", hooksMaxBody))
	m := watch(t, r.redis)
	warm := r.send(preapproval("the first opens the connections"))
	m.until("ar:wake:events") // which follows the answer

	want := map[string]float64{}
	var bodies401 []string
	for _, tt := range hookTests(r) {
		req := r.hook(preapproval("refused"))
		tt.spoil(req)
		got, err := do(req)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got.status != tt.status || !strings.Contains(got.header.Get(tt.header[0]), tt.header[1]) {
			t.Errorf("%s: status %d, header %v, %s; want %d", tt.name, got.status, got.header, got.body, tt.status)
		}
		checkProblem(t, tt, got)
		if tt.status == http.StatusUnauthorized {
			bodies401 = append(bodies401, anonymous(t, got))
		}
		if tt.outcome != "" {
			want[tt.outcome]++
		}
	}
	if lines := m.seen(); len(lines) > 0 {
		t.Errorf("Redis was asked while all was refused:\n%s", strings.Join(lines, "\n"))
	}
	if n := len(slices.Compact(bodies401)); n != 1 {
		t.Errorf("401 has %d bodies, want one whatever failed: %v", n, bodies401)
	}

	scraped := r.ingest.scrape()
	for outcome, n := range want {
		scraped.want(t, n, "accessrelay_ingest_requests_total", "source", theSource, "platform", "p0", "outcome", outcome)
	}
	scraped.want(t, 1, "accessrelay_ingest_requests_total", "source", theSource, "platform", "p0", "outcome", "accepted")
	unknown := 0.0
	for s, v := range scraped {
		if strings.HasPrefix(s, "accessrelay_ingest_requests_total{") && strings.Contains(s, `outcome="unknown_source"`) {
			unknown += v
		}
	}
	if unknown == 0 {
		t.Error("requests to unknown sources are not counted")
	}

	if got := r.receipt(warm); got.Status != "accepted" {
		t.Errorf("receipt before a worker came: %+v", got)
	}
}

// checkProblem holds an error against the one shape that all have.
func checkProblem(t *testing.T, tt hookTest, got reply) {
	t.Helper()
	var p problem
	d := json.NewDecoder(bytes.NewReader(got.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		t.Errorf("%s: reading the error: %v: %s", tt.name, err, got.body)
		return
	}
	kind := "public"
	if tt.status >= 500 {
		kind = "internal"
	}
	if p.Type != kind || p.Code != tt.code || p.Message == "" || !strings.Contains(p.Message, tt.message) ||
		!strings.HasPrefix(p.ErrorID, "req_") || p.ErrorID != got.header.Get("X-Request-Id") || p.Details == nil {
		t.Errorf("%s: %s, want code %s and %q in the message", tt.name, got.body, tt.code, tt.message)
	}
	if got.eventID() != "" {
		t.Errorf("%s: refused, and yet the event has the id %s", tt.name, got.eventID())
	}
}

// anonymous is a body without what differs from request to request.
func anonymous(t *testing.T, got reply) string {
	t.Helper()
	return strings.ReplaceAll(string(got.body), got.header.Get("X-Request-Id"), "")
}

// TestHooksAccepts: what is accepted although it looks unusual.
func TestHooksAccepts(t *testing.T) {
	t.Parallel()
	hook := newSink(t)
	r := newRelay(t, webhookTo("hook", hook))
	r.start()
	tests := []struct {
		name  string
		spoil func(*http.Request)
	}{
		{"a trailing slash", func(r *http.Request) { r.URL.Path += "/" }},
		{"a charset", header("Content-Type", "application/json; charset=utf-8")},
		{"of unknown length", func(r *http.Request) { r.ContentLength = -1 }},
		{"an event that nobody knows", body(`{"id":"n","name":"N","eventType":"tomorrow","data":{}}`)},
		{"fields of wrong types", body(`{"id":1,"name":[],"eventType":{},"data":"x"}`)},
		{"an extra field", body(`{` + envelope + `,"more":1e400}`)},
	}
	for i, tt := range tests {
		req := r.hook(preapproval(fmt.Sprint("accepted", i)))
		tt.spoil(req)
		got, err := do(req)
		if err != nil || got.status != http.StatusOK || len(got.body) != 0 {
			t.Errorf("%s: status %d, %v, %s", tt.name, got.status, err, got.body)
			continue
		}
		if settled := r.settle(got.eventID(), soon); settled.Status != "delivered" {
			t.Errorf("%s: %+v", tt.name, settled)
		}
	}
	if n := len(hook.all()); n != len(tests) {
		t.Errorf("%d deliveries of %d events", n, len(tests))
	}
}
