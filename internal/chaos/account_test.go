package chaos

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"accessrelay/internal/ack"
)

const planted = 100 // events, more than two rounds over samples and tenants

// world is a ledger in which every event was acknowledged and delivered once,
// at its own second, by worker-1.
func world(t *testing.T, except ...place) *ledger {
	t.Helper()
	s, err := newSite()
	if err != nil {
		t.Fatal(err)
	}
	l := newLedger(s, planted)
	begun := time.Date(2026, 1, 15, 9, 30, 0, 0, time.UTC)
	for n := range planted {
		l.tried(n, "200")
		l.acknowledged(n, "evt", begun.Add(time.Duration(n)*time.Second))
		for _, c := range s.channels {
			if s.wants(c, n) && !leftOut(except, n, c.path()) {
				l.delivered(c, c.path(), n, "worker-1", at(n))
			}
		}
	}
	return l
}

func leftOut(except []place, n int, path string) bool {
	for _, p := range except {
		if p.n == n && p.c.path() == path {
			return true
		}
	}
	return false
}

// at is when event n was delivered.
func at(n int) time.Time {
	return time.Date(2026, 1, 15, 9, 30, n, 0, time.UTC)
}

func account(l *ledger, faults []outage, state string) *Account {
	return judge(Plan{Events: planted, Faults: AllFaults}, l, faults, func(p place) Loss {
		return Loss{Event: p.n, EventID: "evt", Channel: p.c.path(), State: state}
	})
}

func TestAccountClean(t *testing.T) {
	a := account(world(t), nil, "")
	if !a.Clean() || a.Sent != planted || a.Acknowledged != planted || a.Answers["200"] != planted {
		t.Errorf("%v: %+v", a.Problems(), a)
	}
	for _, c := range a.Channels {
		if c.Wanted == 0 || c.Once != c.Wanted || c.None+c.More+c.Wrong != 0 {
			t.Errorf("%+v", c)
		}
	}
	// The filters are such that both sides of each are tried.
	if c := a.Channels[1]; c.Wanted == planted/2 {
		t.Error("the filter of acme/chat refuses nothing")
	}
}

func TestAccountFindsLosses(t *testing.T) {
	s, err := newSite()
	if err != nil {
		t.Fatal(err)
	}
	siem := s.at("/acme/siem")
	gone := place{0, siem}
	for _, tt := range []struct {
		state         string
		lost, pending int
	}{
		{"", 1, 0},
		{"delivered", 1, 0}, // says the receipt; the sink has not seen it
		{"dead", 0, 1},
		{"retrying", 0, 1},
	} {
		a := account(world(t, gone), nil, tt.state)
		if len(a.Lost) != tt.lost || len(a.Pending) != tt.pending || a.Clean() || a.Channels[0].None != 1 {
			t.Errorf("state %q: lost %v, pending %v, problems %v", tt.state, a.Lost, a.Pending, a.Problems())
		}
		if a.OnlyLoss() != (tt.lost > 0) {
			t.Errorf("state %q: OnlyLoss %v", tt.state, a.OnlyLoss())
		}
	}
}

func TestAccountOfForgotten(t *testing.T) {
	a := account(world(t), nil, "")
	a.Forgotten = []string{"evt"}
	if a.Clean() || !a.OnlyLoss() {
		t.Errorf("an event without a receipt: %v", a.Problems())
	}
	a.Oddities = []string{"a panic"}
	if a.OnlyLoss() {
		t.Error("a panic does not follow from a loss")
	}
}

func TestAccountOfUnacknowledged(t *testing.T) {
	l := world(t)
	l.events[3].acked = time.Time{}
	l.acked--
	a := account(l, nil, "")
	if a.Clean() || len(a.Lost) != 0 {
		t.Errorf("an event without a 200: lost %v, problems %v", a.Lost, a.Problems())
	}
}

func TestAccountFindsWrongChannels(t *testing.T) {
	for _, tt := range []struct {
		n         int
		path, why string
	}{
		{0, "/globex/siem", "of tenant acme"},
		{0, "/acme/chat", "filter refuses preapproval.created"},
		{-1, "/acme/siem", "nobody sent"},
		{planted, "/acme/siem", "nobody sent"},
		{0, "/nobody", "no channel"},
	} {
		l := world(t)
		l.delivered(l.site.at(tt.path), tt.path, tt.n, "worker-2", at(0))
		a := account(l, nil, "")
		if len(a.Wrong) != 1 || !strings.Contains(a.Wrong[0].Why, tt.why) || a.Clean() || len(a.Doubles) != 0 {
			t.Errorf("event %d at %s: wrong %+v, problems %v", tt.n, tt.path, a.Wrong, a.Problems())
		}
	}
}

