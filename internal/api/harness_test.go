package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"accessrelay/internal/api"
	"accessrelay/internal/catalog"
	"accessrelay/internal/channel"
	"accessrelay/internal/channel/slack"
	"accessrelay/internal/channel/webhook"
	"accessrelay/internal/channelstore"
	"accessrelay/internal/event"
	"accessrelay/internal/queue"
	"accessrelay/internal/receipt"
	"accessrelay/internal/redisconn"
	"accessrelay/internal/redistest"
	"accessrelay/internal/secret"
)

const (
	acme    = "8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11"
	globex  = "0B0B0B0B-1111-4222-8333-ABCDEFABCDEF" // in capitals, as a file may have it
	acmeKey = "ark_acme"
	ciKey   = "ark_acme_ci"
	gloKey  = "ark_globex"
	bothKey = "ark_both"

	// canary is part of every secret that the tests send: it must never come back.
	canary      = "c4n4ry"
	slackURL    = "https://hooks.slack.com/services/T000/B000/" + canary
	webhookURL  = "https://events.example.com/integration/" + canary + "/enqueue"
	signingKey  = "whsec_YzRuNHJ5YzRuNHJ5YzRuNHJ5YzRuNHJ5YzRuNHJ5" // the canary in base64, six times
	canaryBlind = "YzRuNHJ5"
)

var kinds = catalog.Kinds()

// noon is the harness's clock at the start.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

// harness is the API on a real socket, real stores and a real Redis.
type harness struct {
	t        *testing.T
	server   *httptest.Server
	redis    *redistest.Server
	channels *channelstore.Store
	receipts *receipt.Store
	queue    *queue.Client
	opener   *secret.Opener
	file     []*channel.Channel // acme's
	log      *buffer
	clock    *clock
}

func start(t *testing.T, change ...func(*api.Config)) *harness {
	t.Helper()
	identity, recipient, err := secret.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := secret.NewSealer(recipient)
	if err != nil {
		t.Fatal(err)
	}
	opener, err := secret.NewOpener(bytes.NewReader(identity))
	if err != nil {
		t.Fatal(err)
	}
	srv := redistest.Start(t)
	rdb, err := redisconn.Open(srv.URL()) // as the programs do: its time-outs matter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rdb.Close() })
	h := &harness{
		t: t, redis: srv, opener: opener, log: &buffer{}, clock: &clock{now: noon},
		channels: channelstore.New(rdb),
		receipts: receipt.New(rdb, receipt.Retention{Receipts: time.Hour}),
		queue:    queue.NewClient(rdb),
	}
	t.Cleanup(func() { _ = h.queue.Close() })
	h.file = []*channel.Channel{
		fileChannel("security-slack", slack.Kind{}, `{"url":"`+slackURL+`"}`, "grant.*"),
		fileChannel("audit-hook", webhook.Kind{}, `{"url":"`+webhookURL+`"}`),
	}
	cfg := api.Config{
		Tenants: func() []api.Tenant {
			key := func(name, k string) api.Key { return api.Key{Name: name, SHA256: secret.HashAPIKey(k)} }
			upper := key("ops", gloKey)
			upper.SHA256 = strings.ToUpper(upper.SHA256)
			return []api.Tenant{
				{ID: acme, Keys: []api.Key{key("terraform", acmeKey), key("ci", ciKey), key("shared", bothKey)}},
				{ID: globex, Keys: []api.Key{upper, key("shared", bothKey)}},
			}
		},
		Channels: h.channels, Receipts: h.receipts, Events: h.queue,
		FileChannels: func(tenantID string) []*channel.Channel {
			if tenantID == acme {
				return h.file
			}
			return nil
		},
		Kinds: kinds, Sealer: sealer,
		Now: h.clock.Now, Log: slog.New(slog.NewJSONHandler(h.log, nil)),
	}
	for _, c := range change {
		c(&cfg)
	}
	h.server = httptest.NewServer(described.Handler(t, api.New(cfg)))
	t.Cleanup(h.server.Close)
	return h
}

