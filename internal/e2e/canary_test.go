package e2e

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"
)

// canaries are texts that must stay where they belong, by what they are.
type canaries map[string]string

// find reports every canary in text.
func (c canaries) find(t *testing.T, where, text string) {
	t.Helper()
	for what, canary := range c {
		if i := strings.Index(text, canary); i >= 0 {
			t.Errorf("%s shows %s: …%s…", where, what, text[max(0, i-80):min(len(text), i+len(canary)+40)])
		}
	}
}

// The parts of an event that people wrote or that name them.
var payload = canaries{
	"the reason":    "canary-reason",
	"the principal": "canary-principal",
	"a name":        "canary-node",
	"an event type": "canary-type",
}

func canaryEvent(id string) []byte {
	return fmt.Appendf(nil, `{"id":"n","name":"N","eventType":"preapproval-created","data":{"id":%q,"type":"ssh","access":"session",`+
		`"permission":{"name":"canary-node"},"startsAt":1768469400000,"endsAt":1768483800000,"principal":"canary-principal@example.com","reason":"canary-reason"}}`, id)
}

// TestNothingLeaks plants secrets and payload text everywhere, has as much as
// possible go wrong, and looks for them in all that the programs show, and for
// the secrets in all that Redis holds.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	key := "canary-signing-key-of-24-bytes-or-more"
	secrets := canaries{
		"the Redis password":        "canary-redis-password",
		"the API key":               theAPIKey,
		"an unknown API key":        "canary-unknown-api-key",
		"the signing secret":        "whsec_" + base64.StdEncoding.EncodeToString([]byte(key)),
		"the signing key":           key,
		"Slack's address":           "canary-slack-path",
		"a webhook's path":          "canary-webhook-path",
		"a webhook's query":         "canary-webhook-query",
		"a header's value":          "canary-header-value",
		"a redirect's target":       "canary-redirect",
		"a destination's answer":    "canary-answer",
		"a config that was refused": "canary-refused",
		"a mail password":           "canary-mail-password",
		"an AWS secret":             "canary-aws-secret",
		"an endpoint's path":        "canary-endpoint-path",
	}
	echo := newSink(t, answer{status: 500, body: "canary-answer"}, answer{status: 400, body: "canary-answer", header: map[string]string{"X-Error": "canary-answer"}})
	moved := newSink(t, answer{status: 307, header: map[string]string{"Location": "http://127.0.0.1:1/canary-redirect"}})
	fine := newSink(t)
	at := func(s *sink) string { return s.url + "/canary-webhook-path?q=canary-webhook-query" }
	conf := func(name, kind, url string) channelConf {
		return channelConf{name: name, kind: kind, config: map[string]any{"url": url}}
	}
	full := conf("full", "generic-webhook", at(fine))
	full.config["headers"] = map[string]any{"Authorization": "Bearer canary-header-value"}
	full.config["signing_secret"] = secrets["the signing secret"]

	others, authority := spoiltChannels(t)
	r := newRelay(t, append(others, full, conf("echo", "generic-webhook", at(echo)), conf("moved", "generic-webhook", at(moved)),
		conf("chat", "slack-webhook", "${SLACK_URL}"),
		conf("closed", "generic-webhook", "http://127.0.0.1:1/canary-webhook-path"),
		conf("metadata", "generic-webhook", "http://169.254.169.254/canary-webhook-path"),
		conf("tls", "generic-webhook", strings.Replace(at(fine), "http:", "https:", 1)))...)
	r.delivery = "  backoff: [100ms]\n  allow_networks: [127.0.0.0/8]\n"
	if err := r.redis.Client().Do(t.Context(), "ACL", "SETUSER", "relay", "on", ">canary-redis-password", "~*", "&*", "+@all").Err(); err != nil {
		t.Fatal(err)
	}
	r.redisURL = strings.Replace(r.redisURL, "redis://", "redis://relay:canary-redis-password@", 1)
	recipient, identityFile := sealing(t, r.dir)
	r.writeFile()
	r.startIngest("ACCESSRELAY_SECRETS_RECIPIENTS="+recipient, "ACCESSRELAY_LOG_LEVEL=debug")
	r.startWorker("ACCESSRELAY_SECRETS_IDENTITY_FILE="+identityFile, "ACCESSRELAY_LOG_LEVEL=debug",
		"SLACK_URL="+echo.url+"/canary-slack-path", "SSL_CERT_FILE="+authority)
	identity, err := os.ReadFile(identityFile)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(identity)) {
		if strings.HasPrefix(line, "AGE-SECRET-KEY-") {
			secrets["the identity"] = strings.TrimSpace(line)
		}
	}

	r.create("generic-webhook", map[string]any{
		"name": "sealed", "url": at(fine), "headers": map[string]string{"X-Auth": "canary-header-value"},
		"signing_secret": secrets["the signing secret"],
	})
	r.create("slack-webhook", map[string]any{"name": "sealed chat", "webhook_url": echo.url + "/canary-slack-path"})
	for _, c := range others {
		r.create(c.kind, map[string]any{"name": "sealed " + c.name, "config": c.config})
	}
	shown := spoilAPI(t, r)
	shown = append(shown, spoilHooks(t, r, secrets)...)
	checkSpoilt(t, r.settle(r.send(canaryEvent("a")), retries))
	// The second event of those that fail: their breakers open, and it waits.
	waiting := r.send([]byte(`{"id":"n","name":"N","eventType":"canary-type","data":{"reason":"canary-reason"}}`))
	eventually(t, retries, "every channel has been tried", func() bool {
		got := r.receipt(waiting)
		return len(got.Deliveries) > 0 && !slices.ContainsFunc(got.Deliveries, func(d delivery) bool { return d.State == "pending" })
	})
	for _, path := range []string{"/v1/deliveries", "/v1/deliveries?state=dead", channelsPath} {
		r.call(http.MethodGet, path, "")
	}
	write(t, r.path(), strings.Replace(r.file(), `"signing_secret":"`, `"signing_secret":"canary-refused`, 1))
	r.worker.signal(syscall.SIGHUP)
	eventually(t, soon, "the worker refuses the file", func() bool {
		return len(r.worker.logged("config not reloaded; the old one stays in force")) == 1
	})
	events := false
	for k, v := range stored(t, r.redis.Client()) {
		secrets.find(t, "Redis key "+k, k+" "+v)
		events = events || strings.Contains(v, payload["the reason"])
	}
	if !events {
		t.Error("no event was found in Redis: its keys were not read as they are written")
	}

	r.redis.Kill() // and what the programs say about that
	if got, err := do(r.hook(canaryEvent("b"))); err != nil || got.status != http.StatusServiceUnavailable {
		t.Errorf("without Redis: status %d, %v", got.status, err)
	} else {
		shown = append(shown, string(got.body))
	}
	r.call(http.MethodGet, "/v1/deliveries", "")
	for _, p := range []*process{r.ingest, r.worker} {
		eventually(t, soon, p.name+" is not ready", func() bool { return probe(t, p.listener("ops")+"/readyz") != http.StatusOK })
		for _, path := range []string{"/readyz", "/healthz", "/metrics"} {
			shown = append(shown, get(t, p.listener("ops")+path))
		}
	}
	r.redis.Restart()
	for _, a := range r.answers {
		shown = append(shown, string(a.body)+" "+fmt.Sprint(a.header))
	}
	for _, p := range r.processes {
		p.stop()
		shown = append(shown, p.output()...)
	}
	for _, must := range []string{"hook refused", "not delivered", "accessrelay_build_info", "address_blocked", "channel_type"} {
		if !strings.Contains(strings.Join(shown, "\n"), must) {
			t.Errorf("nothing shows %q: this test has not looked at everything", must)
		}
	}
	for _, text := range shown {
		secrets.find(t, "an answer, a metric or a log", text)
		payload.find(t, "an answer, a metric or a log", text)
	}
}

