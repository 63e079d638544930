package ingest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"accessrelay/internal/event"
	"accessrelay/internal/openapitest"
	"accessrelay/internal/queue"
	"accessrelay/internal/source/canonical"
	"accessrelay/internal/source/p0"
)

// described holds every exchange of these tests against the description of the
// hooks.
var described = openapitest.Must()

func TestMain(m *testing.M) { os.Exit(described.Run(m, os.Stderr, "/v1/hooks/")) }

const goodBody = `{"id":"n","name":"N","eventType":"preapproval-created","data":{"secret":"CANARY-PAYLOAD"}}`

// gate lets a request in that knows the word.
type gate struct{}

func (gate) Authenticate(r *http.Request, _ []byte) error {
	if r.Header.Get("Authorization") != "Bearer good" {
		return errors.New("the reason why")
	}
	return nil
}
func (gate) Challenge() string { return `Bearer realm="hooks"` }

// sink is Redis as the handler sees it.
type sink struct {
	mu    sync.Mutex
	tasks []queue.EventTask
	block bool
}

func (s *sink) EnqueueEvent(ctx context.Context, t queue.EventTask) error {
	if s.block {
		<-ctx.Done()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tasks = append(s.tasks, t)
	return nil
}

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.tasks)
}

type bench struct {
	srv     *httptest.Server
	sink    *sink
	metrics *Metrics
	log     *bytes.Buffer
}

func newBench(tb testing.TB) *bench {
	tb.Helper()
	b := &bench{sink: &sink{}, metrics: NewMetrics(prometheus.NewRegistry(), []string{"p0", "own"}), log: &bytes.Buffer{}}
	sources := map[string]*Source{
		"acme-p0":  {ID: "acme-p0", TenantID: "T", Platform: p0.New(), Auth: gate{}},
		"acme-own": {ID: "acme-own", TenantID: "T", Platform: canonical.New("own"), Auth: gate{}},
	}
	b.srv = httptest.NewServer(described.Handler(tb, Handler(Config{
		Source:    func(id string) (*Source, bool) { s, ok := sources[id]; return s, ok },
		SourceIDs: func() []string { return slices.Sorted(maps.Keys(sources)) },
		Queue:     b.sink, MaxBody: 4096, EnqueueTimeout: 50 * time.Millisecond,
		Metrics: b.metrics, Log: slog.New(slog.NewJSONHandler(b.log, nil)), Now: time.Now,
	})))
	tb.Cleanup(b.srv.Close)
	return b
}

