package inbox

import (
	"strings"
	"testing"
)

func TestFailOnPurpose(t *testing.T) {
	s := serve(t, Config{})
	if r := s.do("POST", "/fail?path=/webhook/x&status=503&times=2&retry_after=7", "", nil); r.status != 204 {
		t.Fatalf("POST /fail = %d %q", r.status, r.body)
	}
	if page := s.do("GET", "/", "", nil).body; !strings.Contains(page, "to the next 2 deliveries") {
		t.Error("the page does not say what will fail")
	}
	for i, want := range []int{503, 503, 204} {
		r := s.post("/webhook/x", `{}`)
		m := s.newest()
		if r.status != want || m.Status != want || m.OnPurpose != (want == 503) {
			t.Errorf("delivery %d: answered %d, shown %d, on purpose %v; want %d", i+1, r.status, m.Status, m.OnPurpose, want)
		}
		if ra := r.header.Get("Retry-After"); (ra == "7") != (want == 503) {
			t.Errorf("delivery %d: Retry-After %q", i+1, ra)
		}
		if other := s.post("/webhook/y", `{}`); other.status != 204 {
			t.Errorf("another path answered %d", other.status)
		}
	}
	if f := s.messages("").Failures; len(f) != 0 {
		t.Errorf("failures left: %v", f)
	}
}

func TestFailReplacesAndEnds(t *testing.T) {
	s := serve(t, Config{})
	s.do("POST", "/fail?path=/slack/a&times=5", "", nil)
	s.do("POST", "/fail?path=/slack/a&status=429&times=9", "", nil)
	s.do("POST", "/fail?path=/webhook/b", "", nil)
	got := s.messages("").Failures
	want := []Failure{{Path: "/slack/a", Status: 429, Times: 9}, {Path: "/webhook/b", Status: 500, Times: 1}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("failures = %+v, want %+v", got, want)
	}
	s.do("POST", "/fail?path=/slack/a&times=0", "", nil)
	if r := s.post("/slack/a", `{"text":"x"}`); r.status != 200 {
		t.Errorf("still fails after times=0: %d", r.status)
	}
}

func TestFailRefusesNonsense(t *testing.T) {
	s := serve(t, Config{})
	for _, q := range []string{
		"", "?path=/", "?path=/api/messages", "?path=/webhookish", "?path=/webhook/x&status=abc", "?path=/webhook/x&status=100",
		"?path=/webhook/x&status=600", "?path=/webhook/x&times=-1", "?path=/webhook/x&times=1.5", "?path=/webhook/x&retry_after=-1",
	} {
		if r := s.do("POST", "/fail"+q, "", nil); r.status != 400 {
			t.Errorf("POST /fail%s = %d", q, r.status)
		}
	}
	if f := s.messages("").Failures; len(f) != 0 {
		t.Errorf("failures = %v", f)
	}
}

// A page of another site must not switch failures on or throw messages away.
func TestOtherSitesCannotChangeAnything(t *testing.T) {
	s := serve(t, Config{})
	s.post("/webhook/x", `{}`)
	for _, h := range []map[string]string{{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}} {
		if r := s.do("POST", "/fail?path=/webhook/x", "", h); r.status != 403 {
			t.Errorf("POST /fail with %v = %d", h, r.status)
		}
		if r := s.do("DELETE", "/api/messages", "", h); r.status != 403 {
			t.Errorf("DELETE /api/messages with %v = %d", h, r.status)
		}
	}
	if l := s.messages(""); len(l.Data) != 1 || len(l.Failures) != 0 {
		t.Errorf("changed: %+v", l)
	}
}