func TestAccountExplainsDoubles(t *testing.T) {
	out := func(target string, kind Kind, from, to time.Duration) outage {
		return outage{target: target, kind: kind, from: at(0).Add(from), to: at(0).Add(to)}
	}
	failover := func(from, served, to time.Duration) []outage {
		x := out("redis", Kill, from, to)
		x.served = at(0).Add(served)
		return []outage{x}
	}
	ms := time.Millisecond
	for _, tt := range []struct {
		name      string
		faults    []outage
		explained bool
		cause     Cause
	}{
		{"nothing happened", nil, false, ""},
		{"its worker was killed before the record", []outage{out("worker-1", Kill, 5*ms, 6*ms)}, true, ByKill},
		{"its worker was killed, its request answered after that", []outage{out("worker-1", Kill, -20*ms, -10*ms)}, true, ByKill},
		{"its worker was killed when the record was long made", []outage{out("worker-1", Kill, 2500*ms, 2501*ms)}, false, ""},
		{"its worker was killed long before", []outage{out("worker-1", Kill, -2000*ms, -1900*ms)}, false, ""},
		{"another worker was killed", []outage{out("worker-2", Kill, 5*ms, 6*ms)}, false, ""},
		{"an ingest was killed", []outage{out("ingest-1", Kill, 5*ms, 6*ms)}, false, ""},
		{"its worker stood still", []outage{out("worker-1", Stop, -5000*ms, 15000*ms)}, true, ByStop},
		{"its worker was cut off", []outage{out("worker-1", CutHang, -5000*ms, 15000*ms)}, true, ByCut},
		{"Redis was away", []outage{out("redis", Kill, 100*ms, 900*ms)}, true, ByRedis},
		{"two faults fit: the worker's own is named", []outage{out("redis", Kill, 0, 900*ms), out("worker-1", Kill, 5*ms, 6*ms)}, true, ByKill},
		{"a master died soon after, its replicas deaf before", failover(1500*ms, 5000*ms, 9000*ms), true, ByRedis},
		{"a master was dead and no other served", failover(-3000*ms, 500*ms, 9000*ms), true, ByRedis},
		{"another master served for long, the old one was still away", failover(-5000*ms, -1500*ms, 9000*ms), false, ""},
		{"a master died when its replicas had long heard of it", failover(2500*ms, 5000*ms, 9000*ms), false, ""},
		{"the old master was back before another was seen", failover(-5000*ms, 2000*ms, -1500*ms), false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := world(t)
			c := l.site.at("/acme/siem")
			l.delivered(c, c.path(), 0, "worker-2", at(0).Add(40*time.Second))
			a := account(l, tt.faults, "")
			a.Schedule = make([]Fault, 1) // it has broken something
			if len(a.Doubles) != 1 || a.Doubles[0].Cause != tt.cause || a.Channels[0].More != 1 || (len(a.Unexplained()) == 0) != tt.explained || a.Clean() != tt.explained {
				t.Errorf("doubles %+v, problems %v", a.Doubles, a.Problems())
			}
		})
	}
}

// TestAccountWantsAReasonForEach: a third delivery is not explained by what
// explains the second.
func TestAccountWantsAReasonForEach(t *testing.T) {
	l := world(t)
	c := l.site.at("/acme/siem")
	l.delivered(c, c.path(), 0, "worker-2", at(40))
	l.delivered(c, c.path(), 0, "worker-3", at(80))
	faults := []outage{moment("worker-1", at(0))}
	if a := account(l, faults, ""); len(a.Unexplained()) != 1 || a.Doubles[0].Times != 3 {
		t.Errorf("%+v", a.Doubles)
	}
	faults = append(faults, moment("worker-2", at(40)))
	if a := account(l, faults, ""); len(a.Unexplained()) != 0 {
		t.Errorf("%+v", a.Doubles)
	}
}