func TestAnswers(t *testing.T) {
	const hook = "/v1/hooks/acme-p0"
	type request struct {
		method, path, body string
		header             map[string]string
	}
	huge := strings.Replace(goodBody, "CANARY", strings.Repeat("x", 4096), 1)
	exact := strings.Replace(goodBody, "CANARY", strings.Repeat("x", 4096-len(goodBody)+len("CANARY")), 1)
	for _, tt := range []struct {
		name    string
		change  func(r *request)
		status  int
		outcome outcome
		header  string // "Name: value" that the answer must have
		message string // part of it
	}{
		{"good", func(*request) {}, 200, accepted, "Content-Length: 0", ""},
		{"trailing slash", func(r *request) { r.path += "/" }, 200, accepted, "", ""},
		{"charset", func(r *request) { r.header["Content-Type"] = "application/json; charset=utf-8" }, 200, accepted, "", ""},
		{"a parameter that is none", func(r *request) { r.header["Content-Type"] = "application/json; charset" }, 200, accepted, "", ""},
		{"a path with an escape that it does not need", func(r *request) { r.path = "/v1/hooks/acme%2Dp0" }, 200, accepted, "", ""},
		{"exactly the largest body", func(r *request) { r.body = exact }, 200, accepted, "", ""},
		{"a present field of a wrong type is not ingest's business", func(r *request) { r.body = `{"id":1,"name":[],"eventType":{},"data":false}` }, 200, accepted, "", ""},

		{"unknown source", func(r *request) { r.path = "/v1/hooks/nobody" }, 404, unknownSource, "", "no such source"},
		{"unknown source, before the method", func(r *request) { r.path, r.method = "/v1/hooks/nobody", "GET" }, 404, unknownSource, "", ""},
		{"unknown source by an unheard-of method", func(r *request) { r.path, r.method = "/v1/hooks/nobody", "BREW" }, 404, unknownSource, "", ""},
		{"unknown path", func(r *request) { r.path = "/v1/hook" }, 404, "", "", "/v1/hooks/{source}"},
		{"path below a source, escaped", func(r *request) { r.path += "%2Fx" }, 404, unknownSource, "", ""},
		{"path below a source", func(r *request) { r.path += "/x" }, 404, "", "", ""},

		{"GET", func(r *request) { r.method = "GET" }, 405, methodNotAllowed, "Allow: POST", "POST"},
		{"HEAD", func(r *request) { r.method = "HEAD" }, 405, methodNotAllowed, "Allow: POST", ""},
		{"PUT", func(r *request) { r.method = "PUT" }, 405, methodNotAllowed, "Allow: POST", ""},
		{"an unheard-of method", func(r *request) { r.method = "BREW" }, 405, methodNotAllowed, "Allow: POST", ""},
		{"method, before the media type", func(r *request) { r.method = "PUT"; delete(r.header, "Content-Type") }, 405, methodNotAllowed, "", ""},

		{"no media type", func(r *request) { delete(r.header, "Content-Type") }, 415, unsupportedMedia, "", "application/json"},
		{"text", func(r *request) { r.header["Content-Type"] = "text/plain" }, 415, unsupportedMedia, "", ""},
		{"nearly JSON", func(r *request) { r.header["Content-Type"] = "application/jsonx" }, 415, unsupportedMedia, "", ""},
		{"gzip", func(r *request) { r.header["Content-Encoding"] = "gzip" }, 415, unsupportedMedia, "", ""},
		{"even identity", func(r *request) { r.header["Content-Encoding"] = "identity" }, 415, unsupportedMedia, "", ""},
		{"media type, before the size", func(r *request) { r.header["Content-Type"], r.body = "text/plain", huge }, 415, unsupportedMedia, "", ""},

		{"too large", func(r *request) { r.body = huge }, 413, tooLarge, "", ""},
		{"one byte too large", func(r *request) { r.body = exact + " " }, 413, tooLarge, "", ""},
		{"too large, before the credentials", func(r *request) { r.body = huge; delete(r.header, "Authorization") }, 413, tooLarge, "", ""},

		{"no credentials", func(r *request) { delete(r.header, "Authorization") }, 401, unauthenticated, `Www-Authenticate: Bearer realm="hooks"`, "credentials"},
		{"wrong credentials", func(r *request) { r.header["Authorization"] = "Bearer bad" }, 401, unauthenticated, "", "credentials"},
		{"credentials, before the body", func(r *request) { r.body = "["; delete(r.header, "Authorization") }, 401, unauthenticated, "", ""},

		{"no body", func(r *request) { r.body = "" }, 400, malformed, "", ""},
		{"not JSON", func(r *request) { r.body = "{" }, 400, malformed, "", ""},
		{"an array", func(r *request) { r.body = "[" + goodBody + "]" }, 400, malformed, "", ""},
		{"two objects", func(r *request) { r.body = goodBody + goodBody }, 400, malformed, "", ""},
		{"not UTF-8", func(r *request) { r.body = strings.Replace(goodBody, "CANARY", "\xff", 1) }, 400, malformed, "", ""},
		{"no id", func(r *request) { r.body = strings.Replace(goodBody, `"id"`, `"ID"`, 1) }, 400, malformed, "", "id"},
		{"no name", func(r *request) { r.body = strings.Replace(goodBody, `"name"`, `"x"`, 1) }, 400, malformed, "", "name"},
		{"no eventType", func(r *request) { r.body = strings.Replace(goodBody, `eventType`, `type`, 1) }, 400, malformed, "", "eventType"},
		{"no data", func(r *request) { r.body = strings.Replace(goodBody, `"data"`, `"x"`, 1) }, 400, malformed, "", "data"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			rq := request{"POST", hook, goodBody, map[string]string{"Content-Type": "application/json", "Authorization": "Bearer good"}}
			tt.change(&rq)
			req, err := http.NewRequest(rq.method, b.srv.URL+rq.path, strings.NewReader(rq.body))
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range rq.header {
				req.Header.Set(k, v)
			}
			res, err := b.srv.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, _ := io.ReadAll(res.Body)
			if res.StatusCode != tt.status {
				t.Fatalf("status %d, want %d: %s", res.StatusCode, tt.status, body)
			}
			if name, want, ok := strings.Cut(tt.header, ": "); ok && res.Header.Get(name) != want {
				t.Errorf("%s: %q, want %q", name, res.Header.Get(name), want)
			}
			if id := res.Header.Get("X-Request-Id"); !strings.HasPrefix(id, "req_") {
				t.Errorf("X-Request-Id %q", id)
			}
			if tt.status == 200 {
				checkAccepted(t, b, res, body, rq.body)
			} else {
				checkRefused(t, b, rq.method, res, body, tt.message)
			}
			if tt.outcome != "" {
				id, platform := "acme-p0", "p0"
				if tt.outcome == unknownSource {
					id, platform = unknown, unknown
				}
				if got := testutil.ToFloat64(b.metrics.requests.WithLabelValues(id, platform, string(tt.outcome))); got != 1 {
					t.Errorf("%s counted %v times", tt.outcome, got)
				}
			}
			if strings.Contains(b.log.String(), "CANARY") {
				t.Error("the log quotes the payload")
			}
		})
	}
}

