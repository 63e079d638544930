package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// leftBehind is what an older version left in Redis. How each is made stands in
// the README beside it.
type leftBehind struct {
	TakenAt   int64             `json:"taken_at"` // Unix seconds
	Identity  string            `json:"identity"` // opens the API's channels
	Recipient string            `json:"recipient"`
	Events    map[string]string `json:"events"` // what it is an example of, to its id
	Keys      []storedKey       `json:"keys"`
}

// storedKey is one key with what it holds. A string that is not UTF-8 is
// "base64:" and its encoding.
type storedKey struct {
	Key   string             `json:"key"`
	TTL   int64              `json:"ttl_ms"` // 0: none
	Value *string            `json:"string"`
	Hash  map[string]string  `json:"hash"`
	List  []string           `json:"list"`
	Set   []string           `json:"set"`
	ZSet  map[string]float64 `json:"zset"`
}

// loadLeftBehind reads a folder of testdata/upgrade and puts it into Redis as
// if it had been taken that long ago.
func loadLeftBehind(t *testing.T, rdb *redis.Client, version string, ago time.Duration) leftBehind {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "upgrade", version, "redis.json"))
	if err != nil {
		t.Fatal(err)
	}
	var f leftBehind
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatalf("reading the fixture: %v", err)
	}
	later := shift(time.Since(time.Unix(f.TakenAt, 0)) - ago)
	for _, k := range f.Keys {
		if err := later.restore(t.Context(), rdb, k); err != nil {
			t.Fatalf("restoring %s: %v", k.Key, err)
		}
	}
	return f
}

// shift moves the times of a fixture.
type shift time.Duration

func (s shift) restore(ctx context.Context, rdb *redis.Client, k storedKey) error {
	_, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		if k.Value != nil {
			p.Set(ctx, k.Key, s.text(*k.Value), 0)
		}
		for field, v := range k.Hash {
			p.HSet(ctx, k.Key, field, s.text(v))
		}
		for _, v := range k.List {
			p.RPush(ctx, k.Key, v)
		}
		for _, v := range k.Set {
			p.SAdd(ctx, k.Key, v)
		}
		for member, score := range k.ZSet {
			p.ZAdd(ctx, k.Key, redis.Z{Member: member, Score: s.score(score)})
		}
		if k.TTL > 0 {
			p.PExpire(ctx, k.Key, time.Duration(k.TTL)*time.Millisecond)
		}
		return nil
	})
	return err
}

// score moves a score that is a time: seconds, microseconds, or minus those.
func (s shift) score(v float64) float64 {
	switch {
	case v < 0:
		return -s.score(-v)
	case v > 1e15:
		return v + float64(time.Duration(s).Microseconds())
	case v > 1e9:
		return v + float64(int64(time.Duration(s).Seconds()))
	default:
		return v
	}
}

// stamp is a time in micro- or nanoseconds, of this century. Moved it is as long
// as before, so one in a binary message can be moved too; what stands around it
// there may be a letter.
var stamp = regexp.MustCompile(`1[789]\d{14}(\d{3})?`)

func (s shift) text(v string) string {
	if enc, ok := strings.CutPrefix(v, "base64:"); ok {
		if b, err := base64.StdEncoding.DecodeString(enc); err == nil {
			v = string(b)
		}
	}
	return stamp.ReplaceAllStringFunc(v, func(digits string) string {
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			return digits
		}
		if len(digits) == 16 {
			return strconv.FormatInt(n+time.Duration(s).Microseconds(), 10)
		}
		return strconv.FormatInt(n+int64(s), 10)
	})
}

// TestUpgrade: this version goes on where the one before it was stopped, with
// all that its programs can leave behind.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	dest := newSink(t) // the workers' proxy: what was sealed leads to a made-up host
	to := func(name string, filters ...string) channelConf {
		return channelConf{name: name, kind: "generic-webhook", filters: filters, config: map[string]any{
			"url": "http://destination.example/" + name, "headers": map[string]string{"X-Channel": name},
		}}
	}
	const expired = "preapproval.expired"
	r := newRelay(t, to("works"), to("gone", expired), to("refusing", expired), to("failing", expired), to("busy", expired))
	r.delivery = "  backoff: [1s]\n  allow_networks: [127.0.0.0/8]\n"
	r.window = "24h"
	const ago = 2 * time.Hour // the retries of an hour are due
	old := loadLeftBehind(t, r.redis.Client(), "v1", ago)
	identity := filepath.Join(r.dir, "identity.txt")
	write(t, identity, old.Identity)
	r.writeFile()
	r.startIngest("ACCESSRELAY_SECRETS_RECIPIENTS=" + old.Recipient)

	if got := r.receipt(old.Events["queued-1"]); got.Status != "accepted" || time.Since(got.ReceivedAt).Round(time.Hour) != ago {
		t.Errorf("before a worker came: %+v", got)
	}
	r.startWorker("--secrets-identity-file="+identity, "--proxy-url="+strings.TrimSuffix(dest.url, "/hook"))
	settled := map[string]receipt{}
	for name, id := range old.Events {
		settled[name] = r.settle(id, takeover)
	}
	checkUpgraded(t, old, settled)
	checkOnce(t, dest, old.Events, map[string][]string{
		"active": {"works", "sealed"}, "queued-1": {"works", "sealed"}, "queued-2": {"works", "sealed"},
		"mixed": {"failing", "busy"}, "replayed": {"refusing", "failing", "busy"},
	})
	if got := r.settle(r.send(preapproval("delivered")), soon); got.Status != "duplicate" || got.DuplicateOf != old.Events["delivered"] {
		t.Errorf("a repeat of what the old version delivered: %+v", got)
	}
	if got := r.settle(r.send(preapproval("new")), soon); got.Status != "delivered" || len(got.Deliveries) != 2 {
		t.Errorf("a new event: %+v", got)
	}
	checkOldChannels(t, r)
	checkOldDead(t, r, old)
}