func fileChannel(name string, kind channel.Kind, config string, filters ...string) *channel.Channel {
	return &channel.Channel{
		ID: channel.FileID(acme, name), TenantID: acme, Name: name, Type: kind.Type(),
		Enabled: true, Filters: filters, ManagedBy: channel.ManagedByFile, Masked: kind.Mask(json.RawMessage(config)),
	}
}

// request is one call; zero fields are what most calls have.
type request struct {
	method string
	path   string
	key    string            // default acmeKey; "-" sends none
	tenant string            // default acme; "-" sends none
	header map[string]string // added; an empty value takes a header away
	body   string            // sent as JSON when there is one
}

// reply is an answer, read.
type reply struct {
	status int
	header http.Header
	body   string
}

var requestID = regexp.MustCompile(`^req_[a-z2-7]{26}$`)

// do makes the call and checks what every answer must be.
func (h *harness) do(r request) reply {
	h.t.Helper()
	got := h.doUnchecked(r)
	h.checkAnswer(r, got)
	return got
}

func (h *harness) doUnchecked(r request) reply {
	h.t.Helper()
	req, err := http.NewRequest(r.method, h.server.URL+r.path, strings.NewReader(r.body))
	if err != nil {
		h.t.Fatal(err)
	}
	if r.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, v := range map[string][2]string{"X-API-Key": {r.key, acmeKey}, "X-Tenant-ID": {r.tenant, acme}} {
		switch v[0] {
		case "-":
		case "":
			req.Header.Set(name, v[1])
		default:
			req.Header.Set(name, v[0])
		}
	}
	for name, v := range r.header {
		req.Header.Set(name, v)
		if v == "" {
			req.Header.Del(name)
		}
	}
	res, err := h.server.Client().Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header, strings.TrimSpace(string(raw))}
}

func (h *harness) checkAnswer(r request, got reply) {
	h.t.Helper()
	id := got.header.Get("X-Request-Id")
	if !requestID.MatchString(id) {
		h.t.Errorf("X-Request-Id is %q", id)
	}
	if cc := got.header.Get("Cache-Control"); cc != "no-store" {
		h.t.Errorf("Cache-Control is %q", cc)
	}
	if ct := got.header.Get("Content-Type"); got.body != "" && ct != "application/json" && ct != "application/yaml" {
		h.t.Errorf("Content-Type is %q", ct)
	}
	if leaks(got.body) {
		h.t.Errorf("the answer holds a secret: %s", got.body)
	}
	if got.status < 400 || r.method == http.MethodHead {
		return
	}
	var e struct {
		Type    *string         `json:"type"`
		Code    *string         `json:"code"`
		Message *string         `json:"message"`
		ErrorID *string         `json:"errorId"`
		Details *map[string]any `json:"details"`
	}
	dec := json.NewDecoder(strings.NewReader(got.body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil || e.Type == nil || e.Code == nil || e.Message == nil || e.ErrorID == nil || e.Details == nil {
		h.t.Fatalf("not an error body: %v: %s", err, got.body)
	}
	want := "public"
	if got.status >= 500 {
		want = "internal"
	}
	if *e.Type != want || *e.ErrorID != id || *e.Message == "" {
		h.t.Errorf("error body %s: want type %s and errorId %s", got.body, want, id)
	}
}

func leaks(s string) bool { return strings.Contains(s, canary) || strings.Contains(s, canaryBlind) }

// create makes a channel and returns its id.
func (h *harness) create(slug, body string) string {
	h.t.Helper()
	got := h.do(request{method: "POST", path: "/v1/notification-channels/" + slug, body: body})
	if got.status != 201 {
		h.t.Fatalf("creating a channel: %d %s", got.status, got.body)
	}
	return field(h.t, got.body, "id")
}

// field is a string of a JSON object.
func field(t *testing.T, body, key string) string {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	s, ok := m[key].(string)
	if !ok {
		t.Fatalf("no %s in %s", key, body)
	}
	return s
}

// sameJSON fails the test unless got and want are one value.
func sameJSON(t *testing.T, got, want string) {
	t.Helper()
	g, err := event.Fingerprint([]byte(got))
	if err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	w, err := event.Fingerprint([]byte(want))
	if err != nil {
		t.Fatalf("%v: %s", err, want)
	}
	if g != w {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// buffer is a log that a test reads while handlers write.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
