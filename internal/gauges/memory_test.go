package gauges

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"accessrelay/internal/channel"
	"accessrelay/internal/channelstore"
	"accessrelay/internal/dedup"
	"accessrelay/internal/event"
	"accessrelay/internal/gate"
	"accessrelay/internal/queue"
	"accessrelay/internal/ratelimit"
	"accessrelay/internal/receipt"
	"accessrelay/internal/redistest"
	"accessrelay/internal/source/p0"
)

const (
	documented = "../../docs/guarantees.md"
	tolerance  = 0.15
	many       = 1000 // so that what is shared weighs as in earnest
)

// The table of docs/guarantees.md, "Memory", against a real Redis: every row is
// measured, and everything that was found in Redis is a row.
func TestMemoryIsAsDocumented(t *testing.T) {
	want := memoryTable(t)
	m := newScales(t)
	got := map[string]float64{}
	m.events(got)
	m.records(got)
	m.tasks(got)
	m.channels(got)
	m.claims(got)
	m.gates(got)
	for structure, bytes := range got {
		said, ok := want[structure]
		switch {
		case !ok:
			t.Errorf("%q takes %.0f bytes and is not in the table", structure, bytes)
		case math.Abs(bytes-said) > tolerance*said:
			t.Errorf("%q takes %.0f bytes, documented are %.0f", structure, bytes, said)
		default:
			t.Logf("%q takes %.0f bytes, documented are %.0f", structure, bytes, said)
		}
	}
	for structure := range want {
		if _, ok := got[structure]; !ok {
			t.Errorf("%q is in the table and was not measured", structure)
		}
	}
	if left := m.unknown(); len(left) > 0 {
		t.Errorf("keys that no row is about: %v", left)
	}
}

// memoryTable reads the rows "| structure | bytes | … |".
func memoryTable(t *testing.T) map[string]float64 {
	t.Helper()
	text, err := os.ReadFile(documented)
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "\n## Memory\n")
	if !ok {
		t.Fatalf("%s has no section Memory", documented)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	if want := fmt.Sprintf("%d bytes", len(payload())); !strings.Contains(section, want) {
		t.Errorf("the section does not say that the example has %s", want)
	}
	rows := map[string]float64{}
	for _, row := range regexp.MustCompile(`(?m)^\| ([^|]+?) \| ([0-9,]+) \|`).FindAllStringSubmatch(section, -1) {
		n, err := strconv.Atoi(strings.ReplaceAll(row[2], ",", ""))
		if err != nil {
			t.Fatal(err)
		}
		rows[row[1]] = float64(n)
	}
	return rows
}

func payload() []byte { return p0.New().Samples()[0].Body("0001") }

// scales weigh keys of a server of their own.
type scales struct {
	t      *testing.T
	server *redistest.Server
	tenant string
	known  []*regexp.Regexp
}

func newScales(t *testing.T) *scales {
	t.Helper()
	return &scales{t: t, server: redistest.Start(t), tenant: uuid.NewString()}
}

func (m *scales) keys() []string {
	m.t.Helper()
	keys, err := m.server.Client().Keys(m.t.Context(), "*").Result()
	if err != nil {
		m.t.Fatal(err)
	}
	return keys
}

// weigh is what the keys that match pattern take, without samples.
func (m *scales) weigh(pattern string) (bytes float64) {
	m.t.Helper()
	re := regexp.MustCompile("^(" + pattern + ")$")
	m.known = append(m.known, re)
	found := 0
	for _, key := range m.keys() {
		if !re.MatchString(key) {
			continue
		}
		found++
		n, err := m.server.Client().MemoryUsage(m.t.Context(), key, 0).Result()
		if err != nil {
			m.t.Fatal(err)
		}
		bytes += float64(n)
	}
	if found == 0 {
		m.t.Errorf("no key like %s among %d", pattern, len(m.keys()))
	}
	return bytes
}

func (m *scales) unknown() (keys []string) {
	for _, key := range m.keys() {
		ok := false
		for _, re := range m.known {
			ok = ok || re.MatchString(key)
		}
		if !ok {
			keys = append(keys, key)
		}
	}
	return keys
}

func (m *scales) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *scales) accepted() queue.EventTask {
	at := time.Now().UTC().Truncate(time.Microsecond)
	return queue.EventTask{
		ID: event.NewID(at), TenantID: m.tenant, Source: "acme-p0", Platform: "p0", ReceivedAt: at, Body: payload(),
	}
}