// spoilAPI makes calls that are refused, with canaries in them.
func spoilAPI(t *testing.T, r *relay) []string {
	t.Helper()
	for slug, bodies := range spoiltConfigs {
		for _, body := range bodies {
			if got := r.call(http.MethodPost, channelsPath+"/"+slug, body); got.status != http.StatusBadRequest {
				t.Errorf("%s: status %d, %s", body, got.status, got.body)
			}
		}
	}
	for _, body := range []string{
		`{"name":"x","url":"ftp://canary-refused"}`,
		`{"name":"x","url":"https://u:canary-refused@example.com/"}`,
		`{"name":"x","url":"https://example.com/canary-refused#x"}`,
		`{"name":"x","url":"https://example.com/","signing_secret":"canary-refused"}`,
		`{"name":"x","url":"https://example.com/","headers":{"X-A":"canary-refused\n"}}`,
		`{"name":"x","url":["canary-refused"]}`,
		`{"name":"x","url":"https://example.com/canary-refused"`,
	} {
		if got := r.call(http.MethodPost, channelsPath+"/generic-webhook", body); got.status != http.StatusBadRequest {
			t.Errorf("%s: status %d, %s", body, got.status, got.body)
		}
	}
	req, err := http.NewRequest(http.MethodGet, r.ingest.listener("api")+channelsPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer canary-unknown-api-key")
	got, err := do(req)
	if err != nil || got.status != http.StatusUnauthorized {
		t.Errorf("an unknown key: status %d, %v", got.status, err)
	}
	return []string{string(got.body)}
}

// spoilHooks sends events that are refused and adds their tokens to secrets.
func spoilHooks(t *testing.T, r *relay, secrets canaries) []string {
	t.Helper()
	stranger := newSigner(t)
	var shown []string
	for i, spoil := range []func(*http.Request){
		func(*http.Request) {},
		// The log says what a signed iss, aud or sub is, and nothing of the rest.
		token(r, func(c claims) { c["iss"], c["jti"] = "another", "canary-refused" }),
		token(r, func(c claims) { c["sub"], c["email"] = "another", "canary-refused" }),
		func(req *http.Request) {
			c := goodClaims()
			c["iss"], c["sub"] = "canary-refused", "canary-refused"
			req.Header.Set("Authorization", "Bearer "+stranger.sign(c))
		},
		func(req *http.Request) { req.URL.Path, req.URL.RawQuery = "/v1/hooks/acme-po", "token=canary-refused" },
		func(req *http.Request) { req.URL.Path, req.URL.RawQuery = "/hooks", "token=canary-refused" },
		token(r, func(c claims) { c["exp"] = "canary-refused" }),
		header("Authorization", "Bearer canary-refused"),
		header("Authorization", "Basic canary-refused"),
		header("Content-Type", "text/plain; x=canary-refused"),
		body(`{"id":"canary-reason","eventType":"canary-type"}`),
		body(`{"reason":"canary-reason"`),
	} {
		req := r.hook(canaryEvent(fmt.Sprint("spoilt", i)))
		spoil(req)
		if sent := req.Header.Get("Authorization"); strings.Count(sent, ".") == 2 {
			_, signature, _ := strings.Cut(sent[strings.Index(sent, ".")+1:], ".")
			secrets[fmt.Sprint("token ", i)] = signature
		}
		got, err := do(req)
		if err != nil {
			t.Fatal(err)
		}
		shown = append(shown, string(got.body)+" "+fmt.Sprint(got.header))
	}
	return shown
}

func get(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := do(req)
	if err != nil {
		t.Fatalf("GET %s: %v", url, err)
	}
	return string(got.body)
}

// stored returns all that Redis holds, by key.
func stored(t *testing.T, rdb *redis.Client) map[string]string {
	t.Helper()
	ctx := context.Background()
	out := map[string]string{}
	keys, err := rdb.Keys(ctx, "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		var v any
		switch kind := rdb.Type(ctx, k).Val(); kind {
		case "string":
			v = rdb.Get(ctx, k).Val()
		case "hash":
			v = rdb.HGetAll(ctx, k).Val()
		case "list":
			v = rdb.LRange(ctx, k, 0, -1).Val()
		case "set":
			v = rdb.SMembers(ctx, k).Val()
		case "zset":
			v = rdb.ZRange(ctx, k, 0, -1).Val()
		case "stream":
			v = rdb.XRange(ctx, k, "-", "+").Val()
		case "none": // gone meanwhile
		default:
			t.Errorf("key %s is of type %s: teach this test to read it", k, kind)
		}
		out[k] = fmt.Sprint(v)
	}
	if len(out) == 0 {
		t.Error("Redis is empty: nothing was looked at")
	}
	return out
}