func TestAccountBoundsDoubles(t *testing.T) {
	l := world(t)
	var faults []outage
	for n := range 3 {
		c := l.site.at("/acme/siem")
		l.delivered(c, c.path(), n, "worker-2", at(40))
		faults = append(faults, moment("worker-1", at(n)))
	}
	a := account(l, faults, "")
	a.Schedule = make([]Fault, 2)
	if a.Clean() || len(a.Unexplained()) != 0 {
		t.Errorf("3 of %d, by 2 faults: %v", a.wanted(), a.Problems())
	}
	a.Schedule = make([]Fault, 3)
	if !a.Clean() {
		t.Errorf("3 of %d, by 3 faults: %v", a.wanted(), a.Problems())
	}
	a.Plan.Faults = CleanStops
	if a.Clean() {
		t.Error("clean stops made doubles, and the account is clean")
	}
}

// TestAccountAllows: how many doubles are too many.
func TestAccountAllows(t *testing.T) {
	for _, tt := range []struct {
		redis              Topology
		wanted, faults, ok int
	}{
		{Single, 40_000, 100, 40},
		{Sentinel, 40_000, 100, 400},
		{Cluster, 40_000, 0, 400},
		{Single, 2_000, 7, 7},
		{Single, 9_000, 3, 9},
		{Cluster, 2_000, 7, 20},
		{Cluster, 500, 7, 7},
		{Single, 500, 0, 0},
	} {
		a := Account{
			Plan: Plan{Redis: tt.redis}, Channels: []ChannelAccount{{Wanted: tt.wanted}}, Schedule: make([]Fault, tt.faults),
			Doubles: make([]Double, tt.ok),
		}
		if len(a.forgetting()) != 0 {
			t.Errorf("%+v: %v", tt, a.forgetting())
		}
		if a.Doubles = make([]Double, tt.ok+1); len(a.forgetting()) != 1 {
			t.Errorf("%+v: one more is not too many", tt)
		}
	}
}

// moment is a kill that was over at once.
func moment(target string, at time.Time) outage {
	return outage{target: target, kind: Kill, from: at, to: at}
}

func TestAccountTable(t *testing.T) {
	s, err := newSite()
	if err != nil {
		t.Fatal(err)
	}
	l := world(t, place{0, s.at("/acme/siem")})
	l.delivered(nil, "/nobody", -1, "worker-2", at(0))
	c := l.site.at("/globex/chat")
	l.delivered(c, c.path(), 10, "worker-2", at(50))
	a := account(l, nil, "")
	a.Plan = Plan{}
	a.Plan.setDefaults()
	a.Schedule, a.Oddities, a.LogDir = Schedule(a.Plan), []string{"worker-1 ended by itself"}, "/logs"
	var b strings.Builder
	a.Write(&b)
	for _, want := range []string{
		"10 × kill -9 worker", "lost 1, wrong channel 1, delivered twice 1", "unexplained 1", "event 0 (evt) to /acme/siem: no delivery; no receipt",
		"NO EXPLANATION", "1 without an explanation", "0 explained by a kill of its worker between send and record",
		"20000 events in 5m0s, 3 workers, 2 ingests, redis single (appendfsync always), ack memory, faults all, of the sinks' answers 10 % fail and 1 % hang",
		"no channel has this path", "ended by itself", "NOT clean", "/logs",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, b.String())
		}
	}
}

// TestSink: a sink knows its worker and the event, and notes only what it answers 2xx.
func TestSink(t *testing.T) {
	s, err := newSite()
	if err != nil {
		t.Fatal(err)
	}
	l := newLedger(s, planted)
	var unruly atomic.Bool
	sink, err := newSink("worker-2", l, &unruly)
	if err != nil {
		t.Fatal(err)
	}
	defer sink.close()
	proxy, err := url.Parse(sink.url)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{Proxy: http.ProxyURL(proxy)}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	post := func(n int) (int, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, sinkHost+"/acme/siem", strings.NewReader(string(s.body(n))))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			return 0, err
		}
		defer func() { _ = resp.Body.Close() }()
		_, err = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode, err
	}
	if status, err := post(5); status != http.StatusOK || err != nil {
		t.Fatalf("status %d, %v", status, err)
	}
	hits := l.hits[place{5, s.at("/acme/siem")}]
	if len(hits) != 1 || hits[0].worker != "worker-2" || len(l.strangers) != 0 {
		t.Errorf("hits %v, strangers %v", hits, l.strangers)
	}
	unruly.Store(true)
	bad := map[int]int{}
	for range 300 {
		status, _ := post(6)
		bad[status]++
		if bad[0] > 0 && bad[500] > 0 && bad[503] > 0 {
			break
		}
	}
	if bad[0] == 0 || bad[500] == 0 || bad[503] == 0 {
		t.Errorf("answers of a misbehaving sink: %v", bad)
	}
	if n := len(l.hits[place{6, s.at("/acme/siem")}]); n != bad[200] {
		t.Errorf("%d were answered 200, %d are noted", bad[200], n)
	}
}

