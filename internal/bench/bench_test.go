// Package bench measures the pair as its users feel it: real sockets, a real
// redis-server, both daemons. It has no code of its own besides benchmarks; run
// them with make bench, alone on the machine.
package bench

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"accessrelay/internal/config"
	"accessrelay/internal/ingestd"
	"accessrelay/internal/redistest"
	"accessrelay/internal/secret"
	"accessrelay/internal/source/p0"
	"accessrelay/internal/workerd"
)

// pair is a running relay with one P0 source and one webhook channel.
type pair struct {
	redis  *redistest.Server
	hook   string
	token  string
	client *http.Client

	mu      sync.Mutex
	arrived map[string]chan time.Time // by event id, when the sink was asked
}

func startPair(b *testing.B) *pair {
	b.Helper()
	p := &pair{
		redis: redistest.Start(b), arrived: map[string]chan time.Time{},
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	}
	sink := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		now := time.Now()
		_, _ = io.Copy(io.Discard, r.Body)
		p.slot(r.Header.Get("Webhook-Id")) <- now
	}))
	b.Cleanup(sink.Close)
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	p.token = signed(b, key)
	file := writeConfig(b, key, sink.URL)
	ctx, log := context.Background(), slog.New(slog.DiscardHandler)

	in, err := ingestd.New(ctx, ingestd.Options{LookupEnv: os.LookupEnv, Log: log, Settings: config.IngestSettings{
		Config: file, RedisURL: secret.New(p.redis.URL()), HooksAddr: "127.0.0.1:0",
		MaxBody: 1 << 20, EnqueueTimeout: time.Second, ShutdownTimeout: 10 * time.Second,
	}})
	if err != nil {
		b.Fatal(err)
	}
	work, err := workerd.New(ctx, workerd.Options{LookupEnv: os.LookupEnv, Log: log, Settings: config.WorkerSettings{
		Config: file, RedisURL: secret.New(p.redis.URL()), Concurrency: 64, ShutdownTimeout: 10 * time.Second,
	}})
	if err != nil {
		b.Fatal(err)
	}
	for _, d := range []interface {
		Start() error
		Stop(context.Context) error
	}{in, work} {
		if err := d.Start(); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = d.Stop(ctx) })
	}
	p.hook = "http://" + in.HooksAddr() + "/v1/hooks/bench-p0"
	return p
}

func writeConfig(b *testing.B, key *ecdsa.PrivateKey, sink string) string {
	b.Helper()
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	text := `
tenants:
  - id: 8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11
    name: bench
    sources:
      - id: bench-p0
        platform: p0
        auth: {jwt: {key_file: key.pem}}
    channels:
      - {name: sink, type: generic-webhook, config: {url: "` + sink + `"}}
`
	for name, data := range map[string][]byte{
		"key.pem": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), "accessrelay.yaml": []byte(text),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	return filepath.Join(dir, "accessrelay.yaml")
}

func signed(b *testing.B, key *ecdsa.PrivateKey) string {
	b.Helper()
	enc := base64.RawURLEncoding
	payload, err := json.Marshal(map[string]any{"exp": time.Now().Add(time.Hour).Unix()})
	if err != nil {
		b.Fatal(err)
	}
	text := enc.EncodeToString([]byte(`{"alg":"ES384"}`)) + "." + enc.EncodeToString(payload)
	sum := sha512.Sum384([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		b.Fatal(err)
	}
	sig := append(r.FillBytes(make([]byte, 48)), s.FillBytes(make([]byte, 48))...)
	return text + "." + enc.EncodeToString(sig)
}

func (p *pair) slot(eventID string) chan time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	ch, ok := p.arrived[eventID]
	if !ok {
		ch = make(chan time.Time, 1)
		p.arrived[eventID] = ch
	}
	return ch
}

// post sends one event and returns its id once it is acknowledged.
func (p *pair) post(body []byte) (string, error) {
	req, err := http.NewRequest(http.MethodPost, p.hook, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := p.client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %d: %s", res.StatusCode, text)
	}
	return res.Header.Get("Accessrelay-Event-Id"), nil
}

func body(i int) []byte {
	return p0.New().Samples()[0].Body(fmt.Sprintf("bench-%d-%d", os.Getpid(), i))
}

// BenchmarkTwoHops sends 50 events a second to an idle pair and reports how long
// each took from the start of its request to its arrival at the sink.
func BenchmarkTwoHops(b *testing.B) {
	p := startPair(b)
	const interval = 20 * time.Millisecond
	var took []time.Duration
	for i := range 50 { // connections, scripts, caches
		p.measure(b, i)
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	i := 50
	for b.Loop() {
		<-ticker.C
		i++
		took = append(took, p.measure(b, i))
	}
	slices.Sort(took)
	at := func(q float64) float64 { return float64(took[int(q*float64(len(took)-1))].Microseconds()) / 1000 }
	b.ReportMetric(at(.5), "p50-ms")
	b.ReportMetric(at(.99), "p99-ms")
	b.ReportMetric(0, "ns/op") // the wait between events, not work
}

func (p *pair) measure(b *testing.B, i int) time.Duration {
	b.Helper()
	start := time.Now()
	id, err := p.post(body(i))
	if err != nil {
		b.Fatal(err)
	}
	select {
	case at := <-p.slot(id):
		return at.Sub(start)
	case <-time.After(10 * time.Second):
		b.Fatal("not delivered")
		return 0
	}
}

// BenchmarkIdle reports how many requests a second an idle worker sends to Redis,
// on the wire.
func BenchmarkIdle(b *testing.B) {
	p := startPair(b)
	for i := range 10 {
		p.measure(b, i)
	}
	const watch = 10 * time.Second
	for b.Loop() {
		b.ReportMetric(float64(p.redis.Requests(b, watch))/watch.Seconds(), "requests/s")
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkAcknowledge reports how fast events are acknowledged by 64 senders,
// while a worker on the same machine delivers them.
func BenchmarkAcknowledge(b *testing.B) {
	p := startPair(b)
	var next atomic.Int64
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := p.post(body(int(next.Add(1)))); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
