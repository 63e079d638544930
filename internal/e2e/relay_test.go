package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"accessrelay/internal/redistest"
)

const (
	tenant    = "8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11"
	theSource = "acme-p0"
	theAPIKey = "ark_e2e-key-of-the-operator"
)

// channelConf is a channel of the file.
type channelConf struct {
	name, kind string
	config     map[string]any
	filters    []string
	rate       string // "": the type's own
}

// webhookTo is a generic-webhook channel to a sink.
func webhookTo(name string, s *sink) channelConf {
	return channelConf{name: name, kind: "generic-webhook", config: map[string]any{"url": s.url}}
}

// relay is one installation: a Redis, a file, and the programs that the test starts.
type relay struct {
	t      *testing.T
	redis  *redistest.Server
	signer *signer
	dir    string

	// What goes into the file; see writeFile.
	channels []channelConf
	window   string // of deduplication; "": the default
	delivery string // lines below delivery:
	sources  []string

	redisURL string
	programs string // another folder of them than bin, or ""
	apiKey   string
	ingest   *process // the last one started
	worker   *process

	mu        sync.Mutex
	processes []*process
	answers   []reply // of the API
}

// newRelay prepares an installation with retries a second apart. Nothing runs
// yet but Redis.
func newRelay(t *testing.T, channels ...channelConf) *relay {
	t.Helper()
	return newRelayOn(t, redistest.Start(t), channels...)
}

func newRelayOn(t *testing.T, redis *redistest.Server, channels ...channelConf) *relay {
	t.Helper()
	r := &relay{
		t: t, redis: redis, signer: newSigner(t), dir: t.TempDir(),
		channels: channels, sources: []string{theSource}, apiKey: theAPIKey,
		delivery: "  backoff: [1s, 1s, 1s]\n",
	}
	r.redisURL = r.redis.URL()
	return r
}

// start writes the file and starts one ingest and one worker.
func (r *relay) start() {
	r.t.Helper()
	r.writeFile()
	r.startIngest()
	r.startWorker()
}

func (r *relay) path() string { return filepath.Join(r.dir, "accessrelay.yaml") }

// writeFile writes accessrelay.yaml and the key beside it.
func (r *relay) writeFile() {
	r.t.Helper()
	write(r.t, filepath.Join(r.dir, "p0-public.pem"), r.signer.publicPEM())
	write(r.t, r.path(), r.file())
}

func (r *relay) file() string {
	var b strings.Builder
	sum := sha256.Sum256([]byte(theAPIKey))
	fmt.Fprintf(&b, "tenants:\n  - id: %s\n    name: acme\n", tenant)
	fmt.Fprintf(&b, "    api_keys:\n      - {name: operator, sha256: %s}\n", hex.EncodeToString(sum[:]))
	b.WriteString("    sources:\n")
	for _, id := range r.sources {
		fmt.Fprintf(&b, "      - id: %s\n        platform: p0\n        auth:\n          jwt:\n", id)
		fmt.Fprintf(&b, "            key_file: p0-public.pem\n            algorithms: [ES384]\n")
		fmt.Fprintf(&b, "            issuer: %s\n            audience: %s\n            subject: %s\n", issuer, audience, subject)
		if r.window != "" {
			fmt.Fprintf(&b, "        dedup_window: %s\n", r.window)
		}
	}
	if len(r.channels) > 0 {
		b.WriteString("    channels:\n")
	}
	for _, c := range r.channels {
		config, err := json.Marshal(c.config) // JSON is YAML
		if err != nil {
			r.t.Fatalf("encoding a config: %v", err)
		}
		fmt.Fprintf(&b, "      - name: %s\n        type: %s\n        config: %s\n", c.name, c.kind, config)
		if len(c.filters) > 0 {
			fmt.Fprintf(&b, "        event_filters: [%s]\n", strings.Join(c.filters, ", "))
		}
		if c.rate != "" {
			fmt.Fprintf(&b, "        rate_limit: %s\n", c.rate)
		}
	}
	if r.delivery != "" {
		b.WriteString("delivery:\n" + r.delivery)
	}
	return b.String()
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatalf("writing %s: %v", filepath.Base(path), err)
	}
}

// startIngest starts one more ingest, with more environment and more flags.
func (r *relay) startIngest(more ...string) *process {
	r.t.Helper()
	p := r.launch("ingest", append([]string{
		"ACCESSRELAY_HOOKS_ADDR=127.0.0.1:0", "ACCESSRELAY_API_ADDR=127.0.0.1:0", "ACCESSRELAY_OPS_ADDR=127.0.0.1:0",
	}, more...))
	p.listener("hooks")
	p.listener("api")
	p.awaitReady()
	r.ingest = p
	return p
}

// startWorker starts one more worker.
func (r *relay) startWorker(more ...string) *process {
	r.t.Helper()
	p := r.launch("worker", append([]string{"ACCESSRELAY_OPS_ADDR=127.0.0.1:0"}, more...))
	p.awaitReady()
	r.worker = p
	return p
}

// launch starts a program; more are variables (A=b) and flags (--a=b).
func (r *relay) launch(name string, more []string) *process {
	r.t.Helper()
	env := []string{"ACCESSRELAY_CONFIG=" + r.path(), "ACCESSRELAY_REDIS_URL=" + r.redisURL}
	var args []string
	for _, m := range more {
		if strings.HasPrefix(m, "--") {
			args = append(args, m)
			continue
		}
		env = append(env, m)
	}
	p := startProcess(r.t, filepath.Join(r.programs, name), env, args)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.processes = append(r.processes, p)
	return p
}

// reply is an answer read whole.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// eventID is the id that ingest gave to what it accepted.
func (a reply) eventID() string { return a.header.Get("Accessrelay-Event-Id") }

// do sends a request and reads the answer.
func do(req *http.Request) (reply, error) {
	resp, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, body}, err
}

// hook makes a request as P0 makes it; a test may spoil it before it is sent.
func (r *relay) hook(body []byte) *http.Request {
	r.t.Helper()
	req, err := http.NewRequest(http.MethodPost, r.ingest.listener("hooks")+"/v1/hooks/"+theSource, bytes.NewReader(body))
	if err != nil {
		r.t.Fatalf("making a request: %v", err)
	}
	req.Header.Set("Authorization", "Bearer "+r.signer.token())
	req.Header.Set("Content-Type", "application/json")
	return req
}

// send sends an event that must be accepted, and returns its id.
func (r *relay) send(body []byte) string {
	r.t.Helper()
	a, err := do(r.hook(body))
	if err != nil {
		r.t.Fatalf("sending an event: %v", err)
	}
	if a.status != http.StatusOK || a.eventID() == "" {
		r.t.Fatalf("sending an event: status %d, id %q, %s", a.status, a.eventID(), a.body)
	}
	return a.eventID()
}

// preapproval is an event of P0's that is different from all others by name.
func preapproval(name string) []byte {
	return fmt.Appendf(nil, `{"id":"n","name":"N","eventType":"preapproval-created","data":{"id":%q,"type":"ssh","access":"session",`+
		`"permission":{"name":"node-1"},"startsAt":1768469400000,"endsAt":1768483800000,"principal":"sam@example.com","reason":"On call"}}`, name)
}
