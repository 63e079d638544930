package inbox

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/secret"
)

func TestAnswersLikeTheDestinations(t *testing.T) {
	s := serve(t, Config{MaxBody: 100})
	for _, tc := range []struct {
		method, path, body string
		status             int
		answer             string
		kept               bool
	}{
		{"POST", "/slack", `{"text":"hi"}`, 200, "ok", true},
		{"POST", "/slack/security", `{"text":"hi"}`, 200, "ok", true},
		{"POST", "/slack/a/b/", `{"text":"hi"}`, 200, "ok", true},
		{"POST", "/slack/security", `{"text":`, 400, "invalid_payload", true},
		{"POST", "/slack/security", ``, 400, "invalid_payload", true},
		{"POST", "/slack/security", `{}`, 400, "no_text", true},
		{"POST", "/slack/security", `{"blocks":[{"type":"header"}]}`, 400, "invalid_blocks", true},
		{"POST", "/webhook", `{"type":"test"}`, 204, "", true},
		{"POST", "/webhook/siem", `not json`, 204, "", true},
		{"POST", "/webhook/siem", ``, 204, "", true},
		{"POST", "/webhook/siem", strings.Repeat("x", 101), 413, "the body is larger than 100 bytes", true},
		{"GET", "/slack/security", ``, 405, "Method Not Allowed\n", false},
		{"PUT", "/webhook/siem", `{}`, 405, "Method Not Allowed\n", false},
		{"POST", "/slackish", `{}`, 404, "404 page not found\n", false},
		{"POST", "/", `{}`, 405, "Method Not Allowed\n", false},
	} {
		t.Run(fmt.Sprintf("%s %s %.20s", tc.method, tc.path, tc.body), func(t *testing.T) {
			before := s.messages("").Last
			r := s.do(tc.method, tc.path, tc.body, nil)
			if r.status != tc.status || r.body != tc.answer {
				t.Errorf("answered %d %q, want %d %q", r.status, r.body, tc.status, tc.answer)
			}
			l := s.messages(fmt.Sprintf("?since=%d", before))
			if !tc.kept {
				if len(l.Data) != 0 {
					t.Errorf("was kept: %+v", l.Data[0])
				}
				return
			}
			if len(l.Data) != 1 {
				t.Fatalf("%d messages were kept, want 1", len(l.Data))
			}
			m := l.Data[0]
			if m.Status != tc.status || m.Path != strings.TrimSuffix(tc.path, "/") {
				t.Errorf("shown as %d %s", m.Status, m.Path)
			}
			if tc.status != 413 && m.Body != tc.body {
				t.Errorf("body = %q, want %q", m.Body, tc.body)
			}
			if (m.Problem != "") != (tc.status >= 400) {
				t.Errorf("problem = %q", m.Problem)
			}
		})
	}
}

func TestCredentialsInHeadersAreMasked(t *testing.T) {
	s := serve(t, Config{})
	s.do("POST", "/webhook/x", "{}", map[string]string{
		"Authorization": "Bearer canary", "X-Api-Key": "canary", "Cookie": "a=canary", "X-Splunk-Token": "canary", "X-Plain": "shown",
	})
	m := s.newest()
	for name, v := range m.Headers {
		if strings.Contains(v, "canary") {
			t.Errorf("header %s shows its value", name)
		}
	}
	if m.Headers["X-Plain"] != "shown" || m.Headers["Authorization"] != "***" {
		t.Errorf("headers = %v", m.Headers)
	}
	if page := s.do("GET", "/", "", nil).body; strings.Contains(page, "canary") {
		t.Error("the page shows a credential")
	}
}

func TestAttemptsAreCounted(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := serve(t, Config{Now: func() time.Time { return now }})
	send := func(path, id, body string, attempt int, since time.Duration) {
		t.Helper()
		h := map[string]string{}
		if id != "" {
			h["webhook-id"] = id
		}
		s.do("POST", path, body, h)
		if m := s.newest(); m.Attempt != attempt || m.Since != since {
			t.Errorf("%s %s %s: attempt %d after %v, want %d after %v", path, id, body, m.Attempt, m.Since, attempt, since)
		}
		now = now.Add(10 * time.Second)
	}
	send("/webhook/a", "evt_1", `{"n":1}`, 1, 0)
	send("/webhook/a", "evt_1", `{"n":2}`, 2, 10*time.Second) // the id is what counts
	send("/webhook/b", "evt_1", `{"n":1}`, 1, 0)              // another channel
	send("/webhook/a", "evt_2", `{"n":1}`, 1, 0)
	send("/webhook/a", "evt_1", `{"n":1}`, 3, 30*time.Second)
	send("/slack/a", "", `{"text":"x"}`, 1, 0)
	send("/slack/a", "", `{"text":"x"}`, 2, 10*time.Second)
	send("/slack/a", "", `{"text":"y"}`, 1, 0)
}

func TestKeepsTheNewest(t *testing.T) {
	s := serve(t, Config{Keep: 3})
	for i := range 5 {
		s.post("/webhook/x", fmt.Sprint(i))
	}
	l := s.messages("")
	if len(l.Data) != 3 || l.Data[0].Body != "2" || l.Data[2].Body != "4" || l.Last != 5 {
		t.Errorf("kept %d, first %q, last id %d", len(l.Data), l.Data[0].Body, l.Last)
	}
}

func TestKeepsNoMoreThanItsShareOfMemory(t *testing.T) {
	st := newStore(500, 10_000)
	for range 50 {
		st.add(&Message{Body: strings.Repeat("x", 2000)})
	}
	sum := 0
	for _, m := range st.since(0).messages {
		sum += m.size()
	}
	if sum > 10_000 || sum < 5_000 || sum != st.bytes {
		t.Errorf("keeps %d bytes, counts %d", sum, st.bytes)
	}
	st.add(&Message{Body: strings.Repeat("x", 20_000)})
	if n := len(st.since(0).messages); n != 1 {
		t.Errorf("%d messages beside one that is too large alone", n)
	}
}

func TestNewRefusesABadSecret(t *testing.T) {
	for _, v := range []string{"", "abc", "whsec_***", "whsec_c2hvcnQ="} {
		_, err := New(Config{Secrets: map[string]secret.String{"/webhook/siem": secret.New(v)}})
		if err == nil || !strings.Contains(err.Error(), "/webhook/siem") || v != "" && strings.Contains(err.Error(), v) {
			t.Errorf("secret %q: error %v", v, err)
		}
	}
}
