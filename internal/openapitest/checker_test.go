package openapitest

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

const (
	reqID   = "req_2wv5z6ycc6lfcsvjpukw5zwgmu"
	evtID   = "evt_06h02p513g5bywchr2ns19rrp0"
	receipt = `{"id":"` + evtID + `","source":"s","platform":"p","received_at":"2026-01-01T00:00:00Z","status":"accepted","deliveries":[]}`
	notHere = `{"type":"public","code":"not_found","message":"m","errorId":"` + reqID + `","details":{}}`
)

// good is an exchange that the description takes.
func good() Exchange {
	return Exchange{
		Method: "GET", URL: &url.URL{Path: "/v1/events/" + evtID},
		RequestHeader: http.Header{"X-Api-Key": {"k"}, "X-Tenant-Id": {"8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11"}},
		Status:        200, Header: http.Header{"X-Request-Id": {reqID}, "Content-Type": {"application/json"}}, Body: []byte(receipt),
	}
}

// TestExchange: the judge sees what is wrong, and nothing else.
func TestExchange(t *testing.T) {
	c := Must()
	refusal := func(x *Exchange, status int, body string) { x.Status, x.Body = status, []byte(body) }
	for _, tt := range []struct {
		name   string
		change func(x *Exchange)
		want   string // "": nothing is wrong
	}{
		{"good", func(*Exchange) {}, ""},
		{"HEAD", func(x *Exchange) { x.Method, x.Body = "HEAD", nil }, ""},
		{"a documented refusal", func(x *Exchange) { refusal(x, 404, notHere) }, ""},
		{"a status that is not documented", func(x *Exchange) { x.Status = 409 }, "does not document this status"},
		{"a key that is not documented", func(x *Exchange) { x.Body = []byte(strings.Replace(receipt, `{`, `{"more":1,`, 1)) }, "more"},
		{"a key that is missing", func(x *Exchange) { x.Body = []byte(strings.Replace(receipt, `"source":"s",`, ``, 1)) }, "source"},
		{"a null", func(x *Exchange) { x.Body = []byte(strings.Replace(receipt, `"s"`, `null`, 1)) }, "got null"},
		{"a time that is none", func(x *Exchange) { x.Body = []byte(strings.Replace(receipt, `T00:00`, ` 00:00`, 1)) }, "received_at"},
		{"a time that is not in UTC", func(x *Exchange) { x.Body = []byte(strings.Replace(receipt, `00Z`, `00+01:00`, 1)) }, "received_at"},
		{"a fact that does not go with the status", func(x *Exchange) { x.Body = []byte(strings.Replace(receipt, `{`, `{"duplicate_of":"`+evtID+`",`, 1)) }, "duplicate_of"},
		{"a code of another answer", func(x *Exchange) { refusal(x, 404, strings.Replace(notHere, "not_found", "invalid", 1)) }, "code"},
		{"no JSON", func(x *Exchange) { x.Body = []byte("{") }, "no JSON"},
		{"no body", func(x *Exchange) { x.Body = nil }, "no JSON"},
		{"a type that is not documented", func(x *Exchange) { x.Header.Set("Content-Type", "text/plain") }, `Content-Type "text/plain"`},
		{"a header that is missing", func(x *Exchange) { x.Header.Del("X-Request-Id") }, "X-Request-Id is missing"},
		{"a header that is wrong", func(x *Exchange) { x.Header.Set("X-Request-Id", "1") }, "the header X-Request-Id"},
		{"well answered without a tenant", func(x *Exchange) { x.RequestHeader.Del("X-Tenant-Id") }, "X-Tenant-ID, which is required"},
		{"well answered without a key", func(x *Exchange) { x.RequestHeader.Del("X-Api-Key") }, "without a key"},
		{"well answered with another parameter", func(x *Exchange) { x.URL.RawQuery = "a=1" }, "the parameter a"},
		{"well answered with an id that is none", func(x *Exchange) { x.URL.Path = "/v1/events/1" }, "the parameter id"},
		{"nowhere", func(x *Exchange) { x.URL.Path = "/nowhere"; refusal(x, 404, notHere) }, ""},
		{"nowhere, well answered", func(x *Exchange) { x.URL.Path = "/nowhere" }, "no such operation"},
		{"another method", func(x *Exchange) {
			x.Method = "PUT"
			x.Header.Set("Allow", "GET, HEAD")
			refusal(x, 405, strings.Replace(notHere, "not_found", "method_not_allowed", 1))
		}, ""},
		{"another method, Allow without one", func(x *Exchange) {
			x.Method = "PUT"
			x.Header.Set("Allow", "POST")
			refusal(x, 405, notHere)
		}, "lacks GET"},
		{"a body where there is none", func(x *Exchange) {
			x.Method, x.URL.Path, x.Status = "DELETE", "/v1/deliveries/dlv_06h02p513g5bywchr2ns19rrp0_0", 204
		}, "a body that is not documented"},
		{"a request's body that is refused", func(x *Exchange) {
			x.Method, x.URL.Path, x.Status = "POST", "/v1/deliveries/replay", 202
			x.RequestHeader.Set("Content-Type", "application/json")
			x.RequestBody, x.Body = []byte(`{"limit":101}`), []byte(`{"data":[],"next_cursor":null}`)
		}, "the request's body is not as documented"},
		{"a request's body of another type", func(x *Exchange) {
			x.Method, x.URL.Path, x.Status = "POST", "/v1/deliveries/replay", 202
			x.RequestBody, x.Body = []byte(`{}`), []byte(`{"data":[],"next_cursor":null}`)
		}, `Content-Type ""`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := good()
			tt.change(&x)
			got := strings.Join(c.Exchange(x), "\n")
			if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestMissing(t *testing.T) {
	c := Must()
	const line = "GET /v1/events/{id} 200"
	if !slices.Contains(c.Missing("/v1/events"), line) {
		t.Errorf("before: no %s in %v", line, c.Missing("/v1/events"))
	}
	if problems := c.Exchange(good()); problems != nil {
		t.Fatal(problems)
	}
	if slices.Contains(c.Missing("/v1/events"), line) {
		t.Error("it was seen")
	}
	if got := c.Missing("/nowhere"); got != nil {
		t.Errorf("nowhere: %v", got)
	}
}

// reporter is a test that fails without failing this one.
type reporter struct {
	testing.TB
	said []any
}

func (r *reporter) Error(args ...any) { r.said = append(r.said, args...) }

func TestHandler(t *testing.T) {
	c, r := Must(), &reporter{TB: t}
	h := c.Handler(r, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte("short"))
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/v1/events/"+evtID, nil))
	if w.Code != http.StatusTeapot || w.Body.String() != "short" {
		t.Errorf("the answer changed on its way: %d %s", w.Code, w.Body)
	}
	if len(r.said) != 1 {
		t.Errorf("said: %v", r.said)
	}
}