func checkAccepted(t *testing.T, b *bench, res *http.Response, body []byte, sent string) {
	t.Helper()
	if len(body) != 0 {
		t.Errorf("body %q, want none: P0's contract", body)
	}
	if len(b.sink.tasks) != 1 {
		t.Fatalf("%d tasks enqueued, want 1", len(b.sink.tasks))
	}
	task := b.sink.tasks[0]
	if id := res.Header.Get(EventIDHeader); !event.ValidID(id) || id != task.ID {
		t.Errorf("%s %q, enqueued %q", EventIDHeader, id, task.ID)
	}
	if string(task.Body) != sent {
		t.Error("what was enqueued is not what was sent")
	}
	if task.Source != "acme-p0" || task.TenantID != "T" || task.Platform != "p0" {
		t.Errorf("enqueued %+v", task)
	}
}

func checkRefused(t *testing.T, b *bench, method string, res *http.Response, body []byte, message string) {
	t.Helper()
	if len(b.sink.tasks) != 0 {
		t.Error("a refused event was enqueued")
	}
	if method == "HEAD" {
		return
	}
	var p struct {
		Type, Code, Message, ErrorID string
		Details                      map[string]any
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		t.Fatalf("error body %s: %v", body, err)
	}
	if p.ErrorID != res.Header.Get("X-Request-Id") || !strings.Contains(b.log.String(), p.ErrorID) && res.Header.Get("Allow") == "" && p.Code != "not_found" {
		t.Errorf("errorId %q is not in the header or the log", p.ErrorID)
	}
	if p.Type != "public" || p.Code == "" || p.Details == nil || !strings.Contains(p.Message, message) {
		t.Errorf("error body %s", body)
	}
}

