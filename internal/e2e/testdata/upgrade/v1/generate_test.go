package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"

	"accessrelay/internal/event"
	"accessrelay/internal/queue"
)

// dumpedKey is a key of Redis with what it holds. A string that is not UTF-8 is
// "base64:" and its encoding.
type dumpedKey struct {
	Key   string             `json:"key"`
	TTL   int64              `json:"ttl_ms,omitempty"` // 0: none
	Value string             `json:"string,omitempty"`
	Hash  map[string]string  `json:"hash,omitempty"`
	List  []string           `json:"list,omitempty"`
	Set   []string           `json:"set,omitempty"`
	ZSet  map[string]float64 `json:"zset,omitempty"`
}

// destinations answers for all channels: it is the workers' proxy.
type destinations struct {
	mu   sync.Mutex
	held map[string]bool // channels that do not answer
	seen int
}

func (d *destinations) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	name := r.Header.Get("X-Channel")
	d.mu.Lock()
	held := d.held[name]
	d.seen++
	d.mu.Unlock()
	switch {
	case held:
		<-r.Context().Done()
	case name == "gone":
		w.WriteHeader(http.StatusGone)
	case name == "refusing":
		w.WriteHeader(http.StatusBadRequest)
	case name == "failing":
		w.WriteHeader(http.StatusInternalServerError)
	case name == "busy":
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
	}
}

func (d *destinations) requests() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.seen
}

