package e2e

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// recovery is how long a second worker may take to finish what a dead one left:
// the lease of half a minute or the look at what is open, each perhaps twice, and
// what a machine loses that runs many of these tests at a time.
const recovery = 2 * 60 * time.Second

// patient keeps an ingest from saying 503 on a busy machine.
const patient = "--enqueue-timeout=20s"

// stage is an installation in which one program dies at one place. Every program
// reaches Redis through a proxy of its own, so that every write is seen.
type stage struct {
	*relay
	point   crashPoint
	proxies []*crashProxy
	id      string // of the event that it is about
	off     bool   // whether the channel's switch is part of what is looked at
	sealed  []string
	secrets []string
}

func (s *stage) proxy(program string, at crash) *crashProxy {
	s.t.Helper()
	p := startProxy(s.t, s.relay.redis, program, at)
	s.proxies = append(s.proxies, p)
	return p
}

// open writes the file and starts an ingest.
func (s *stage) open(channels ...channelConf) {
	s.t.Helper()
	s.channels = channels
	s.writeFile()
	s.anIngest()
}

// seal makes the settings that channels of the API need.
func (s *stage) seal() {
	s.t.Helper()
	s.delivery = admitLoopback
	recipient, identity := sealing(s.t, s.dir)
	s.sealed = []string{"ACCESSRELAY_SECRETS_RECIPIENTS=" + recipient}
	s.secrets = []string{"--secrets-identity-file=" + identity}
}

func (s *stage) anIngest() *process {
	s.t.Helper()
	return s.startIngest(append(s.sealed, patient, s.proxy("ingest", crash{}).env())...)
}

func (s *stage) aWorker() *process {
	s.t.Helper()
	return s.startWorker(append(s.secrets, s.proxy("worker", crash{}).env())...)
}

// before has a worker do something that comes before the crash, and stops it.
func (s *stage) before(do func()) {
	s.t.Helper()
	w := s.aWorker()
	do()
	s.rest()
	if code := w.stop(); code != 0 {
		s.t.Errorf("the worker before ended with code %d", code)
	}
}

// What comes to a doomed worker.
type shown int

const (
	anEvent    shown = iota // one, and then its deliveries
	deliveries              // and no event
)

// doomedWorker starts the worker that dies.
func (s *stage) doomedWorker(what shown, more ...string) (*process, *crashProxy) {
	s.t.Helper()
	px := s.proxy("worker", s.point.at)
	px.show(what)
	w := s.launch("worker", slices.Concat([]string{"ACCESSRELAY_OPS_ADDR=127.0.0.1:0", px.env()}, s.secrets, more))
	px.victim <- w
	return w, px
}

// workerDies has a worker take what waits, and returns when it is dead.
func (s *stage) workerDies() {
	s.t.Helper()
	_, px := s.doomedWorker(anEvent)
	s.await(px)
}

// ingestDies has a second ingest, which is the doomed one, asked for something.
func (s *stage) ingestDies(ask func() (*http.Request, error)) {
	s.t.Helper()
	healthy := s.ingest
	px := s.proxy("ingest", s.point.at)
	px.victim <- s.startIngest(append(s.sealed, patient, px.env())...)
	req, err := ask()
	if err != nil {
		s.t.Fatalf("making a request: %v", err)
	}
	if a, err := do(req); err == nil {
		s.t.Errorf("the ingest that died answered %d: %s", a.status, a.body)
	}
	s.ingest = healthy
	s.await(px)
}

// await waits for the death and looks at what it left.
func (s *stage) await(px *crashProxy) {
	s.t.Helper()
	select {
	case <-px.fired:
	case <-time.After(recovery):
		s.t.Fatalf("the %s has not come to where it is to die: %+v", px.program, px.at)
	}
	if got := s.left(); got != s.point.left {
		s.t.Errorf("Redis holds\n\t%s, want\n\t%s", got, s.point.left)
	}
}

