package gate

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"accessrelay/internal/ratelimit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk is a gate in the hands of a test. Redis's clock is its own, so the tests move
// what the gate holds instead: to let time pass is to make all its times earlier.
type desk struct {
	*testing.T
	rdb  redis.UniversalClient
	gate *Gate
	id   string
	rate *ratelimit.Rate

	version int64
	left    time.Duration // how long each can wait at most
}

func newDesk(t *testing.T, rdb redis.UniversalClient, rate *ratelimit.Rate) *desk {
	t.Helper()
	return &desk{T: t, rdb: rdb, gate: New(rdb), id: uuid.NewString(), rate: rate, left: maxAge}
}

// maxAge is for how long a delivery can wait from its beginning.
const maxAge = 24 * time.Hour

func perSecond(n int) *ratelimit.Rate { return &ratelimit.Rate{N: n, Per: time.Second} }

func (d *desk) entry(name string, turn int64) Entry {
	return Entry{ChannelID: d.id, DeliveryID: name, EventID: "evt_" + name, Turn: turn, Rate: d.rate, Timeout: 15 * time.Second, Left: d.left, Version: d.version}
}

func (d *desk) enter(name string, turn int64) Pass {
	d.Helper()
	p, err := d.gate.Enter(d.Context(), d.entry(name, turn))
	if err != nil {
		d.Fatal(err)
	}
	return p
}

func (d *desk) report(name string, p Pass, r Result) News {
	d.Helper()
	n, err := d.gate.Report(d.Context(), d.entry(name, 0), p, r)
	if err != nil {
		d.Fatal(err)
	}
	return n
}

// pass lets time pass.
func (d *desk) pass(by time.Duration) {
	d.Helper()
	fields := d.rdb.HGetAll(d.Context(), gateKey(d.id)).Val()
	for _, f := range []string{"until", "t", "last", "due", "since"} {
		if _, ok := fields[f]; ok {
			d.rdb.HIncrByFloat(d.Context(), gateKey(d.id), f, -float64(by.Microseconds()))
		}
	}
	d.gate.now = func() time.Time { return time.Now().Add(by) }
	d.gate.views = map[string]view{}
}

// about reports whether a is b, but for the time that a busy machine takes.
func about(a, b time.Duration) bool { return a <= b && a > b-500*time.Millisecond }