// TestGenerateUpgrade makes the fixture beside it. See the README there.
func TestGenerateUpgrade(t *testing.T) {
	out := os.Getenv("FIXTURE")
	if out == "" {
		t.Fatal("FIXTURE is not set to the file to write")
	}
	dest := &destinations{held: map[string]bool{}}
	proxy := httptest.NewServer(dest)
	defer proxy.Close()
	to := func(name string, filters ...string) channelConf {
		return channelConf{name: name, kind: "generic-webhook", filters: filters, config: map[string]any{
			"url": "http://destination.example/" + name, "headers": map[string]string{"X-Channel": name},
		}}
	}
	expired := func(name string) []byte {
		return []byte(strings.Replace(string(preapproval(name)), "preapproval-created", "preapproval-expired", 1))
	}

	r := newRelay(t, to("works"), to("gone", "preapproval.expired"))
	r.delivery = "  backoff: [1h]\n  timeout: 5m\n  allow_networks: [127.0.0.0/8]\n"
	recipient, identityFile := sealing(t, r.dir)
	worker := func(more ...string) {
		r.startWorker(append(more, "--secrets-identity-file="+identityFile, "--proxy-url="+proxy.URL)...)
	}
	r.writeFile()
	r.startIngest("ACCESSRELAY_SECRETS_RECIPIENTS=" + recipient)
	worker()
	ids := map[string]string{}
	send := func(name string, body []byte) string {
		ids[name] = r.send(body)
		return ids[name]
	}
	api := func(name string) channelView {
		return r.create("generic-webhook", map[string]any{
			"name": name, "url": "http://destination.example/" + name, "headers": map[string]string{"X-Channel": name},
			"signing_secret": signingSecret, "event_filters": []string{"preapproval.created"},
		})
	}
	api("sealed")
	r.update(api("off").ID, map[string]any{"enabled": false})

	// A delivered event with its claim; a channel that is gone, with its notice.
	r.settle(send("delivered", preapproval("delivered")), soon)
	r.settle(send("gone", expired("gone")), soon)
	// The event, its notice to the two others: 2 + 2 + 2.
	eventually(t, soon, "the notice is delivered", func() bool { return dest.requests() == 6 })
	r.worker.stop()

	// Dead, retrying and throttled deliveries.
	r.channels = append(r.channels, to("refusing", "preapproval.expired"), to("failing", "preapproval.expired"), to("busy", "preapproval.expired"))
	r.writeFile()
	worker()
	for _, name := range []string{"mixed", "replayed"} {
		id := send(name, expired(name))
		eventually(t, soon, name+" was tried everywhere", func() bool {
			got := r.receipt(id)
			if len(got.Deliveries) != 4 {
				return false
			}
			for _, d := range got.Deliveries {
				if d.State == "pending" {
					return false
				}
			}
			return true
		})
	}
	r.worker.stop()

	// A worker dies with a delivery under way, and another one waits behind it.
	dest.mu.Lock()
	dest.held["works"], dest.held["sealed"] = true, true
	dest.mu.Unlock()
	n := dest.requests()
	worker("--concurrency=1")
	active := send("active", preapproval("active"))
	eventually(t, soon, "a delivery is under way", func() bool { return dest.requests() == n+1 })
	rdb := r.redis.Client()
	eventually(t, soon, "another waits", func() bool { return rdb.LLen(t.Context(), "asynq:{deliveries}:pending").Val() == 1 })
	eventually(t, soon, "the event's task is done", func() bool { return rdb.LLen(t.Context(), "asynq:{events}:active").Val() == 0 })
	r.worker.kill()
	if got := r.receipt(active); got.Status != "pending" {
		t.Fatalf("%+v", got)
	}

	// Events that no worker has seen, one of them a repeat.
	send("queued-1", preapproval("queued-1"))
	send("queued-2", preapproval("queued-2"))
	send("repeat", preapproval("delivered"))

	// A replay whose caller died between its task and its record.
	tasks := queue.NewClient(rdb)
	refused := r.receipt(ids["replayed"]).to(t, "refusing")
	eventID, place, ok := event.ParseDeliveryID(refused.ID)
	if !ok {
		t.Fatalf("%q is no delivery's id", refused.ID)
	}
	if err := tasks.EnqueueDelivery(t.Context(), queue.DeliveryTask{EventID: eventID, N: place, Round: 2}); err != nil {
		t.Fatal(err)
	}
	_ = tasks.Close()
	r.ingest.stop()

	// The lease of the task under way ends.
	eventually(t, time.Minute, "the lease is over", func() bool {
		leases := rdb.ZRangeWithScores(t.Context(), "asynq:{deliveries}:lease", 0, -1).Val()
		if len(leases) != 1 {
			t.Fatalf("leases: %v", leases)
		}
		return leases[0].Score < float64(time.Now().Unix())
	})

	identity, err := os.ReadFile(identityFile)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(map[string]any{
		"taken_at": time.Now().Unix(), "identity": string(identity), "recipient": recipient, "events": ids, "keys": dump(t, rdb),
	}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Clean(out), append(text, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
}

func dump(t *testing.T, rdb *redis.Client) []dumpedKey {
	t.Helper()
	ctx := t.Context()
	var out []dumpedKey
	for _, key := range rdb.Keys(ctx, "*").Val() {
		k := dumpedKey{Key: key, TTL: max(rdb.PTTL(ctx, key).Val().Milliseconds(), 0)}
		switch kind := rdb.Type(ctx, key).Val(); kind {
		case "string":
			k.Value = plain(rdb.Get(ctx, key).Val())
		case "hash":
			k.Hash = rdb.HGetAll(ctx, key).Val()
			for f, v := range k.Hash {
				k.Hash[f] = plain(v)
			}
		case "list":
			k.List = rdb.LRange(ctx, key, 0, -1).Val()
		case "set":
			k.Set = rdb.SMembers(ctx, key).Val()
		case "zset":
			k.ZSet = map[string]float64{}
			for _, z := range rdb.ZRangeWithScores(ctx, key, 0, -1).Val() {
				k.ZSet[fmt.Sprint(z.Member)] = z.Score
			}
		default:
			t.Fatalf("%s is a %s", key, kind)
		}
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b dumpedKey) int { return strings.Compare(a.Key, b.Key) })
	return out
}

func plain(s string) string {
	if utf8.ValidString(s) && !strings.HasPrefix(s, "base64:") {
		return s
	}
	return "base64:" + base64.StdEncoding.EncodeToString([]byte(s))
}