// left describes what Redis holds, in the words of docs/guarantees.md.
func (s *stage) left() string {
	s.t.Helper()
	ctx, rdb := s.t.Context(), s.relay.redis.Client()
	var facts []string
	for _, kind := range []string{"events", "deliveries"} {
		queue := "asynq:{" + kind + "}"
		ids := map[string][]string{"in no list": misplaced(ctx, rdb, queue)}
		for _, state := range []string{"pending", "active"} {
			ids[state] = rdb.LRange(ctx, queue+":"+state, 0, -1).Val()
		}
		for _, state := range []string{"scheduled", "retry", "archived"} {
			ids[state] = rdb.ZRange(ctx, queue+":"+state, 0, -1).Val()
		}
		for _, state := range []string{"pending", "active", "scheduled", "retry", "archived", "in no list"} {
			facts = append(facts, s.tasks(kind, state, ids[state])...)
		}
	}
	if s.id == "" {
		names := rdb.HKeys(ctx, "ar:{"+tenant+"}:channels:names").Val()
		for _, name := range names {
			facts = append(facts, "channel "+name)
		}
		return orNothing(strings.Join(facts, "; "))
	}
	for _, key := range rdb.Keys(ctx, "ar:dedup:*").Val() {
		if rdb.ZScore(ctx, key, s.id).Err() == nil {
			facts = append(facts, "claim")
		}
	}
	if record := rdb.HGetAll(ctx, "ar:{"+s.id+"}").Val(); len(record) > 0 {
		var states []string
		for i := 0; ; i++ {
			value, ok := record[fmt.Sprint("d:", i)]
			if !ok {
				break
			}
			states = append(states, strings.Split(value, "|")[1])
		}
		if len(states) == 0 {
			states = []string{"settled"}
		}
		facts = append(facts, "record: "+strings.Join(states, ", "))
		open := slices.ContainsFunc(states, func(s string) bool { return s == "pending" || s == "retrying" || s == "throttled" })
		if open && rdb.ZScore(ctx, "ar:{"+tenant+"}:open", s.id).Err() != nil {
			s.t.Error("a delivery is open and its event is not on the index of the open")
		}
	}
	if rdb.ZScore(ctx, "ar:{"+tenant+"}:events", s.id).Err() == nil {
		facts = append(facts, "listed")
	}
	for _, key := range rdb.Keys(ctx, "ar:{"+tenant+"}:dead:*").Val() {
		for _, member := range rdb.ZRange(ctx, key, 0, -1).Val() {
			if strings.HasPrefix(member, strings.Replace(s.id, "evt_", "dlv_", 1)) || strings.Contains(member, s.id) {
				facts = append(facts, "listed dead")
			}
		}
	}
	if s.off && !s.relay.channel("a").Enabled {
		facts = append(facts, "channel off")
	}
	return orNothing(strings.Join(facts, "; "))
}

// tasks says how many tasks are in a state.
func (s *stage) tasks(kind, state string, ids []string) (facts []string) {
	counts := map[string]int{}
	for _, id := range ids {
		switch {
		case kind == "deliveries":
			counts["delivery"]++
		case s.id == "" || id == s.id:
			counts["event"]++
		default:
			counts["notice"]++
		}
	}
	for _, what := range []string{"event", "notice", "delivery"} {
		switch n := counts[what]; {
		case n == 1:
			facts = append(facts, what+" "+state)
		case n > 1:
			facts = append(facts, fmt.Sprintf("%d × %s %s", n, what, state))
		}
	}
	return facts
}

func orNothing(facts string) string { return cmp.Or(facts, "nothing") }

func (s *stage) eventually(what string, cond func() bool) {
	s.t.Helper()
	eventually(s.t, recovery, what, cond)
}

// settle waits until nothing more is going to happen to the event.
func (s *stage) settle(id string) receipt {
	s.t.Helper()
	return s.relay.settle(id, recovery)
}

// rest waits until there is nothing left in the queue: no task in any list, no
// lease, and no task that is in no list.
func (s *stage) rest() {
	s.t.Helper()
	ctx, rdb := s.t.Context(), s.relay.redis.Client()
	var left []string
	defer func() {
		if s.t.Failed() && len(left) > 0 {
			s.t.Logf("left in the queue: %v", left)
		}
	}()
	s.eventually("the queue is empty", func() bool {
		left = nil
		for _, pattern := range []string{"pending", "active", "lease", "scheduled", "retry", "archived", "completed", "t:*"} {
			left = append(left, rdb.Keys(ctx, "asynq:{*}:"+pattern).Val()...)
		}
		return len(left) == 0
	})
}

// wantDead checks the list of the dead.
func (s *stage) wantDead(n int) {
	s.t.Helper()
	dead := decode[list[delivery]](s.t, s.call(http.MethodGet, "/v1/deliveries?state=dead", ""), http.StatusOK)
	if len(dead.Data) != n {
		s.t.Errorf("%d dead letters, want %d: %+v", len(dead.Data), n, dead.Data)
	}
	if got := s.relay.redis.Client().ZCard(s.t.Context(), "ar:{"+tenant+"}:dead:generic_webhook").Val(); got != int64(n) {
		s.t.Errorf("%d on the list of the dead, want %d", got, n)
	}
}

// want checks one delivery as the API shows it, and the requests that its
// destination had of the event.
func (s *stage) want(got receipt, to string, sink *sink, state string, attempts, retries, requests int) {
	s.t.Helper()
	d := got.to(s.t, to)
	if d.State != state || d.Attempts != attempts || d.RetriesUsed != retries {
		s.t.Errorf("delivery %+v, want %s after %d attempts and %d retries", d, state, attempts, retries)
	}
	if n := len(sink.of(got.ID)); n != requests {
		s.t.Errorf("%s had %d requests of the event, want %d", to, n, requests)
	}
}

// extra is 1 if this crash has a destination asked once more.
func (s *stage) extra() int {
	if s.point.again {
		return 1
	}
	return 0
}
