package e2e

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A scene is something that programs do, and the steps in which Redis and a
// destination see it. At each a program dies: just before, and just after.
type scene struct {
	name  string
	play  func(*stage)
	start string // what Redis holds before the first step
	steps []step
}

// A step is one write, or the send.
type step struct {
	op    string // of the operations; "": the send
	left  string // what Redis holds after it; "": the same as before
	again bool   // whoever goes on after it asks the destination again
	nth   int    // which of them; 0: the only one
	after bool   // nobody dies before it: it is a read, or that is another scene's
}

const theSend = ""

const (
	active = "delivery active; claim; record: pending; listed"
)

var scenes = []scene{
	{"hook", sceneHook, "nothing", []step{
		{op: "the queue is named"},
		{op: "the event is enqueued", left: "event pending"},
	}},
	{"event", sceneEvent, "event pending", []step{
		{op: takeEvent, left: "event active"},
		{op: "the claim", left: "event active; claim"},
		{op: "the tenant is named"},
		{op: "the event is listed", left: "event active; claim; listed"},
		{op: "the record is made", left: "event active; claim; record: pending, pending; listed"},
		{op: "the queue is named"},
		{op: "the delivery is enqueued", nth: 1, left: "event active; delivery pending; claim; record: pending, pending; listed"},
		{op: "the delivery is enqueued", nth: 2, left: "event active; 2 × delivery pending; claim; record: pending, pending; listed"},
		{op: eventDone, left: "2 × delivery pending; claim; record: pending, pending; listed"},
	}},
	{"repeat", sceneRepeat, "event active", []step{
		{op: "the claim"},
		{op: "the event is settled", left: "event active; record: settled"},
		{op: eventDone, left: "record: settled"},
	}},
	{"unrouted", sceneUnrouted, "event active; claim", []step{
		{op: "the claim is given up", left: "event active"},
		{op: "the event is settled", left: "event active; record: settled"},
		{op: eventDone, left: "record: settled"},
	}},
	{"delivery", sceneDelivery, "delivery pending; claim; record: pending; listed", []step{
		{op: takeDelivery, left: active},
		{op: "the delivery is loaded", after: true, left: active},
		{op: theSend, left: active, again: true},
		{op: "the delivery is recorded", left: "delivery active; claim; record: delivered; listed"},
		{op: "the delivery is done", left: "claim; record: delivered; listed"},
	}},
	{"turn", sceneTurn, active, []step{
		{op: "the turn is given"},
		{op: "the wait is recorded", left: "delivery active; claim; record: throttled; listed"},
		{op: "the delivery waits", left: "delivery retry; claim; record: throttled; listed"},
	}},
	{"retry", sceneRetry, active, []step{
		{op: theSend, left: active, again: true},
		{op: "the failure is told", left: active, again: true},
		{op: "the retry is recorded", left: "delivery active; claim; record: retrying; listed"},
		{op: "the delivery waits", left: "delivery retry; claim; record: retrying; listed"},
		{op: dueDelivery, left: "delivery pending; claim; record: retrying; listed"},
	}},
	{"dead", sceneDead, active, []step{
		{op: theSend, left: active, again: true},
		{op: "the death is recorded", left: "delivery active; claim; record: dead; listed"},
		{op: "the death is listed", left: "delivery active; claim; record: dead; listed; listed dead"},
		{op: "the delivery is done", left: "claim; record: dead; listed; listed dead"},
	}},
	{"gone", sceneGone, active, []step{
		{op: theSend, left: active, again: true},
		{op: "the queue is named", nth: 2, left: active, again: true},
		{op: "the event is enqueued", left: "notice pending; " + active, again: true},
		{op: "the channel is off", left: "notice pending; " + active + "; channel off"},
		{op: "the death is recorded", left: "notice pending; delivery active; claim; record: dead; listed; channel off"},
		{op: "the death is listed", left: "notice pending; delivery active; claim; record: dead; listed; listed dead; channel off"},
		{op: "the delivery is done", left: "notice pending; claim; record: dead; listed; listed dead; channel off"},
	}},
	{"gone, of the API", sceneGoneAPI, "notice pending; " + active, []step{
		{op: theSend, left: "notice pending; " + active, again: true},
		{op: "the channel is changed", left: "notice pending; " + active + "; channel off"},
	}},
	{"test", sceneTest, "delivery active; record: pending; listed; channel off", []step{
		{op: theSend, left: "delivery active; record: pending; listed; channel off", again: true},
		{op: "the channel is on", left: "delivery active; record: pending; listed", again: true},
		{op: "the delivery is recorded", left: "delivery active; record: delivered; listed"},
	}},
	{"test, of the API", sceneTestAPI, "delivery active; record: pending; listed; channel off", []step{
		{op: theSend, left: "delivery active; record: pending; listed; channel off", again: true},
		{op: "the channel is changed", left: "delivery active; record: pending; listed", again: true},
	}},
	{"replay", sceneReplay, active, []step{
		{op: theSend, left: active, again: true},
		{op: "the delivery is recorded", left: "delivery active; claim; record: delivered; listed"},
		{op: "the delivery is off the list of the dead"},
		{op: "the delivery is done", left: "claim; record: delivered; listed"},
	}},
	{"replay not written", sceneUnwritten, "delivery active; claim; record: dead; listed; listed dead", []step{
		{op: "the event is open again"},
		{op: "the replay is recorded", left: active + "; listed dead"},
		{op: "the earlier death is off the list", left: active},
	}},
	{"call for a replay", sceneReplayCall, "claim; record: dead; listed; listed dead", []step{
		{op: "the queue is named"},
		{op: "the delivery is enqueued", left: "delivery pending; claim; record: dead; listed; listed dead"},
		{op: "the tenant is named"},
		{op: "the event is open again"},
		{op: "the replay is recorded", left: "delivery pending; claim; record: pending; listed; listed dead"},
		{op: "the earlier death is off the list", left: "delivery pending; claim; record: pending; listed"},
	}},
	{"call for an event", scenePublish, "nothing", []step{
		{op: "the queue is named"},
		{op: "the event is enqueued", left: "event pending"},
	}},
	{"call for a deletion", sceneDeleteCall, "claim; record: dead; listed; listed dead", []step{
		{op: "the delivery is deleted", left: "claim; record: deleted; listed; listed dead"},
		{op: "the deleted is off the lists", left: "claim; record: deleted; listed"},
	}},
	{"call for a channel", sceneChannel, "nothing", []step{{op: "the channel is stored", left: "channel a"}}},
	{"call for a change", sceneChannel, "channel old", []step{{op: "the channel is changed", left: "channel a"}}},
	{"call for an end", sceneChannel, "channel a", []step{{op: "the channel is deleted", left: "nothing"}}},
	{"shutdown", sceneShutdown, active, []step{
		{op: theSend, left: active, again: true},
		{op: "the delivery is handed back", left: "delivery pending; claim; record: pending; listed", again: true},
	}},
	{"lost delivery", sceneOrphan, active, []step{
		{op: theSend, left: active, again: true},
		{op: "the lost delivery is put back", left: "delivery pending; claim; record: pending; listed", again: true},
	}},
	{"lost event", sceneOrphanEvent, "event active", []step{
		{op: "the lost event is put back", left: "event pending"},
	}},
	{"misplaced event", sceneMisplacedEvent, "event in no list", []step{
		{op: "the scan is begun"},
		{op: mendEvent, left: "event pending"},
		{op: "the scan is ended"},
	}},
	{"misplaced delivery", sceneMisplacedDelivery, "delivery in no list; claim; record: pending; listed", []step{
		{op: mendDelivery, left: "delivery pending; claim; record: pending; listed"},
	}},
	{"vanished delivery", sceneVanished, "claim; record: pending; listed", []step{
		{op: takeOpen},
		{op: "the delivery is enqueued", left: "delivery pending; claim; record: pending; listed"},
	}},
	{"closed event", sceneClosed, "claim; record: delivered; listed", []step{
		{op: "the closed is off the index"},
	}},
	{"look at a closed event", sceneLook, "claim; record: delivered; listed", []step{
		{op: takeOpen, after: true},
		{op: "the look is over"},
	}},
}

