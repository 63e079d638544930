package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// load sends events as fast as it can and remembers what was answered 200.
type load struct {
	mu       sync.Mutex
	accepted map[string]bool
	wg       sync.WaitGroup
	stop     chan struct{}
}

// startLoad sends with so many clients, half of them on connections that stay
// open, until the load is stopped or nobody takes events any more.
func startLoad(t *testing.T, r *relay, clients int) *load {
	t.Helper()
	l := &load{accepted: map[string]bool{}, stop: make(chan struct{})}
	auth := "Bearer " + r.signer.token()
	for c := range clients {
		transport := &http.Transport{DisableKeepAlives: c%2 == 0}
		sender := &http.Client{Transport: transport, Timeout: soon}
		l.wg.Go(func() {
			defer transport.CloseIdleConnections()
			for i := 0; ; i++ {
				select {
				case <-l.stop:
					return
				default:
				}
				req := r.hook(preapproval(fmt.Sprint(c, "-", i)))
				req.Header.Set("Authorization", auth)
				resp, err := sender.Do(req)
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					t.Errorf("under load: status %d", resp.StatusCode)
					return
				}
				l.mu.Lock()
				l.accepted[resp.Header.Get("Accessrelay-Event-Id")] = true
				l.mu.Unlock()
			}
		})
	}
	return l
}

func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.accepted)
}