func (m *scales) events(got map[string]float64) {
	tasks := queue.NewClient(m.server.Client())
	defer func() { m.must(tasks.Close()) }()
	for range many {
		m.must(tasks.EnqueueEvent(m.t.Context(), m.accepted()))
	}
	got["event that waits for a worker"] = m.weigh(`asynq:\{events\}:(t:.*|pending)`) / many
	for i := range many {
		m.must(tasks.EnqueueDelivery(m.t.Context(), queue.DeliveryTask{EventID: m.accepted().ID, N: i % 3, Round: 1}))
	}
	got["delivery that waits for a worker"] = m.weigh(`asynq:\{deliveries\}:(t:.*|pending)`) / many
	got["names of the queues"] = m.weigh(`asynq:queues`)
}

// again puts a task off.
type again struct{}

func (again) Error() string                { return "not due yet" }
func (again) RunAgainAfter() time.Duration { return time.Hour }
func (again) Failed() bool                 { return false }

// tasks runs what events has enqueued: the events end, the deliveries are put off.
func (m *scales) tasks(got map[string]float64) {
	tasks := queue.NewClient(m.server.Client())
	defer func() { m.must(tasks.Close()) }()
	pump := queue.NewPump(m.server.Client(), queue.PumpConfig{
		Handlers: queue.Handlers{
			Event:    func(context.Context, queue.EventTask) error { return nil },
			Delivery: func(context.Context, queue.DeliveryTask) error { return again{} },
		},
		EventConcurrency: 8, DeliveryConcurrency: 8, ShutdownTimeout: 5 * time.Second, Log: slog.New(slog.DiscardHandler),
	})
	m.must(pump.Start())
	defer pump.Shutdown()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		depths, err := tasks.Depths(m.t.Context())
		m.must(err)
		left := 0
		for _, d := range depths {
			left += d.Sizes["pending"] + d.Sizes["active"]
		}
		if left == 0 {
			break
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("the queues are at %v", depths)
		}
	}
	got["delivery that waits for its next time"] = m.weigh(`asynq:\{deliveries\}:(t:.*|retry)`) / many
	got["counters of a queue, a day"] = m.weigh(`asynq:\{events\}:processed:.*`)
	got["counters of a queue, for ever"] = m.weigh(`asynq:\{events\}:processed`)
	// Whose turn it is to look for tasks in no list: one short string.
	m.known = append(m.known, regexp.MustCompile(`^ar:scan`))
	got["sign of life of a worker"] = m.weigh(`asynq:(servers|workers).*`)
}

func (m *scales) records(got map[string]float64) {
	ctx := m.t.Context()
	s := receipt.New(m.server.Client(), receipt.Retention{Receipts: 7 * 24 * time.Hour, DeadLetters: 30 * 24 * time.Hour})
	var ids []string
	var all [][]event.Delivery
	for range many {
		task := m.accepted()
		ev := &event.Event{ID: task.ID, TenantID: task.TenantID, Source: task.Source, Platform: task.Platform, ReceivedAt: task.ReceivedAt, Raw: task.Body}
		p0.New().Normalize(task.Body, ev)
		var plan []event.Delivery
		for n, typ := range []string{"slack_webhook", "generic_webhook"} {
			plan = append(plan, event.Delivery{
				EventID: ev.ID, N: n, Round: 1, State: event.StatePending, ChannelID: uuid.NewString(), ChannelName: "security-" + typ,
				ChannelType: typ, CreatedAt: task.ReceivedAt, RoundAt: task.ReceivedAt,
			})
		}
		ds, err := s.Open(ctx, ev, plan)
		m.must(err)
		all, ids = append(all, ds), append(ids, ev.ID)
	}
	const record = `ar:\{evt_[^}]*\}`
	got["record of an event with two open deliveries"] = m.weigh(record) / many
	got["place on the list of events"] = m.weigh(`ar:\{.*\}:events`) / many
	got["place on the index of the open"] = m.weigh(`ar:\{.*\}:open`) / many
	got["place on the list of tenants"] = m.weigh(`ar:tenants`)
	for _, ds := range all {
		for _, d := range ds {
			d.Attempts, d.State, d.DeadAt = 8, event.StateDead, time.Now()
			d.LastReason, d.LastError = "server_error", "the destination answered 500 Internal Server Error"
			m.must(s.Record(ctx, m.tenant, d))
		}
	}
	got["record of an event with two dead letters"] = m.weigh(record) / many
	got["place on the list of the dead"] = m.weigh(`ar:\{.*\}:dead:.*`) / (2 * many)
	got["channel types of the dead"] = m.weigh(`ar:\{.*\}:dead`)
	for i, ds := range all {
		for n := range ds {
			d, err := s.Delivery(ctx, m.tenant, ids[i], n)
			m.must(err)
			m.must(s.Replay(ctx, m.tenant, d))
			d, err = s.Delivery(ctx, m.tenant, ids[i], n)
			m.must(err)
			d.Round, d.Attempts, d.State, d.DeliveredAt = 2, 1, event.StateDelivered, time.Now()
			d.LastReason, d.LastError, d.RoundAt = "", "", d.CreatedAt
			m.must(s.Record(ctx, m.tenant, d))
		}
	}
	got["record of an event with two deliveries, delivered"] = m.weigh(record) / many
	m.must(m.server.Client().Del(ctx, recordKeys(ids)...).Err())
	for range many {
		task := m.accepted()
		_, err := s.Settle(ctx, event.Receipt{
			ID: task.ID, TenantID: m.tenant, Type: event.GrantActive, Source: task.Source, Platform: task.Platform,
			ReceivedAt: task.ReceivedAt, DuplicateOf: ids[0],
		})
		m.must(err)
	}
	got["record of a repeat"] = m.weigh(record) / many
}