// crashPoint is one death. Its name is in docs/guarantees.md.
type crashPoint struct {
	name  string
	play  func(*stage)
	at    crash
	left  string // what Redis holds then
	again bool   // whether the destination is asked once more because of it
}

// crashPoints makes the list of them all.
func crashPoints() []crashPoint {
	var all []crashPoint
	for _, sc := range scenes {
		left, again := sc.start, false
		for _, st := range sc.steps {
			what := st.op
			if st.nth > 0 && strings.HasPrefix(st.op, "the delivery") {
				what = fmt.Sprintf("delivery %d is enqueued", st.nth)
			}
			add := func(when string, at crash) {
				all = append(all, crashPoint{sc.name + ": " + when, sc.play, at, left, again})
			}
			switch {
			case st.op == theSend && sc.name == "delivery":
				again = true
				add("during the send", crash{})
			case st.op == theSend:
			case !st.after:
				add("before "+what, crash{op: st.op, nth: st.nth})
			}
			if st.left != "" {
				left, again = st.left, st.again
			}
			if st.op != theSend {
				add("after "+what, crash{op: st.op, nth: st.nth, after: true})
			}
		}
	}
	return all
}

// atOnce is how many crash points are tried at a time. Each mostly waits for a
// lease to end.
const atOnce = 28

