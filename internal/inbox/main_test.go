package inbox

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is an inbox on a real socket.
type site struct {
	t   *testing.T
	in  *Inbox
	url string
	c   *http.Client
}

func serve(t *testing.T, c Config) *site {
	t.Helper()
	in, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(in)
	tr := &http.Transport{}
	t.Cleanup(func() {
		in.Close()
		tr.CloseIdleConnections()
		srv.Close()
	})
	return &site{t: t, in: in, url: srv.URL, c: &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}}
}

type reply struct {
	status int
	body   string
	header http.Header
}

func (s *site) do(method, path, body string, header map[string]string) reply {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	res, err := s.c.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return reply{res.StatusCode, string(b), res.Header}
}

func (s *site) post(path, body string) reply {
	s.t.Helper()
	return s.do("POST", path, body, map[string]string{"Content-Type": "application/json"})
}

// messages asks the API.
func (s *site) messages(query string) messageList {
	s.t.Helper()
	r := s.do("GET", "/api/messages"+query, "", nil)
	var l messageList
	if err := json.Unmarshal([]byte(r.body), &l); r.status != 200 || err != nil {
		s.t.Fatalf("GET /api/messages%s = %d %q", query, r.status, r.body)
	}
	return l
}

func (s *site) newest() *Message {
	s.t.Helper()
	l := s.messages("")
	if len(l.Data) == 0 {
		s.t.Fatal("nothing came in")
	}
	return l.Data[len(l.Data)-1]
}
