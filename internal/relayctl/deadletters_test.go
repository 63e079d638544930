package relayctl

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/api"
	"accessrelay/internal/catalog"
	"accessrelay/internal/channel"
	"accessrelay/internal/channelstore"
	"accessrelay/internal/event"
	"accessrelay/internal/queue"
	"accessrelay/internal/receipt"
	"accessrelay/internal/redistest"
	"accessrelay/internal/secret"
)

const (
	deadTenant  = "8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11"
	deadKey     = "ark_c4n4ry"
	deadChannel = "6f1c2d3e-7a5b-4c1d-9e2f-3a4b5c6d7e8"
)

// morgue is the real API over a real Redis with dead deliveries in it.
type morgue struct {
	t        *testing.T
	url      string
	keyFile  string
	receipts *receipt.Store
	fail     func(r *http.Request) bool
}

func newMorgue(t *testing.T) *morgue {
	t.Helper()
	rdb := redistest.Start(t).Client()
	tasks := queue.NewClient(rdb)
	t.Cleanup(func() { _ = tasks.Close() })
	m := &morgue{
		t: t, keyFile: filepath.Join(t.TempDir(), "api.key"), fail: func(*http.Request) bool { return false },
		receipts: receipt.New(rdb, receipt.Retention{Receipts: time.Hour}),
	}
	if err := os.WriteFile(m.keyFile, []byte("key: "+deadKey+"\nsha256: 00\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := api.New(api.Config{
		Tenants: func() []api.Tenant {
			return []api.Tenant{{ID: deadTenant, Keys: []api.Key{{Name: "k", SHA256: secret.HashAPIKey(deadKey)}}}}
		},
		Channels: channelstore.New(rdb), FileChannels: func(string) []*channel.Channel { return nil },
		Receipts: m.receipts, Events: tasks, Kinds: catalog.Kinds(),
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m.fail(r) {
			http.Error(w, `{"code":"unavailable","message":"later","errorId":"req_1"}`, http.StatusServiceUnavailable)
			return
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	m.url = server.URL
	return m
}

// bury leaves n events, each with a dead delivery to the channel, and returns
// the deliveries' ids, the latest first.
func (m *morgue) bury(n, ch int) []string {
	m.t.Helper()
	var ids []string
	for i := range n {
		at := time.Now().UTC().Add(time.Duration(i) * time.Second)
		d := event.Delivery{
			EventID: event.NewID(at), Round: 1, State: event.StatePending, ChannelID: fmt.Sprint(deadChannel, ch),
			ChannelName: fmt.Sprint("siem-", ch), ChannelType: "generic_webhook", CreatedAt: at, RoundAt: at,
		}
		ev := &event.Event{ID: d.EventID, Type: event.GrantActive, TenantID: deadTenant, ReceivedAt: at, Raw: json.RawMessage(`{}`)}
		if _, err := m.receipts.Open(m.t.Context(), ev, []event.Delivery{d}); err != nil {
			m.t.Fatal(err)
		}
		d.State, d.Attempts, d.DeadAt = event.StateDead, 4, at
		d.LastError = "client_error: \x1b[31mthe destination answered 400"
		if err := m.receipts.Record(m.t.Context(), deadTenant, d); err != nil {
			m.t.Fatal(err)
		}
		ids = append(ids, d.ID())
	}
	slices.Reverse(ids)
	return ids
}

// dead is the ids of those that are dead now.
func (m *morgue) dead() (ids []string) {
	m.t.Helper()
	items, _, err := m.receipts.List(m.t.Context(), receipt.Query{TenantID: deadTenant, State: event.StateDead, Limit: 500})
	if err != nil {
		m.t.Fatal(err)
	}
	for _, i := range items {
		ids = append(ids, i.ID())
	}
	return ids
}

func (m *morgue) run(args ...string) result {
	m.t.Helper()
	got := run(m.t.Context(), Terminal{Environ: []string{
		"ACCESSRELAY_API_URL=" + m.url + "/", "ACCESSRELAY_API_KEY_FILE=" + m.keyFile, "ACCESSRELAY_TENANT_ID=" + deadTenant,
	}}, append([]string{"deadletters"}, args...)...)
	if strings.Contains(got.out+got.err, "c4n4ry") {
		m.t.Errorf("the key is shown: %+v", got)
	}
	return got
}

func TestDeadlettersList(t *testing.T) {
	m := newMorgue(t)
	if got := m.run("list"); got.code != exitOK || got.out != "" || got.err != "There are none.\n" {
		t.Errorf("%+v", got)
	}
	one, two := m.bury(3, 1), m.bury(2, 2)
	got := m.run("list", "--channel-id", deadChannel+"1")
	matches(t, got.out, `DELIVERY +EVENT +PLANNED +CHANNEL +ATTEMPTS +LAST ERROR
`+one[0]+` +grant\.active +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +siem-1 +4 +client_error:  \[31mthe destination answered 400
`+one[1]+` .*\n`+one[2]+` .*\n`)
	if got.code != exitOK || got.err != "" {
		t.Errorf("%+v", got)
	}
	if got := m.run("list", "--limit", "4"); strings.Count(got.out, "dlv_") != 4 || got.err != "There may be more: --all lists them.\n" {
		t.Errorf("%+v", got)
	}
	if got := m.run("list", "--all"); strings.Count(got.out, "dlv_") != 5 || strings.Count(got.out, "DELIVERY") != 1 || got.err != "" {
		t.Errorf("%+v", got)
	}
	ev, _, _ := event.ParseDeliveryID(two[1])
	if got := m.run("list", "--event-id", ev); strings.Count(got.out, "dlv_") != 1 || !strings.Contains(got.out, two[1]) {
		t.Errorf("%+v", got)
	}
}

func TestDeadlettersReplay(t *testing.T) {
	m := newMorgue(t)
	ids := m.bury(3, 1)
	got := m.run("replay", ids[1], "dlv_1", ids[0])
	matches(t, got.err, `relayctl: dlv_1: 404 not_found: there is no such delivery \(req_\w+\)\n`)
	if got.code != exitFailed || got.out != ids[1]+": replay accepted\n"+ids[0]+": replay accepted\n" || !slices.Equal(m.dead(), ids[2:]) {
		t.Errorf("%+v, dead %v", got, m.dead())
	}

	many := m.bury(replayPage+5, 2)
	got = m.run("replay", "--all", "--channel-id", deadChannel+"2")
	if got.code != exitOK || got.out != "105 replays accepted\n" || got.err != "100 replays accepted …\n105 replays accepted …\n" || !slices.Equal(m.dead(), ids[2:]) {
		t.Errorf("%+v, %d dead", got, len(m.dead()))
	}
	ev, n, _ := event.ParseDeliveryID(many[0])
	if d, err := m.receipts.Delivery(t.Context(), deadTenant, ev, n); err != nil || d.Round != 2 || d.State != event.StatePending {
		t.Errorf("%+v, %v", d, err)
	}
	if got := m.run("replay", "--all"); got.code != exitOK || got.out != "1 replays accepted\n" || len(m.dead()) != 0 {
		t.Errorf("%+v", got)
	}
	if got := m.run("replay", "--all"); got.code != exitOK || got.out != "0 replays accepted\n" || got.err != "" {
		t.Errorf("%+v", got)
	}
}

func TestDeadlettersDelete(t *testing.T) {
	m := newMorgue(t)
	one, two := m.bury(3, 1), m.bury(2, 2)
	if got := m.run("delete", one[0]); got.code != exitOK || got.out != one[0]+": deleted\n" || len(m.dead()) != 4 {
		t.Errorf("%+v", got)
	}
	if got := m.run("delete", one[0]); got.code != exitFailed || !strings.Contains(got.err, "404 not_found") {
		t.Errorf("again: %+v", got)
	}
	if got := m.run("delete", "--all"); got.code != exitUsage || len(m.dead()) != 4 {
		t.Errorf("without --yes: %+v", got)
	}
	if got := m.run("delete", "--all", "--yes", "--channel-id", deadChannel+"1"); got.code != exitOK || got.out != "2 deleted\n" || !slices.Equal(m.dead(), two) {
		t.Errorf("%+v, dead %v", got, m.dead())
	}
}

// What was cut off says how far it came, and goes on when it is run again.
func TestDeadlettersCutOff(t *testing.T) {
	m := newMorgue(t)
	m.bury(replayPage+5, 1)
	calls := 0
	m.fail = func(r *http.Request) bool { calls++; return r.Method == http.MethodPost && calls > 1 }
	got := m.run("replay", "--all")
	if want := "stopped after 100 replays accepted, run it again to go on: 503 unavailable: later (req_1)\n"; got.code != exitFailed || !strings.HasSuffix(got.err, want) {
		t.Errorf("%+v", got)
	}
	m.fail = func(r *http.Request) bool { calls++; return r.Method == http.MethodDelete && calls > 5 }
	calls = 0
	if got = m.run("delete", "--all", "--yes"); got.code != exitFailed || !strings.Contains(got.err, "stopped after 4 deleted") {
		t.Errorf("%+v", got)
	}
	m.fail = func(*http.Request) bool { return false }
	if got = m.run("delete", "--all", "--yes"); got.code != exitOK || got.out != "1 deleted\n" {
		t.Errorf("%+v", got)
	}
}

func TestDeadlettersCalledWrongly(t *testing.T) {
	dir := t.TempDir()
	empty, spaced := filepath.Join(dir, "empty"), filepath.Join(dir, "spaced")
	for file, text := range map[string]string{empty: "\n", spaced: "a key\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	closed := httptest.NewServer(http.NotFoundHandler())
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	closed.Close()
	for _, tt := range []struct {
		args, want string
		code       int
	}{
		{"list", "--api-key-file: is missing: a file with an API key of the tenant; relayctl keygen api-key makes one", exitUsage},
		{"list --api-key-file x", "--tenant: is missing: the tenant's id, as in accessrelay.yaml", exitUsage},
		{"list --api-url relay:8081", "--api-url: not a URL such as http://127.0.0.1:8081", exitUsage},
		{"list --limit 0", "--limit: must be from 1 to 500; --all lists all", exitUsage},
		{"list --tenant t --api-key-file " + dir + "/no", "--api-key-file: " + dir + "/no: no such file or directory", exitFailed},
		{"list --tenant t --api-key-file " + empty, "--api-key-file: " + empty + ": holds no API key on its first line", exitFailed},
		{"list --tenant t --api-key-file " + spaced, "--api-key-file: " + spaced + ": holds no API key on its first line", exitFailed},
		{"replay", "name deliveries (dlv_…), or --all, perhaps with --channel-id or --event-id; relayctl deadletters list shows them", exitUsage},
		{"replay --event-id evt_1", "--all: is missing: the filters narrow it down", exitUsage},
		{"replay dlv_1 --all", "deliveries by id and --all or a filter exclude each other", exitUsage},
		{"delete dlv_1 --event-id evt_1", "deliveries by id and --all or a filter exclude each other", exitUsage},
		{"delete --all", "--all: what is deleted is gone for good: relayctl deadletters list shows it, --yes confirms it", exitUsage},
	} {
		got := relayctl(t, append([]string{"deadletters"}, strings.Fields(tt.args)...)...)
		if got.code != tt.code || got.out != "" || got.err != "relayctl: "+tt.want+"\n" {
			t.Errorf("%s: %+v, want %q", tt.args, got, tt.want)
		}
	}
	got := run(t.Context(), Terminal{Environ: []string{"ACCESSRELAY_API_URL=relay:8081"}}, "deadletters", "list")
	if want := "relayctl: ACCESSRELAY_API_URL: not a URL such as http://127.0.0.1:8081\n"; got.code != exitUsage || got.err != want {
		t.Errorf("a variable: %+v, want %q", got, want)
	}
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, []byte("ark_c4n4ry"), 0o600); err != nil {
		t.Fatal(err)
	}
	got = relayctl(t, "deadletters", "list", "--tenant", "t", "--api-key-file", key, "--api-url", closed.URL)
	if got.code != exitFailed || !strings.HasPrefix(got.err, "relayctl: --api-url: "+closed.URL+": ") || strings.Contains(got.err, "c4n4ry") {
		t.Errorf("nobody listens: %+v", got)
	}
	got = relayctl(t, "deadletters", "list", "--tenant", "t", "--api-key-file", key, "--api-url", other.URL)
	if got.code != exitFailed || got.err != "relayctl: the API answered 404, and not as the management API does: is --api-url right?\n" {
		t.Errorf("something else: %+v", got)
	}
}