// TestLoad: what is not answered 200 is sent again, the same body.
func TestLoad(t *testing.T) {
	s, err := newSite()
	if err != nil {
		t.Fatal(err)
	}
	var seen atomic.Int32
	bodies := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		bodies <- string(b)
		switch seen.Add(1) {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			panic(http.ErrAbortHandler)
		default:
			w.Header().Set("Accessrelay-Event-Id", "evt_1")
		}
	}))
	defer server.Close()
	l := newLedger(s, 1)
	newLoad(s, l, []string{server.URL}).run(t.Context(), time.Millisecond)
	if one, two, three := <-bodies, <-bodies, <-bodies; one != two || two != three || one != string(s.body(0)) {
		t.Errorf("sent %q, %q, %q", one, two, three)
	}
	e := l.events[0]
	if e.tries != 3 || e.id != "evt_1" || e.acked.IsZero() || l.answers["503"] != 1 || l.answers["cut off"] != 1 || l.answers["200"] != 1 {
		t.Errorf("%+v, %v", e, l.answers)
	}
}

// TestLoadIsBounded: what an outage holds up does not come all at once, and
// comes in the end.
func TestLoadIsBounded(t *testing.T) {
	s, err := newSite()
	if err != nil {
		t.Fatal(err)
	}
	const events = 300
	var under, most, tries atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := under.Add(1)
		defer under.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if tries.Add(1) <= 2*events { // as long as Redis is away
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	l := newLedger(s, events)
	newLoad(s, l, []string{server.URL}).run(t.Context(), time.Millisecond)
	if l.acked != events || l.answers["200"] != events || l.answers["503"] != 2*events || most.Load() > atOnce {
		t.Errorf("%d acknowledged, answers %v, %d at once", l.acked, l.answers, most.Load())
	}
}

// TestRunWithoutPrograms: what cannot be started is an error, and leaves nothing running.
func TestRunWithoutPrograms(t *testing.T) {
	dir := t.TempDir()
	var progress strings.Builder
	_, err := Run(t.Context(), Plan{Bin: dir, Dir: dir, Seed: 42, Events: 1, Duration: time.Second, Progress: &progress})
	if err == nil || !strings.Contains(err.Error(), "starting") {
		t.Errorf("%v", err)
	}
	if got := progress.String(); !strings.HasPrefix(got, "seed 42: 1 events in 1s, ") || !strings.Contains(got, "kill -9    redis") {
		t.Errorf("it does not begin with the seed and the plan:\n%s", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = Run(ctx, Plan{Bin: dir, Dir: t.TempDir()}); err == nil || errors.Is(err, errNotFound) {
		t.Errorf("with an ended context: %v", err)
	}
}

func TestMainUsage(t *testing.T) {
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--help"}, 0, "Examples:"},
		{[]string{"--ack=disk"}, 2, "--ack"},
		{[]string{"--nonsense"}, 2, "--nonsense"},
		{[]string{"--bin", t.TempDir()}, 2, "has no program ingest"},
	} {
		var out, errs strings.Builder
		if code := Main(t.Context(), tt.args, &out, &errs); code != tt.code || !strings.Contains(out.String()+errs.String(), tt.want) {
			t.Errorf("%v: code %d, %s%s", tt.args, code, out.String(), errs.String())
		}
	}
}

// TestUnsettledFollowsFromForgetting: what nobody goes on with is a fault of the
// relay's, unless Redis may have forgotten it.
func TestUnsettledFollowsFromForgetting(t *testing.T) {
	for _, tt := range []struct {
		redis  Topology
		level  ack.Level
		follow bool
	}{
		{Single, ack.Memory, false},
		{Cluster, ack.Memory, true},
		{Cluster, ack.Replicas(1), false},
		{Sentinel, ack.Memory, true},
	} {
		a := &Account{Plan: Plan{Redis: tt.redis, Ack: tt.level}, Lost: []Loss{{}}, Pending: []Loss{{}}}
		if a.OnlyLoss() != tt.follow || a.Clean() {
			t.Errorf("%s, %s: only loss %t, clean %t", tt.redis, tt.level, a.OnlyLoss(), a.Clean())
		}
	}
}
