package sender

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"accessrelay/internal/secret"
)

func TestSend(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		want   Answer
		ok     bool
	}{
		{"taken", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Accessrelay-Event-Id", "evt_1") },
			Answer{Status: 200, EventID: "evt_1"}, true},
		{"accepted by something else", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202) }, Answer{Status: 202}, true},
		{"refused in the relay's shape", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(401)
			_, _ = io.WriteString(w, `{"type":"public","code":"unauthenticated","message":"who are you?"}`)
		}, Answer{Status: 401, Message: "who are you?"}, false},
		{"refused in another shape", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(502)
			_, _ = io.WriteString(w, "<html>\n  bad\t\x1b[31mgateway\xff </html>")
		}, Answer{Status: 502, Message: "<html> bad [31mgateway </html>"}, false},
		{"refused at length", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(500)
			_, _ = io.WriteString(w, strings.Repeat("é", 5000))
		}, Answer{Status: 500, Message: strings.Repeat("é", 200) + "…"}, false},
		{"sent elsewhere", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/elsewhere" {
				t.Error("the credentials went elsewhere")
			}
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, Answer{Status: 307}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got *http.Request
			var body []byte
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got = r
				body, _ = io.ReadAll(r.Body)
				tt.answer(w, r)
			}))
			defer srv.Close()
			s, err := New(srv.URL+"/hook", Bearer(secret.New("x")))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			a, err := s.Send(t.Context(), []byte(`{"a": 1}`))
			if err != nil {
				t.Fatal(err)
			}
			if a.Took <= 0 {
				t.Error("it took no time")
			}
			a.Took = 0
			if a != tt.want || a.OK() != tt.ok {
				t.Errorf("answer %+v (ok %v), want %+v (ok %v)", a, a.OK(), tt.want, tt.ok)
			}
			if got.Method != "POST" || got.URL.Path != "/hook" || string(body) != `{"a": 1}` ||
				got.Header.Get("Content-Type") != "application/json" || got.Header.Get("Authorization") != "Bearer x" {
				t.Errorf("sent %s %s %v %s", got.Method, got.URL, got.Header, body)
			}
		})
	}
}

func TestSendFails(t *testing.T) {
	for _, target := range []string{"", "nonsense", "/path", "ftp://host/", "http://", "http://[::1"} {
		if _, err := New(target, nil); err == nil {
			t.Errorf("%q is taken for a URL", target)
		}
	}
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	none := func(*http.Request, []byte) error { return nil }
	s, err := New(srv.URL+"/S3CR3T", none)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Send(t.Context(), nil); err == nil || strings.Contains(err.Error(), "S3CR3T") {
		t.Errorf("nobody there: %v", err)
	}
	noKey := errors.New("no key")
	if s, err = New(srv.URL, func(*http.Request, []byte) error { return noKey }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Send(t.Context(), nil); !errors.Is(err, noKey) {
		t.Errorf("without credentials: %v", err)
	}
}