func recordKeys(ids []string) (keys []string) {
	for _, id := range ids {
		keys = append(keys, "ar:{"+id+"}")
	}
	return keys
}

func (m *scales) channels(got map[string]float64) {
	ctx := m.t.Context()
	s := channelstore.New(m.server.Client())
	for i := range many {
		now := time.Now()
		m.must(s.Create(ctx, channelstore.Record{
			Channel: channel.Channel{
				ID: uuid.NewString(), TenantID: m.tenant, Name: fmt.Sprintf("security-%04d", i), Type: "slack_webhook", Enabled: true,
				Filters: []string{"grant.*"}, CreatedAt: now, UpdatedAt: now, Masked: json.RawMessage(`{"webhook_url":"https://hooks.slack.com/***"}`),
			},
			Sealed: make([]byte, 500),
		}))
		_, err := s.Disable(ctx, m.tenant, channel.FileID(m.tenant, fmt.Sprint(i)), time.Time{}, "410 Gone")
		m.must(err)
	}
	got["channel made through the API"] = m.weigh(`ar:\{.*\}:channels(:names)?`) / many
	got["channel of the file that the relay disabled"] = m.weigh(`ar:\{.*\}:channels:disabled`) / many
	got["revision of a tenant's channels"] = m.weigh(`ar:\{.*\}:channels:rev`)
}

// gates fills a gate with all that it can hold.
func (m *scales) gates(got map[string]float64) {
	g := gate.New(m.server.Client())
	for range many {
		e := gate.Entry{
			ChannelID: uuid.NewString(), DeliveryID: event.DeliveryID(m.accepted().ID, 0), EventID: m.accepted().ID,
			Rate: &ratelimit.Rate{N: 1, Per: time.Second}, Left: time.Hour,
		}
		for range 2 {
			_, err := g.Enter(m.t.Context(), e)
			m.must(err)
		}
		_, err := g.Report(m.t.Context(), e, gate.Pass{}, gate.Result{Down: true, Hold: time.Hour})
		m.must(err)
	}
	got["gate of a channel"] = m.weigh(`ar:\{gate:.*\}`) / many
}

func (m *scales) claims(got map[string]float64) {
	s := dedup.New(m.server.Client(), time.Hour)
	digest, err := event.Fingerprint(payload())
	m.must(err)
	for i := range many {
		key := m.tenant + ":acme-p0:" + digest[:len(digest)-4] + fmt.Sprintf("%04d", i)
		_, err := s.Claim(m.t.Context(), key, m.accepted().ID, time.Now(), 2*time.Hour)
		m.must(err)
	}
	got["claim of a payload"] = m.weigh(`ar:dedup:\{.*\}`) / many
}
