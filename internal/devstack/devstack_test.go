package devstack

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"accessrelay/internal/catalog"
	"accessrelay/internal/redisconn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// logTo shows what the stack warns of beside what the test says.
type logTo struct{ t *testing.T }

func (l logTo) Write(b []byte) (int, error) {
	l.t.Logf("log: %s", b)
	return len(b), nil
}

func start(t *testing.T) *Stack {
	t.Helper()
	log := slog.New(slog.NewTextHandler(logTo{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	s, err := Start(t.Context(), Options{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(s.dir); !os.IsNotExist(err) {
			t.Errorf("the folder is still there: %v", err)
		}
	})
	return s
}

func TestStack(t *testing.T) {
	s := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	report, err := s.SendSamples(ctx)
	if err != nil {
		t.Fatal(err)
	}
	sent := 0
	for _, p := range catalog.PlatformNames() {
		sent += len(catalog.Samples(p))
	}
	channels := len(catalog.Kinds())
	if report.Sent != sent || report.Delivered != sent*channels {
		t.Errorf("%d sent and %d delivered, want %d and %d", report.Sent, report.Delivered, sent, sent*channels)
	}

	var inbox struct {
		Data []struct {
			Status    int    `json:"status"`
			Problem   string `json:"problem"`
			Attempt   int    `json:"attempt"`
			Signature *struct{ State string }
		}
	}
	_, body := get(t, s.URLs.Inbox+"/api/messages")
	if err := json.Unmarshal([]byte(body), &inbox); err != nil {
		t.Fatal(err)
	}
	if len(inbox.Data) != sent*channels {
		t.Errorf("%d messages in the inbox, want %d", len(inbox.Data), sent*channels)
	}
	verified := 0
	for _, m := range inbox.Data {
		if m.Status/100 != 2 || m.Problem != "" || m.Attempt != 1 {
			t.Errorf("a message was not taken: %+v", m)
		}
		if m.Signature != nil && m.Signature.State == "verified" {
			verified++
		}
	}
	if verified != sent {
		t.Errorf("%d signatures verified, want %d", verified, sent)
	}

	for _, tt := range []struct{ url, want string }{
		{s.URLs.Inbox + "/", s.URLs.Dashboard},
		{s.URLs.Inbox + "/api/messages?path=/email/demo", `"subject":`},
		{s.URLs.Dashboard + "/", "<html"},
		{s.URLs.Dashboard + "/api/queues", `"queue":"`},
		{s.URLs.IngestOps + "/readyz", "ok"},
		{s.URLs.WorkerOps + "/readyz", "ok"},
		{s.URLs.IngestOps + "/metrics", `accessrelay_ingest_requests_total{outcome="accepted",platform="p0",source="demo-p0"} `},
		{s.URLs.WorkerOps + "/metrics", "accessrelay_delivery_attempts_total"},
	} {
		if status, body := get(t, tt.url); status != 200 || !strings.Contains(body, tt.want) {
			t.Errorf("%s: %d without %q: %.200s", tt.url, status, tt.want, body)
		}
	}
}

// A channel made through the API shows that both keys of sealing are in place.
func TestAPIChannelIsStored(t *testing.T) {
	s := start(t)
	req, err := http.NewRequest(http.MethodPost, s.URLs.API+"/v1/notification-channels/slack-webhook",
		strings.NewReader(`{"name":"mine","config":{"url":"https://hooks.example.com/x"}}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-API-Key", s.Demo.APIKey.Reveal())
	req.Header.Set("X-Tenant-ID", "8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		body, _ := io.ReadAll(resp.Body)
		t.Errorf("answered %d: %s", resp.StatusCode, body)
	}
}

func TestTakenPort(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	port := ln.Addr().(*net.TCPAddr).Port
	for flag, ports := range map[string]Ports{
		"hooks-port": {Hooks: port}, "api-port": {API: port}, "dashboard-port": {Dashboard: port},
		"inbox-port": {Inbox: port}, "mail-port": {Mail: port}, "ingest-ops-port": {IngestOps: port}, "worker-ops-port": {WorkerOps: port},
	} {
		_, err := Start(t.Context(), Options{Ports: ports, Log: slog.New(slog.DiscardHandler)})
		want := "--" + flag + ": " + ln.Addr().String() + " is taken: give another one, or --free-ports for free ones everywhere"
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", flag, err, want)
		}
	}
	if err := (Ports{API: 99999}).check(); err == nil || !strings.HasPrefix(err.Error(), "--api-port: ") {
		t.Errorf("a port that is none: %v", err)
	}
}

// One port for two listeners is found before anything is started.
func TestSamePortTwice(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := ln.Addr().(*net.TCPAddr).Port
	_ = ln.Close()
	if err := (Ports{API: port, Inbox: port}).check(); err == nil || !strings.HasPrefix(err.Error(), "--inbox-port: ") {
		t.Errorf("two listeners on one port: %v", err)
	}
}

// A stack that cannot start leaves nothing behind.
func TestStartFails(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()+"/missing")
	if _, err := Start(t.Context(), Options{Log: slog.New(slog.DiscardHandler)}); err == nil {
		t.Error("it started without a folder")
	}
}

// Killed before it is stopped, the keys are gone as well.
func TestKilled(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var last func()
	s, err := Start(t.Context(), Options{Log: slog.New(slog.DiscardHandler), AtKill: func(f func()) { last = f }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.Demo.IdentityFile); err != nil {
		t.Errorf("before: %v", err)
	}
	last()
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left over: %v %v", left, err)
	}
	if err := s.Stop(t.Context()); err != nil { // which a kill can find under way
		t.Error(err)
	}
}

// Nobody tells the embedded Redis the time: keys expire and TIME moves on.
func TestRedisClockAdvances(t *testing.T) {
	e, err := startRedis()
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	rdb, err := redisconn.Open(e.url())
	if err != nil {
		t.Fatal(err)
	}
	defer rdb.Close()
	ctx := t.Context()
	before, err := rdb.Time(ctx).Result()
	if err != nil {
		t.Fatal(err)
	}
	if err := rdb.Set(ctx, "short", "1", 300*time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	if err := rdb.Set(ctx, "long", "1", time.Hour).Err(); err != nil {
		t.Fatal(err)
	}
	if n := rdb.Exists(ctx, "short").Val(); n != 1 {
		t.Error("it expired at once")
	}
	deadline := time.Now().Add(10 * time.Second)
	for rdb.Exists(ctx, "short").Val() == 1 {
		if time.Now().After(deadline) {
			t.Fatal("a key of 300 ms is there after 10 s")
		}
		time.Sleep(10 * time.Millisecond)
	}
	after, err := rdb.Time(ctx).Result()
	if err != nil {
		t.Fatal(err)
	}
	if d := after.Sub(before); d < 150*time.Millisecond || d > time.Minute {
		t.Errorf("TIME moved by %v", d)
	}
	if ttl := rdb.PTTL(ctx, "long").Val(); ttl >= time.Hour || ttl < 59*time.Minute {
		t.Errorf("the key of an hour has %v left", ttl)
	}
}

func TestRedisWantsItsPassword(t *testing.T) {
	e, err := startRedis()
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	rdb, err := redisconn.Open("redis://" + e.server.Addr() + "/0")
	if err != nil {
		t.Fatal(err)
	}
	defer rdb.Close()
	if err := rdb.Ping(t.Context()).Err(); err == nil {
		t.Error("anybody may use it")
	}
}
