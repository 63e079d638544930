package e2e

import (
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// variables are the settings of each program, as documented.
var variables = map[string][]string{
	"ingest": {
		"CONFIG", "REDIS_URL", "HOOKS_ADDR", "API_ADDR", "OPS_ADDR", "LOG_LEVEL", "LOG_FORMAT",
		"SHUTDOWN_TIMEOUT", "MAX_BODY", "ENQUEUE_TIMEOUT", "ACK", "SECRETS_RECIPIENTS",
	},
	"worker": {
		"CONFIG", "REDIS_URL", "OPS_ADDR", "LOG_LEVEL", "LOG_FORMAT", "SHUTDOWN_TIMEOUT", "CONCURRENCY",
		"SECRETS_IDENTITY_FILE", "PROXY_URL",
	},
}

// TestHelp: --help lists every setting with its variable and default.
func TestHelp(t *testing.T) {
	t.Parallel()
	defaults := map[string][]string{
		"ingest": {"accessrelay.yaml", "redis://127.0.0.1:6379/0", ":8080", "127.0.0.1:8081", ":9090", "json", "1MiB", "500ms"},
		"worker": {"accessrelay.yaml", "redis://127.0.0.1:6379/0", ":9091", "json"},
	}
	for name, names := range variables {
		got := runProgram(t, name, nil, "--help")
		if got.code != 0 || got.stderr != "" {
			t.Errorf("%s --help: code %d, stderr %q", name, got.code, got.stderr)
		}
		for _, v := range names {
			flag := "--" + strings.ToLower(strings.ReplaceAll(v, "_", "-"))
			if !strings.Contains(got.stdout, "ACCESSRELAY_"+v) || !strings.Contains(got.stdout, flag) {
				t.Errorf("%s --help does not list %s", name, v)
			}
		}
		for _, d := range defaults[name] {
			if !strings.Contains(got.stdout, "default "+d) && !strings.Contains(strings.Join(strings.Fields(got.stdout), " "), "default "+d) {
				t.Errorf("%s --help does not say: default %s", name, d)
			}
		}
	}
}

// TestWrongSettings: one line that names the key, and an exit code.
func TestWrongSettings(t *testing.T) {
	t.Parallel()
	r := newRelay(t)
	r.writeFile()
	redis := "ACCESSRELAY_REDIS_URL=" + r.redisURL
	config := "ACCESSRELAY_CONFIG=" + r.path()
	evicting := newRelay(t)
	if err := evicting.redis.Client().ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err(); err != nil {
		t.Fatal(err)
	}
	const canary = "canary"
	tests := []struct {
		program string
		env     []string
		args    []string
		names   string
	}{
		{"ingest", []string{config, redis, "ACCESSRELAY_FOO=" + canary}, nil, "ACCESSRELAY_FOO"},
		{"worker", []string{config, redis, "ACCESSRELAY_CONCURENCY=3"}, nil, "ACCESSRELAY_CONCURENCY"},
		{"ingest", []string{config, redis, "ACCESSRELAY_MAX_BODY=much"}, nil, "ACCESSRELAY_MAX_BODY"},
		{"ingest", []string{config, redis, "ACCESSRELAY_ENQUEUE_TIMEOUT=-1s"}, nil, "ACCESSRELAY_ENQUEUE_TIMEOUT"},
		{"ingest", []string{config, redis}, []string{"--ack=perhaps"}, "--ack"},
		{"ingest", []string{config, redis}, []string{"--hooks-addr=nowhere"}, "--hooks-addr"},
		{"ingest", []string{config, redis}, []string{"--hooks-addr=", "--api-addr="}, "--hooks-addr"},
		{"ingest", []string{config, redis}, []string{"--no-such-flag=1"}, "--no-such-flag"},
		{"ingest", []string{config, redis, "ACCESSRELAY_SECRETS_RECIPIENTS=AGE-SECRET-KEY-1" + canary}, nil, "ACCESSRELAY_SECRETS_RECIPIENTS"},
		{"ingest", []string{config, "ACCESSRELAY_REDIS_URL=ftp://u:" + canary + "@h/"}, nil, "ACCESSRELAY_REDIS_URL"},
		{"worker", []string{config, redis, "ACCESSRELAY_LOG_FORMAT=xml"}, nil, "ACCESSRELAY_LOG_FORMAT"},
		{"worker", []string{config, redis, "ACCESSRELAY_CONCURRENCY=0"}, nil, "ACCESSRELAY_CONCURRENCY"},
		{"worker", []string{config, redis}, []string{"--secrets-identity-file=" + r.path()}, "--secrets-identity-file"},
		{"worker", []string{config, redis}, []string{"--proxy-url=http://u:" + canary + "@:x/"}, "--proxy-url"},
		{"worker", []string{redis}, []string{"--config=" + filepath.Join(r.dir, "absent.yaml")}, "absent.yaml"},
		{"worker", []string{config, "ACCESSRELAY_REDIS_URL=" + evicting.redisURL}, nil, "maxmemory-policy"},
		{"ingest", []string{config, "ACCESSRELAY_REDIS_URL=" + evicting.redisURL}, nil, "maxmemory-policy"},
	}
	for _, tt := range tests {
		free := []string{"ACCESSRELAY_OPS_ADDR=127.0.0.1:0"} // should it start after all
		checkRefused(t, runProgram(t, tt.program, append(free, tt.env...), tt.args...), tt.program, tt.names, canary)
	}
}

func checkRefused(t *testing.T, got exited, program, names, canary string) {
	t.Helper()
	if got.code == 0 || strings.Count(got.stderr, "\n") != 1 || !strings.Contains(strings.ToLower(got.stderr), strings.ToLower(names)) || got.stdout != "" {
		t.Errorf("%s: code %d, stdout %q, stderr %q; want one line that names %s", program, got.code, got.stdout, got.stderr, names)
	}
	if strings.Contains(got.stderr, canary) {
		t.Errorf("%s shows a value: %q", program, got.stderr)
	}
}

// TestWrongFiles: what is wrong with the file is said in one line with its key.
func TestWrongFiles(t *testing.T) {
	t.Parallel()
	good := newRelay(t, channelConf{name: "chat", kind: "slack-webhook", config: map[string]any{"url": "https://example.com/x"}})
	good.writeFile()
	const canary = "canary"
	tests := []struct {
		program, from, to, names string
	}{
		{"ingest", "    sources:", "    sauces:", "sauces"},
		{"ingest", "key_file: p0-public.pem", "key_file: absent.pem", "key_file"},
		{"ingest", "key_file: p0-public.pem", "key_file: accessrelay.yaml", "key_file"},
		{"ingest", "key_file: p0-public.pem", "key: ${NOWHERE}", "NOWHERE"},
		{"ingest", "platform: p0", "platform: p9", "platform"},
		{"ingest", "id: " + tenant, "id: acme", "id"},
		{"ingest", "algorithms: [ES384]", "algorithms: [HS256]", "algorithms"},
		{"ingest", "    name: acme\n", "    name: acme\n    name: again\n", "name"},
		{"ingest", "tenants:", "tenants: [" + canary, "wrong.yaml:"},
		{"worker", "https://example.com/x", "ftp://" + canary, "url"},
		{"worker", `{"url":"https://example.com/x"}`, `{"url":"${NOWHERE}"}`, "NOWHERE"},
		{"worker", `{"url":"https://example.com/x"}`, `{"url":"https://example.com/x","token":"` + canary + `"}`, "token"},
		{"worker", "backoff: [1s, 1s, 1s]", "backoff: [soon]", "backoff"},
		{"worker", "delivery:", "delivery:\n  retries: 3", "retries"},
	}
	for _, tt := range tests {
		text := strings.Replace(good.file(), tt.from, tt.to, 1)
		if text == good.file() {
			t.Fatalf("nothing is wrong with %s", tt.to)
		}
		path := filepath.Join(good.dir, "wrong.yaml")
		write(t, path, text)
		env := []string{"ACCESSRELAY_CONFIG=" + path, "ACCESSRELAY_REDIS_URL=" + good.redisURL, "ACCESSRELAY_OPS_ADDR=127.0.0.1:0"}
		checkRefused(t, runProgram(t, tt.program, env), tt.program, tt.names, canary)
	}
}

// TestOthersSettings: what is for the other program alone need not be there: a
// variable of its own is ignored, and its secrets are not looked for.
func TestOthersSettings(t *testing.T) {
	t.Parallel()
	hook := newSink(t)
	r := newRelay(t, channelConf{name: "hook", kind: "generic-webhook", config: map[string]any{"url": "${SINK_URL}"}})
	r.writeFile()
	others := []string{"ACCESSRELAY_CONCURRENCY=none", "ACCESSRELAY_MAX_BODY=much", "ACCESSRELAY_HOOKS_ADDR=127.0.0.1:0"}
	r.startIngest(others[0])

	// The same file where the key is not.
	elsewhere := filepath.Join(t.TempDir(), "accessrelay.yaml")
	write(t, elsewhere, r.file())
	r.startWorker("--config="+elsewhere, others[1], others[2], "SINK_URL="+hook.url)
	if got := r.settle(r.send(preapproval("a")), soon); got.Status != "delivered" {
		t.Errorf("%+v", got)
	}
	if c := r.channel("hook"); strings.Contains(string(c.Config), hook.url) || c.ManagedBy != "file" {
		t.Errorf("channel %+v, config %s", c, c.Config)
	}
}

// TestReload: SIGHUP puts a new file in force, and a bad one does not.
func TestReload(t *testing.T) {
	t.Parallel()
	one, two := newSink(t), newSink(t)
	r := newRelay(t, webhookTo("one", one))
	r.start()
	const source2 = "acme-p0-2"
	post := func() reply {
		t.Helper()
		req := r.hook(preapproval("reload"))
		req.URL.Path = "/v1/hooks/" + source2
		got, err := do(req)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := post(); got.status != http.StatusNotFound {
		t.Errorf("before: status %d", got.status)
	}
	r.sources = append(r.sources, source2)
	r.channels = append(r.channels, webhookTo("two", two))
	r.writeFile()
	reload(t, r, "config reloaded", 1)
	got := post()
	if got.status != http.StatusOK {
		t.Fatalf("after: status %d, %s", got.status, got.body)
	}
	if got := r.settle(got.eventID(), soon); got.Status != "delivered" || len(got.Deliveries) != 2 {
		t.Errorf("after: %+v", got)
	}
	r.ingest.scrape().want(t, 0, "accessrelay_ingest_requests_total", "source", source2, "platform", "p0", "outcome", "malformed")

	write(t, r.path(), strings.Replace(r.file(), "tenants:", "tenant:", 1))
	reload(t, r, "config not reloaded; the old one stays in force", 1)
	for _, p := range []*process{r.ingest, r.worker} {
		rec := p.logged("config not reloaded; the old one stays in force")[0]
		if rec.text("level") != "ERROR" || !strings.Contains(rec.text("error"), "tenant") {
			t.Errorf("%s logged %v", p.name, rec)
		}
	}
	req := r.hook(preapproval("still"))
	if got, err := do(req); err != nil || got.status != http.StatusOK {
		t.Errorf("after a bad file: status %d, %v", got.status, err)
	} else if got := r.settle(got.eventID(), soon); len(got.Deliveries) != 2 {
		t.Errorf("after a bad file: %+v", got)
	}

	// A source that is gone is unknown.
	r.sources = r.sources[:1]
	r.writeFile()
	reload(t, r, "config reloaded", 2)
	if got := post(); got.status != http.StatusNotFound {
		t.Errorf("without the source: status %d", got.status)
	}
}

// reload has both programs read the file again and waits until both have
// logged msg for the n-th time.
func reload(t *testing.T, r *relay, msg string, n int) {
	t.Helper()
	for _, p := range []*process{r.ingest, r.worker} {
		p.signal(syscall.SIGHUP)
		eventually(t, soon, p.name+" logs: "+msg, func() bool { return len(p.logged(msg)) >= n })
	}
}