func post(t *testing.T, b *bench, source, body string) *http.Response {
	t.Helper()
	req, err := http.NewRequest("POST", b.srv.URL+"/v1/hooks/"+source, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer good")
	req.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	res, err := b.srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

func TestOtherPlatformsGetABody(t *testing.T) {
	b := newBench(t)
	res := post(t, b, "acme-own", `{"type":"grant.active"}`)
	var body struct{ Data struct{ ID, Status string } }
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	if body.Data.ID != res.Header.Get(EventIDHeader) || body.Data.Status != "accepted" || res.Header.Get("Content-Type") != "application/json" {
		t.Errorf("got %+v", body)
	}
	if tp := b.sink.tasks[0].TraceParent; !strings.HasPrefix(tp, "00-0af7651916cd43dd8448eb211c80319c-") {
		t.Errorf("trace context %q", tp)
	}
}

func TestUnavailable(t *testing.T) {
	b := newBench(t)
	b.sink.block = true
	res := post(t, b, "acme-p0", goodBody)
	var p struct{ Type, Code string }
	if err := json.NewDecoder(res.Body).Decode(&p); err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" || p.Type != "internal" || p.Code != "unavailable" {
		t.Errorf("status %d, Retry-After %q, %+v", res.StatusCode, res.Header.Get("Retry-After"), p)
	}
	if res.Header.Get(EventIDHeader) != "" {
		t.Error("an event that was not confirmed has been given an id")
	}
}

// A sender that hangs up after its last byte has sent the event.
func TestSenderThatHangsUp(t *testing.T) {
	b := newBench(t)
	ctx, hangUp := context.WithCancel(t.Context())
	req := httptest.NewRequestWithContext(ctx, "POST", "/v1/hooks/acme-p0", strings.NewReader(goodBody))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer good")
	hangUp()
	b.srv.Config.Handler.ServeHTTP(httptest.NewRecorder(), req)
	if b.sink.count() != 1 {
		t.Error("the event was not enqueued")
	}
}

func TestBodyThatBreaksOff(t *testing.T) {
	b := newBench(t)
	conn, err := net.Dial("tcp", b.srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /v1/hooks/acme-p0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(goodBody)+9, goodBody)
	_ = conn.(*net.TCPConn).CloseWrite()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 400 || len(b.sink.tasks) != 0 {
		t.Errorf("status %d, %d tasks enqueued", res.StatusCode, len(b.sink.tasks))
	}
}

func TestChunkedBody(t *testing.T) {
	for _, tt := range []struct {
		size, status int
	}{{100, 200}, {5000, 413}} {
		b := newBench(t)
		body := strings.Replace(goodBody, "CANARY", strings.Repeat("x", tt.size), 1)
		req, err := http.NewRequest("POST", b.srv.URL+"/v1/hooks/acme-p0", struct{ io.Reader }{strings.NewReader(body)})
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer good")
		res, err := b.srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != tt.status {
			t.Errorf("%d bytes in chunks: status %d, want %d", len(body), res.StatusCode, tt.status)
		}
	}
}

// Whoever only announces a large body takes no memory for it.
func TestAnnouncedBodyTakesNoMemory(t *testing.T) {
	const announced = 64 << 20
	h := &hooks{Config: Config{MaxBody: announced}}
	r := httptest.NewRequest("POST", "/", strings.NewReader("{}"))
	r.ContentLength = announced
	body, no := h.read(r)
	if no != nil || string(body) != "{}" || cap(body) > 1<<20 {
		t.Errorf("read %q with room for %d bytes, refused %v", body, cap(body), no)
	}
}

func BenchmarkHook(b *testing.B) {
	bench := newBench(b)
	h := bench.srv.Config.Handler
	bench.sink.tasks = make([]queue.EventTask, 0, b.N+1)
	b.ReportAllocs()
	for b.Loop() {
		req := httptest.NewRequest("POST", "/v1/hooks/acme-p0", strings.NewReader(goodBody))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer good")
		h.ServeHTTP(httptest.NewRecorder(), req)
	}
}

func TestIsJSON(t *testing.T) {
	for _, tt := range []struct {
		name string
		h    http.Header
		want bool
	}{
		{"plain", http.Header{"Content-Type": {"application/json"}}, true},
		{"in capitals", http.Header{"Content-Type": {"Application/JSON"}}, true},
		{"two of them", http.Header{"Content-Type": {"application/json", "text/plain"}}, false},
		{"none", http.Header{}, false},
		{"encoded", http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {""}}, false},
	} {
		if got := isJSON(tt.h); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
