package problem_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"accessrelay/internal/problem"
)

var idPattern = regexp.MustCompile(`^req_[a-z2-7]{26}$`)

func serve(t *testing.T, h http.Handler, header http.Header) (*http.Response, string) {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	req, err := http.NewRequest(http.MethodGet, srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	res, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func TestWrite(t *testing.T) {
	for _, tt := range []struct {
		name    string
		status  int
		code    string
		message string
		details map[string]any
		want    string // with ID for the request's id
	}{
		{"public", 404, "not_found", "No such source.", nil,
			`{"type":"public","code":"not_found","message":"No such source.","errorId":"ID","details":{}}`},
		{"last public status", 499, "c", "m", nil,
			`{"type":"public","code":"c","message":"m","errorId":"ID","details":{}}`},
		{"internal", 500, "internal", "Ours.", nil,
			`{"type":"internal","code":"internal","message":"Ours.","errorId":"ID","details":{}}`},
		{"details", 400, "invalid", "a < b & c", map[string]any{"fields": map[string]string{"config.url": "required"}},
			`{"type":"public","code":"invalid","message":"a < b & c","errorId":"ID","details":{"fields":{"config.url":"required"}}}`},
		{"details that JSON cannot write", 400, "invalid", "m", map[string]any{"f": func() {}},
			`{"type":"public","code":"invalid","message":"m","errorId":"ID","details":{}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := problem.RequestID(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				problem.Write(w, r, tt.status, tt.code, tt.message, tt.details)
			}))
			res, body := serve(t, h, nil)
			if res.StatusCode != tt.status {
				t.Errorf("status %d, want %d", res.StatusCode, tt.status)
			}
			id := res.Header.Get("X-Request-Id")
			if !idPattern.MatchString(id) {
				t.Errorf("X-Request-Id %q is not of the form %v", id, idPattern)
			}
			if got := strings.TrimSpace(strings.ReplaceAll(body, id, "ID")); got != tt.want {
				t.Errorf("body\n got %s\nwant %s", got, tt.want)
			}
			for k, want := range map[string]string{
				"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
			} {
				if got := res.Header.Get(k); got != want {
					t.Errorf("%s: %q, want %q", k, got, want)
				}
			}
		})
	}
}

func TestWriteOutsideTheMiddleware(t *testing.T) {
	res, body := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		problem.Write(w, r, 404, "not_found", "m", nil)
	}), nil)
	var b problem.Body
	if err := json.Unmarshal([]byte(body), &b); err != nil {
		t.Fatal(err)
	}
	if id := res.Header.Get("X-Request-Id"); id != b.ErrorID || !idPattern.MatchString(id) {
		t.Errorf("header %q, errorId %q: want one id in both", id, b.ErrorID)
	}
}

func TestRequestID(t *testing.T) {
	var seen []string
	h := problem.RequestID(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen = append(seen, problem.ID(r.Context()))
	}))
	for range 2 {
		res, _ := serve(t, h, http.Header{"X-Request-Id": {"req_mine"}})
		last := seen[len(seen)-1]
		if got := res.Header.Get("X-Request-Id"); got != last || !idPattern.MatchString(got) {
			t.Errorf("a good answer's X-Request-Id is %q, the context's %q: want one id of our own", got, last)
		}
	}
	if seen[0] == seen[1] {
		t.Errorf("two requests have one id %q", seen[0])
	}
	if got := problem.ID(t.Context()); got != "" {
		t.Errorf("a context without a request has the id %q", got)
	}
}

func TestRecover(t *testing.T) {
	const canary = "canary-c0ffee"
	for _, tt := range []struct {
		name  string
		panic func()
		log   string
	}{
		{"a value that may hold a payload", func() { panic(canary) }, `panic=string`},
		{"an error", func() { panic(errors.New(canary)) }, `panic=*errors.errorString`},
		{"the runtime's own", func() { var m map[string]int; m["a"] = 1 }, `assignment to entry in nil map`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			mw := problem.Recover(slog.New(slog.NewTextHandler(&log, nil)))
			res, body := serve(t, problem.RequestID(mw(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { tt.panic() }))), nil)
			if res.StatusCode != 500 || !strings.Contains(body, `"type":"internal","code":"internal"`) {
				t.Errorf("got %d %s, want 500 in the shape", res.StatusCode, body)
			}
			if !strings.Contains(log.String(), tt.log) || !strings.Contains(log.String(), res.Header.Get("X-Request-Id")) {
				t.Errorf("the log lacks %q or the request's id: %s", tt.log, &log)
			}
			if strings.Contains(log.String()+body, canary) {
				t.Errorf("the panic's value got out: %s %s", &log, body)
			}
		})
	}
}

func TestRecoverCutsAnAnswerThatBegan(t *testing.T) {
	mw := problem.Recover(slog.New(slog.DiscardHandler))
	srv := httptest.NewServer(mw(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half an ans")
		_ = http.NewResponseController(w).Flush()
		panic("too late")
	})))
	defer srv.Close()
	res, err := srv.Client().Get(srv.URL)
	if err != nil {
		return // cut before the header: as good
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("half an answer reads as a whole one: %q", body)
	}
}