// checkUpgraded: every event came to the end that it would have come to.
func checkUpgraded(t *testing.T, old leftBehind, got map[string]receipt) {
	t.Helper()
	for name, want := range map[string]string{
		"delivered": "delivered", "gone": "partial", "mixed": "partial", "replayed": "delivered",
		"active": "delivered", "queued-1": "delivered", "queued-2": "delivered", "repeat": "duplicate",
	} {
		if got[name].Status != want {
			t.Errorf("%s: %+v, want %s", name, got[name], want)
		}
	}
	if got["repeat"].DuplicateOf != old.Events["delivered"] {
		t.Errorf("repeat: %+v", got["repeat"])
	}
	// Attempts go on counting where they were.
	for event, channels := range map[string][]string{"mixed": {"failing", "busy"}, "replayed": {"refusing", "failing", "busy"}} {
		for _, c := range channels {
			if d := got[event].to(t, c); d.State != "delivered" || d.Attempts != 2 {
				t.Errorf("%s: %+v", event, d)
			}
		}
	}
	if d := got["mixed"].to(t, "failing"); d.RetriesUsed != 1 {
		t.Errorf("the retry that was waiting: %+v", d)
	}
}

// checkOnce: what was open was sent once, to its channel, and nothing else was.
func checkOnce(t *testing.T, dest *sink, ids map[string]string, want map[string][]string) {
	t.Helper()
	type sent struct{ id, channel string }
	left := map[sent]int{}
	for name, channels := range want {
		for _, c := range channels {
			left[sent{ids[name], c}]++
		}
	}
	for _, q := range dest.all() {
		left[sent{q.id(), q.header.Get("X-Channel")}]--
	}
	for s, n := range left {
		if n != 0 {
			t.Errorf("%d requests too few of %s to %s", n, s.id, s.channel)
		}
	}
}

// checkOldChannels: the API's channels are as they were, and can be changed.
func checkOldChannels(t *testing.T, r *relay) {
	t.Helper()
	sealed, off, gone := r.channel("sealed"), r.channel("off"), r.channel("gone")
	if !sealed.Enabled || sealed.ManagedBy != "api" || off.Enabled || off.DisabledReason != "" || gone.Enabled || gone.DisabledReason != "410 Gone" {
		t.Errorf("channels %+v, %+v, %+v", sealed, off, gone)
	}
	if got := r.update(off.ID, map[string]any{"enabled": true}); !got.Enabled {
		t.Errorf("turned on: %+v", got)
	}
	got := r.settle(r.send(preapproval("to three")), soon)
	if got.Status != "delivered" || len(got.Deliveries) != 3 || got.to(t, "off").State != "delivered" {
		t.Errorf("with the channel turned on: %+v", got)
	}
	a := r.call(http.MethodPost, channelsPath+"/"+gone.ID+"/test", "")
	if a.status != http.StatusAccepted || r.settle(a.eventID(), soon).Status != "delivered" || !r.channel("gone").Enabled {
		t.Errorf("a test of the channel that was gone: %+v, %+v", a, r.channel("gone"))
	}
}

// checkOldDead: dead letters of the old version are listed and can be replayed.
func checkOldDead(t *testing.T, r *relay, old leftBehind) {
	t.Helper()
	want := map[string]string{"mixed": "refusing", "gone": "gone"}
	for event, channel := range want {
		dead := decode[list[delivery]](t, r.call(http.MethodGet, "/v1/deliveries?state=dead", ""), http.StatusOK)
		found := false
		for _, d := range dead.Data {
			found = found || d.EventID == old.Events[event] && d.ChannelName == channel && d.LastError != ""
		}
		if !found || len(dead.Data) > len(want) {
			t.Errorf("%s is not among the dead letters, or others are: %+v", event, dead.Data)
		}
	}
	page := decode[list[delivery]](t, r.call(http.MethodPost, "/v1/deliveries/replay", `{}`), http.StatusAccepted)
	if len(page.Data) != len(want) {
		t.Fatalf("replayed %+v", page)
	}
	for event, channel := range want {
		got := r.settle(old.Events[event], soon)
		if d := got.to(t, channel); got.Status != "delivered" || d.Attempts != 2 {
			t.Errorf("%s after its replay: %+v", event, got)
		}
	}
	if dead := decode[list[delivery]](t, r.call(http.MethodGet, "/v1/deliveries?state=dead", ""), http.StatusOK); len(dead.Data) != 0 {
		t.Errorf("dead letters are left: %+v", dead.Data)
	}
}
