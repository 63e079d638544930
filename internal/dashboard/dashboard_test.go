package dashboard

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"accessrelay/internal/redistest"
	"accessrelay/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type connOpt struct{ client any }

func (c connOpt) MakeRedisClient() any { return c.client }

// site is a dashboard on a real socket.
type site struct {
	t   *testing.T
	url string
	c   *http.Client
}

func serve(t *testing.T, c Config) *site {
	t.Helper()
	h, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	tr := &http.Transport{}
	t.Cleanup(func() { tr.CloseIdleConnections(); srv.Close() })
	return &site{t: t, url: srv.URL, c: &http.Client{Transport: tr}}
}

type reply struct {
	status int
	body   string
	header http.Header
}

func (s *site) do(method, path, auth string) reply {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	if auth != "" {
		req.Header.Set("Authorization", auth)
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

// idle is a client that nothing needs to answer.
func idle(t *testing.T) RedisConnOpt {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1, DialerRetries: 1})
	t.Cleanup(func() { _ = rdb.Close() })
	return connOpt{rdb}
}

func TestNewRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		c    Config
		want string
	}{
		"no client":       {Config{}, "Redis: missing"},
		"another client":  {Config{Redis: connOpt{"x"}}, "gives no go-redis client"},
		"a relative root": {Config{Redis: idle(t), RootPath: "dashboard"}, "RootPath"},
	} {
		if _, err := New(tc.c); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want %s", name, err, tc.want)
		}
	}
}

func TestPassword(t *testing.T) {
	basic := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	paths := []string{"/", "/api/queues", "/static/js/main.5adda2da.chunk.js", "/queues/default", "/nope"}
	for _, tc := range []struct {
		name, username, password, auth string
		in                             bool
	}{
		{"right", "ops", "pass:word", basic("ops:pass:word"), true},
		{"no credentials", "ops", "pass", "", false},
		{"wrong password", "ops", "pass", basic("ops:Pass"), false},
		{"empty password", "ops", "pass", basic("ops:"), false},
		{"longer password", "ops", "pass", basic("ops:pass1"), false},
		{"wrong user", "ops", "pass", basic("root:pass"), false},
		{"another scheme", "ops", "pass", "Bearer pass", false},
		{"not base64", "ops", "pass", "Basic !!!", false},
		{"any user, right", "", "pass", basic("whoever:pass"), true},
		{"any user, wrong", "", "pass", basic("whoever:no"), false},
		{"open to all", "", "", "", true},
		{"a name alone guards nothing", "ops", "", "", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t, Config{Redis: idle(t), Username: tc.username, Password: secret.New(tc.password)})
			for _, path := range paths {
				r := s.do("GET", path, tc.auth)
				if got := r.status != 401; got != tc.in {
					t.Errorf("GET %s = %d", path, r.status)
				}
				if r.status == 401 && (!strings.HasPrefix(r.header.Get("WWW-Authenticate"), "Basic ") || r.body != "a password is needed\n") {
					t.Errorf("GET %s: %q %q", path, r.header.Get("WWW-Authenticate"), r.body)
				}
			}
			if r := s.do("DELETE", "/api/queues/default", tc.auth); r.status != map[bool]int{true: 405, false: 401}[tc.in] {
				t.Errorf("DELETE = %d", r.status)
			}
		})
	}
}

func TestPage(t *testing.T) {
	for _, root := range []string{"", "/", "/dashboard", "/a/dashboard/"} {
		t.Run(root, func(t *testing.T) {
			s := serve(t, Config{Redis: idle(t), RootPath: root})
			root := strings.TrimSuffix(root, "/")
			for _, path := range []string{"/", "/queues/events", "/queues/events/tasks/evt_01", "/servers", "/redis"} {
				r := s.do("GET", root+path, "")
				if r.status != 200 || !strings.Contains(r.body, `<div id="root">`) || r.header.Get("Content-Type") != "text/html; charset=utf-8" {
					t.Fatalf("GET %s = %d %s", root+path, r.status, r.header.Get("Content-Type"))
				}
				if m := regexp.MustCompile(`(https?:)?//[\w.-]+\.\w+`).FindString(r.body); m != "" {
					t.Errorf("the page names %s", m)
				}
				checkScripts(t, r)
			}
			files := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(s.do("GET", root+"/", "").body, -1)
			if len(files) < 3 {
				t.Fatalf("files of the page: %v", files)
			}
			for _, f := range files {
				a := s.do("GET", f[1], "")
				if a.status != 200 || strings.Contains(a.header.Get("Content-Type"), "text/html") {
					t.Errorf("GET %s = %d %s", f[1], a.status, a.header.Get("Content-Type"))
				}
			}
			if r := s.do("HEAD", root+"/", ""); r.status != 200 || r.body != "" {
				t.Errorf("HEAD = %d", r.status)
			}
			if r := s.do("GET", root+"/api/nope", ""); r.status != 404 {
				t.Errorf("GET of an unknown call = %d", r.status)
			}
			if root != "" {
				for _, path := range []string{"/", "/api/queues", root + "x/", "/static/js/main.5adda2da.chunk.js"} {
					if r := s.do("GET", path, ""); r.status != 404 {
						t.Errorf("GET %s, outside the root, = %d", path, r.status)
					}
				}
			}
		})
	}
}

// checkScripts fails if the policy allows more than the page's own scripts.
func checkScripts(t *testing.T, r reply) {
	t.Helper()
	csp := r.header.Get("Content-Security-Policy")
	script := regexp.MustCompile(`script-src ([^;]*)`).FindString(csp)
	if strings.Contains(script, "unsafe") || strings.Count(script, "sha256-") != strings.Count(r.body, "<script>") {
		t.Errorf("%s", script)
	}
	for _, want := range []string{"default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("Content-Security-Policy lacks %s", want)
		}
	}
	if r.header.Get("X-Content-Type-Options") != "nosniff" || r.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers = %v", r.header)
	}
}

// The client is the caller's: asynqmon would close it, twice.
func TestClientStaysOpen(t *testing.T) {
	srv := redistest.Start(t)
	rdb := srv.Client()
	s := serve(t, Config{Redis: connOpt{rdb}})
	if r := s.do("GET", "/api/redis_info", ""); r.status != 200 {
		t.Errorf("GET /api/redis_info = %d %s", r.status, r.body)
	}
	if err := rdb.Ping(context.Background()).Err(); err != nil {
		t.Error(err)
	}
	srv.Kill()
	if r := s.do("GET", "/api/queues", ""); r.status != 500 {
		t.Errorf("without Redis: %d", r.status)
	}
}

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"": "", `{"a":"canary"}`: "hidden: JSON, 14 bytes", " [1]": "hidden: JSON, 4 bytes", "canary": "hidden: data, 6 bytes", "  ": "hidden: data, 2 bytes",
	} {
		if got := redact("type", []byte(in)); got != want {
			t.Errorf("redact(%q) = %q, want %q", in, got, want)
		}
	}
}