// TestIngestStopsUnderLoad: what a stopping ingest has accepted it answers, what
// it answers is delivered, and a request that it has begun to read it reads on.
func TestIngestStopsUnderLoad(t *testing.T) {
	t.Parallel()
	hook := newSink(t)
	r := newRelay(t, webhookTo("hook", hook))
	r.start()
	half := startHalf(t, r, preapproval("half"))
	const clients = 6
	l := startLoad(t, r, clients)
	defer l.wg.Wait()
	defer close(l.stop)
	eventually(t, soon, "the load is on", func() bool { return l.count() >= 10*clients })

	stopping := r.ingest
	stopping.terminate()
	eventually(t, soon, "the ingest takes no new connection", func() bool {
		conn, err := net.Dial("tcp", half.addr)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	id := half.finish(t)
	if code := stopping.wait(); code != 0 {
		t.Errorf("the ingest ended with code %d", code)
	}
	l.wg.Wait()
	l.accepted[id] = true

	logged := map[string]bool{}
	for _, rec := range stopping.logged("event accepted") {
		logged[rec.text("event")] = true
		if !l.accepted[rec.text("event")] {
			t.Errorf("event %s was accepted, and its sender not told", rec.text("event"))
		}
	}
	r.startIngest() // for its API
	for id := range l.accepted {
		if !logged[id] {
			t.Errorf("event %s was answered 200 and is not in the log", id)
		}
		if got := r.settle(id, soon); got.Status != "delivered" || len(hook.of(id)) != 1 {
			t.Errorf("answered 200, %d requests: %+v", len(hook.of(id)), got)
		}
	}
	t.Logf("%d events were accepted", len(l.accepted))
}

// half is a request of which only a part has been sent.
type half struct {
	addr string
	conn net.Conn
	rest []byte
}

func startHalf(t *testing.T, r *relay, body []byte) *half {
	t.Helper()
	addr := strings.TrimPrefix(r.ingest.listener("hooks"), "http://")
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatalf("connecting: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(3 * soon))
	head := fmt.Sprintf("POST /v1/hooks/%s HTTP/1.1\r\nHost: relay\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
		theSource, r.signer.token(), len(body))
	if _, err := conn.Write(append([]byte(head), body[:10]...)); err != nil {
		t.Fatalf("sending half a request: %v", err)
	}
	return &half{addr, conn, body[10:]}
}

// finish sends the rest and returns the event's id.
func (h *half) finish(t *testing.T) string {
	t.Helper()
	if _, err := h.conn.Write(h.rest); err != nil {
		t.Fatalf("sending the rest: %v", err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(h.conn), nil)
	if err != nil {
		t.Fatalf("a request that was under way got no answer: %v", err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("a request that was under way: status %d", resp.StatusCode)
	}
	return resp.Header.Get("Accessrelay-Event-Id")
}

// TestWorkerStopsInMidDelivery: a stopping worker waits for the answer and
// records it; what it has not begun is left for others.
func TestWorkerStopsInMidDelivery(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	hook := newSink(t, answer{hold: release}, answer{})
	r := newRelay(t, webhookTo("hook", hook))
	r.start()
	held := r.send(preapproval("held"))
	hook.await(t, 1)
	stopping := r.worker
	stopping.terminate()
	eventually(t, soon, "the worker stops", func() bool { return len(stopping.logged("shutting down")) > 0 })
	if got := probe(t, stopping.listener("ops")+"/readyz"); got == http.StatusOK {
		t.Error("a stopping worker says that it is ready")
	}
	later := r.send(preapproval("later"))
	if stopping.ended() {
		t.Error("the worker has not waited for the delivery")
	}
	close(release)
	if code := stopping.wait(); code != 0 {
		t.Errorf("the worker ended with code %d", code)
	}
	// Recorded by the worker that made it: no other is there.
	got := r.receipt(held)
	if d := got.to(t, "hook"); d.State != "delivered" || d.Attempts != 1 || d.RetriesUsed != 0 {
		t.Errorf("delivery %+v", d)
	}
	for _, list := range []string{"active", "pending"} {
		if n := r.redis.Client().LLen(t.Context(), "asynq:{deliveries}:"+list).Val(); n != 0 {
			t.Errorf("%d deliveries are %s after the worker has stopped", n, list)
		}
	}
	r.startWorker()
	if got := r.settle(later, soon); got.Status != "delivered" {
		t.Errorf("sent while the worker stopped: %+v", got)
	}
	if n, m := len(hook.of(held)), len(hook.of(later)); n != 1 || m != 1 {
		t.Errorf("%d and %d requests, want 1 and 1", n, m)
	}
}

// TestShutdownTimeout: a delivery that outlasts the shutdown goes back to the
// queue, for another worker to make at once.
func TestShutdownTimeout(t *testing.T) {
	t.Parallel()
	never := make(chan struct{})
	hook := newSink(t, answer{hold: never}, answer{})
	r := newRelay(t, webhookTo("hook", hook))
	r.writeFile()
	r.startIngest()
	r.startWorker("--shutdown-timeout=1s")
	id := r.send(preapproval("a"))
	hook.await(t, 1)
	begun := time.Now()
	r.worker.stop()
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("a shutdown of at most 1 s took %v", took)
	}
	r.startWorker()
	if got := r.settle(id, soon); got.Status != "delivered" {
		t.Errorf("%+v", got)
	}
}

// TestStopWithoutRedis: a Redis that does not answer keeps no program from
// stopping in its time.
func TestStopWithoutRedis(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	hook := newSink(t, answer{hold: release}, answer{})
	r := newRelay(t, webhookTo("hook", hook))
	r.writeFile()
	const limit = 2 * time.Second
	ingest := r.startIngest("--shutdown-timeout=2s")
	worker := r.startWorker("--shutdown-timeout=2s")
	id := r.send(preapproval("a"))
	hook.await(t, 1)
	r.redis.Pause()
	close(release) // its outcome has nowhere to go
	for _, p := range []*process{ingest, worker} {
		begun := time.Now()
		p.stop() // with which code is no matter: the worker could not record what it did
		if took := time.Since(begun); took > limit+8*time.Second {
			t.Errorf("%s took %v for a shutdown of at most %v", p.name, took, limit)
		}
	}
	r.redis.Resume()
	r.startIngest()
	r.startWorker()
	if got := r.settle(id, takeover); got.Status != "delivered" || got.Deliveries[0].Attempts != 1 {
		t.Errorf("%+v", got)
	}
}