// TestCrashPoints stops the real programs at every crash point that
// docs/guarantees.md has, and sees to it that what it says becomes of it is true.
func TestCrashPoints(t *testing.T) {
	t.Parallel()
	loadScripts(t)
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		seen = map[string]bool{}
		ran  int
	)
	places := make(chan struct{}, atOnce)
	points := crashPoints()
	for _, p := range points {
		wg.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			t.Run(p.name, func(t *testing.T) { // not t.Parallel, which has fewer places
				s := &stage{point: p}
				s.relay = newRelay(t)
				p.play(s)
				mu.Lock()
				defer mu.Unlock()
				ran++
				for _, px := range s.proxies {
					for _, name := range px.saw() {
						seen[name] = true
					}
				}
			})
		})
	}
	wg.Wait()
	if ran < len(points) {
		return // not all were asked for, or some have failed
	}
	for sig, op := range operations {
		if op.name != "" && !seen[op.name] {
			t.Errorf("no program does this any more: %s (%s)", sig, op.name)
		}
	}
}

// TestEveryWriteHasItsCrashPoints: somebody dies before and after every write
// that the programs are known to make.
func TestEveryWriteHasItsCrashPoints(t *testing.T) {
	t.Parallel()
	before, after := map[string]bool{}, map[string]bool{}
	for _, p := range crashPoints() {
		if p.at.after {
			after[p.at.op] = true
		} else {
			before[p.at.op] = true
		}
	}
	for sig, op := range operations {
		switch {
		case op.name == "" && op.why == "":
			t.Errorf("%s: neither a name nor why nobody dies there", sig)
		case op.name != "" && !strings.HasPrefix(sig, "HMGET") && (!before[op.name] || !after[op.name]):
			t.Errorf("%s (%s): dies before: %v, after: %v", sig, op.name, before[op.name], after[op.name])
		}
	}
}

var quoted = regexp.MustCompile("`([^`]+)`")

// TestCrashPointsDocumented: the tables of docs/guarantees.md have exactly the
// crash points that are tried, and say of each what is true.
func TestCrashPointsDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/guarantees.md")
	if err != nil {
		t.Fatal(err)
	}
	points := map[string]crashPoint{}
	for _, p := range crashPoints() {
		if _, twice := points[p.name]; twice {
			t.Errorf("two crash points are called %q", p.name)
		}
		points[p.name] = p
	}
	inTable := false
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case !strings.HasPrefix(line, "|"):
			inTable = false
			continue
		case strings.HasPrefix(cells[0], "crash point") && len(cells) == 4:
			inTable = true
			continue
		case !inTable || strings.HasPrefix(cells[0], "---"):
			continue
		}
		names := quoted.FindAllStringSubmatch(cells[0], -1)
		if len(names) == 0 || len(cells) != 4 {
			t.Errorf("a row without a name or with %d cells: %s", len(cells), line)
			continue
		}
		for _, m := range names {
			name := m[1]
			p, ok := points[name]
			delete(points, name)
			switch twice := map[string]bool{"no": false, "**yes**": true}; {
			case !ok:
				t.Errorf("no crash point is called %q, or it is there twice", name)
			case cells[1] != p.left:
				t.Errorf("%s: docs/guarantees.md says that Redis holds %q, it is %q", name, cells[1], p.left)
			case twice[cells[3]] != p.again || !slices.Contains([]string{"no", "**yes**"}, cells[3]):
				t.Errorf("%s: docs/guarantees.md says %q of sending twice, it is %v", name, cells[3], p.again)
			}
		}
	}
	for name := range points {
		t.Errorf("docs/guarantees.md has no row for %q", name)
	}
}
