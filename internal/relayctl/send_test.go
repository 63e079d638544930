package relayctl

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"accessrelay/internal/authn"
	"accessrelay/internal/catalog"
	"accessrelay/internal/event"
)

// hook is a source's hook that knows senders by a key, and refuses the
// requests that refuse picks, counted from 1.
type hook struct {
	*httptest.Server
	key string // of the sender: a file

	mu     sync.Mutex
	n      int
	bodies []string
	flying int
	most   int // requests at a time
}

func newHook(t *testing.T, refuse func(n int) bool) *hook {
	t.Helper()
	dir := t.TempDir()
	h := &hook{key: filepath.Join(dir, "private.pem")}
	public := filepath.Join(dir, "public.pem")
	if got := relayctl(t, "keygen", "p0", "--private", h.key, "--public", public); got.code != 0 {
		t.Fatalf("keygen: %+v", got)
	}
	data, err := os.ReadFile(public)
	if err != nil {
		t.Fatal(err)
	}
	auth, err := authn.New(authn.Config{JWT: &authn.JWT{Key: data, Issuer: "i", Audience: "a", Subject: "s"}}, authn.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h.mu.Lock()
		h.n++
		n := h.n
		h.flying++
		h.most = max(h.most, h.flying)
		h.bodies = append(h.bodies, string(body))
		h.mu.Unlock()
		defer func() { h.mu.Lock(); h.flying--; h.mu.Unlock() }()
		switch err := auth.Authenticate(r, nil); {
		case err != nil:
			http.Error(w, `{"message":"who are you?"}`, http.StatusUnauthorized)
		case refuse != nil && refuse(n):
			http.Error(w, `{"message":"not now"}`, http.StatusServiceUnavailable)
		default:
			w.Header().Set("Accessrelay-Event-Id", event.NewID(time.Now()))
		}
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) send(t *testing.T, args ...string) result {
	t.Helper()
	return relayctl(t, append([]string{"send", "--url", h.URL + "/v1/hooks/x", "--key-file", h.key,
		"--issuer", "i", "--audience", "a", "--subject", "s"}, args...)...)
}

func matches(t *testing.T, got, pattern string) {
	t.Helper()
	if !regexp.MustCompile(`\A(?:` + pattern + `)\z`).MatchString(got) {
		t.Errorf("printed %q, want %s", got, pattern)
	}
}

const (
	eventID  = `evt_[0-9a-z]{26}`
	duration = `[0-9.]+(µs|ms|s)`
)

func TestSendOne(t *testing.T) {
	h := newHook(t, nil)
	got := h.send(t)
	if got.code != exitOK || got.err != "" {
		t.Errorf("%+v", got)
	}
	matches(t, got.out, `200  `+eventID+`  preapproval-created, `+duration+"\n")
}

func TestSendAll(t *testing.T) {
	h := newHook(t, nil)
	got := h.send(t, "--all", "--kid", "k", "--ttl", "1m")
	if got.code != exitOK {
		t.Errorf("%+v", got)
	}
	matches(t, got.out, `(200  `+eventID+`  [a-z-]+, `+duration+`\n){10}10 sent in `+duration+
		` \(\d+/s\), 10 taken, 0 refused; answered in p50 `+duration+`, p99 `+duration+`, max `+duration+`\n`)
	seen := map[string]bool{}
	for _, b := range h.bodies {
		seen[b] = true
	}
	if len(seen) != 10 {
		t.Errorf("%d different bodies of 10", len(seen))
	}
}

// A platform that is named sends all that it has.
func TestSendPlatform(t *testing.T) {
	h := newHook(t, nil)
	for args, want := range map[string]int{
		"":                                      1,
		"--platform=p0":                         10,
		"--platform=p0 --count=2":               20,
		"--platform=apono":                      len(catalog.Samples("apono")),
		"--platform=p0 --sample=request-denied": 1,
		"--platform=p0 --body=-":                1,
	} {
		before := h.n
		if got := h.send(t, strings.Fields(args)...); got.code != exitOK || h.n-before != want {
			t.Errorf("%s: %d sent, want %d: %+v", args, h.n-before, want, got)
		}
	}
}

func TestSendRefused(t *testing.T) {
	h := newHook(t, func(n int) bool { return n == 2 })
	got := h.send(t, "--sample", "grant-active", "--sample", "request-denied,request-failed")
	if got.code != exitFailed || got.err != "" {
		t.Errorf("%+v", got)
	}
	matches(t, got.out, `200  `+eventID+`  grant-active, `+duration+`\n`+
		`503  -  +request-denied, `+duration+`: not now\n`+
		`200  `+eventID+`  request-failed, `+duration+`\n`+
		`3 sent in [^\n]*, 2 taken, 1 refused; [^\n]*\n`)

	got = h.send(t, "--subject", "somebody")
	if got.code != exitFailed {
		t.Errorf("%+v", got)
	}
	matches(t, got.out, `401  -  +preapproval-created, `+duration+`: who are you\?\n`)
}

func TestSendMany(t *testing.T) {
	h := newHook(t, func(n int) bool { return n%2 == 0 })
	got := h.send(t, "--count", "200", "--parallel", "8")
	if got.code != exitFailed {
		t.Errorf("%+v", got)
	}
	if n := strings.Count(got.out, "503  -"); n != maxLines {
		t.Errorf("%d refusals shown, want %d", n, maxLines)
	}
	if !strings.Contains(got.out, "200 sent in ") || !strings.Contains(got.out, ", 100 taken, 100 refused; ") || !strings.Contains(got.out, "further refusals are only counted") {
		t.Errorf("%s", got.out)
	}
	if h.most < 2 || h.most > 8 {
		t.Errorf("%d at a time, want up to 8", h.most)
	}
}

func TestSendRate(t *testing.T) {
	h := newHook(t, nil)
	start := time.Now()
	if got := h.send(t, "--count", "6", "--rate", "50", "--parallel", "6"); got.code != exitOK {
		t.Errorf("%+v", got)
	}
	if took := time.Since(start); took < 90*time.Millisecond {
		t.Errorf("6 at 50 a second took %v", took)
	}
}

// --body is sent to the byte, so all but the first are repeats.
func TestSendBody(t *testing.T) {
	h := newHook(t, nil)
	const text = "{\"a\": 1.0 }\n"
	file := filepath.Join(t.TempDir(), "body.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := h.send(t, "--body", file, "--count", "2"); got.code != exitOK {
		t.Errorf("%+v", got)
	}
	got := run(t.Context(), Terminal{In: strings.NewReader(text)}, "send", "--url", h.URL, "--key-file", h.key,
		"--issuer=i", "--audience=a", "--subject=s", "--body=-")
	if got.code != exitOK {
		t.Errorf("%+v", got)
	}
	for _, b := range h.bodies {
		if b != text {
			t.Errorf("sent %q", b)
		}
	}
	if len(h.bodies) != 3 {
		t.Errorf("%d sent", len(h.bodies))
	}
}

func TestSendStopped(t *testing.T) {
	arrived := make(chan struct{}, 1)
	h := newHook(t, func(int) bool {
		select {
		case arrived <- struct{}{}:
		default:
		}
		return false
	})
	b := start(t, "send", "--url", h.URL, "--key-file", h.key, "--issuer=i", "--audience=a", "--subject=s",
		"--count=1000", "--rate=20")
	<-arrived
	if code := b.stop(); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	if e := b.err.String(); !regexp.MustCompile(`^relayctl: stopped after \d+ of 1000\n$`).MatchString(e) {
		t.Errorf("it says %q", e)
	}
}

func TestSendNobodyThere(t *testing.T) {
	h := newHook(t, nil)
	h.Close()
	got := h.send(t)
	if got.code != exitFailed || !strings.HasPrefix(got.out, "---  -") || !strings.Contains(got.out, "connection refused") {
		t.Errorf("%+v", got)
	}
}

func TestSendList(t *testing.T) {
	got := relayctl(t, "send", "--list", "--platform=p0")
	if got.code != exitOK || !strings.HasPrefix(got.out, "PLATFORM  SAMPLE               SENT AS                          BECOMES\np0        preapproval-created  preapproval-created              preapproval.created\n") {
		t.Errorf("%+v", got)
	}
	all := relayctl(t, "send", "--list")
	for _, name := range catalog.PlatformNames() {
		if n := strings.Count(all.out, "\n"+name+" "); n != len(catalog.Samples(name)) {
			t.Errorf("%d samples of %s are listed, want %d: %+v", n, name, len(catalog.Samples(name)), all)
		}
	}
}

func TestSendWrong(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.pem")
	if err := os.WriteFile(bad, []byte("S3CR3T"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	const noFile = "reading the config: accessrelay.yaml: no such file or directory: name the relay's file with --config, or do without it: --url and --key-file or --token-file"
	ok := []string{"--url=http://127.0.0.1:1/", "--key-file=" + bad}
	for _, tt := range []struct {
		args []string
		code int
		err  string
	}{
		{nil, exitFailed, noFile},
		{ok[:1], exitFailed, noFile},
		{ok, exitFailed, "--key-file: " + bad + ": no private key in PEM (-----BEGIN PRIVATE KEY-----)"},
		{[]string{ok[0], "--key-file=" + dir + "/none"}, exitFailed, "--key-file: " + dir + "/none: no such file or directory"},
		{append([]string{"--platform=p1"}, ok...), exitUsage, `--platform: there are no samples of "p1" (there are of ` + strings.Join(catalog.PlatformNames(), ", ") + ")"},
		{append([]string{"--sample=x"}, ok...), exitUsage, `--sample: there is no sample "x" of p0; --list shows them`},
		{append([]string{"--all", "--body=-"}, ok...), exitUsage, "--sample, --all and --body exclude each other"},
		{append([]string{"--body=" + dir + "/none"}, ok...), exitFailed, "--body: " + dir + "/none: no such file or directory"},
		{[]string{"--list", "--source=x"}, exitFailed, "reading the config: accessrelay.yaml: no such file or directory: name the relay's file with --config; without it there are the samples of platforms: --list --platform apono"},
		{[]string{"--source=x"}, exitFailed, "reading the config: accessrelay.yaml: no such file or directory: name the relay's file, which has the source, with --config"},
		{[]string{"--url=localhost:28080", ok[1]}, exitUsage, "--url: http:// (or https://) is missing before it, as in http://127.0.0.1:8080"},
		{append([]string{"--count=0"}, ok...), exitUsage, "--count: must be from 1 to 1000000"},
		{append([]string{"--parallel=257"}, ok...), exitUsage, "--parallel: must be from 1 to 256"},
		{append([]string{"--rate=-1"}, ok...), exitUsage, "--rate: must be more than 0 and at most 100000"},
		{append([]string{"--ttl=0s"}, ok...), exitUsage, "--ttl: must be more than 0"},
		{append([]string{"--token-file=x"}, ok...), exitUsage, "--key-file and --token-file exclude each other"},
		{[]string{ok[0], "--token-file=" + bad + ".none"}, exitFailed, "--token-file: " + bad + ".none: no such file or directory"},
		{append([]string{"extra"}, ok...), exitUsage, "unexpected argument extra; see relayctl send --help"},
	} {
		got := relayctl(t, append([]string{"send"}, tt.args...)...)
		if got.code != tt.code || got.err != fmt.Sprintf("relayctl: %s\n", tt.err) || got.out != "" {
			t.Errorf("%v: %+v, want %d %q", tt.args, got, tt.code, tt.err)
		}
	}
}

func TestQuantile(t *testing.T) {
	d := []time.Duration{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 100}
	for q, want := range map[float64]time.Duration{0: 1, 0.5: 6, 0.99: 100, 1: 100} {
		if got := quantile(d, q); got != want {
			t.Errorf("%v: %v, want %v", q, got, want)
		}
	}
	if got := quantile(d[:1], 0.99); got != 1 {
		t.Errorf("of one: %v", got)
	}
}
