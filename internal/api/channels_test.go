package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/api"
	"accessrelay/internal/channel"
	"accessrelay/internal/channel/slack"
	"accessrelay/internal/channelstore"
	"accessrelay/internal/event"
	"accessrelay/internal/ratelimit"
)

const channelsPath = "/v1/notification-channels"

// directory is the worker's view of the tenant's channels.
func (h *harness) directory() map[string]*channel.Channel {
	h.t.Helper()
	d := channelstore.NewDirectory(h.channels, h.opener, kinds,
		func(string) []*channel.Channel { return nil })
	all, err := d.Channels(h.t.Context(), acme)
	if err != nil {
		h.t.Fatal(err)
	}
	out := map[string]*channel.Channel{}
	for _, ch := range all {
		out[ch.ID] = ch
	}
	return out
}

// TestChannelLife follows one channel through every call, in the words of
// JITSudo's guide, and looks at what a worker is given each time.
func TestChannelLife(t *testing.T) {
	h := start(t)
	created := h.do(request{method: "POST", path: channelsPath + "/generic-webhook", body: `{
		"name": "pagerduty-webhook", "url": "` + webhookURL + `",
		"headers": {"Authorization": "Token token=` + canary + `"}, "signing_secret": "` + signingKey + `",
		"event_filters": ["request.pending", "grant.*"]}`})
	if created.status != 201 {
		t.Fatalf("%d %s", created.status, created.body)
	}
	id := field(t, created.body, "id")
	if loc := created.header.Get("Location"); loc != channelsPath+"/"+id {
		t.Errorf("Location is %q", loc)
	}
	want := `{"id":"` + id + `","name":"pagerduty-webhook","channel_type":"generic_webhook",
		"config":{"url":"https://events.example.com/***","headers":{"Authorization":"***"},"signing_secret":"***"},
		"enabled":true,"event_filters":["request.pending","grant.*"],"redact":[],"managed_by":"api",
		"created_at":"2026-03-01T12:00:00.123Z","updated_at":"2026-03-01T12:00:00.123Z"}`
	sameJSON(t, created.body, want)
	sameJSON(t, h.do(request{method: "GET", path: created.header.Get("Location")}).body, want)
	sameJSON(t, h.do(request{method: "GET", path: channelsPath + "?limit=1&cursor=" + h.afterFiles()}).body,
		`{"data":[`+want+`],"next_cursor":null}`)
	h.workerSees(id, func(ch *channel.Channel) {
		if got := string(ch.Config.Reveal()); !strings.Contains(got, webhookURL) || !strings.Contains(got, signingKey) || !strings.Contains(got, "Token token=") {
			t.Errorf("a worker reads %d bytes of config that lack a secret", len(got))
		}
	})

	// An update says only what changes.
	h.clock.Advance(time.Hour)
	got := h.do(request{method: "PUT", path: channelsPath + "/" + id, body: `{"event_filters":[],"enabled":false}`})
	want = `{"id":"` + id + `","name":"pagerduty-webhook","channel_type":"generic_webhook",
		"config":{"url":"https://events.example.com/***","headers":{"Authorization":"***"},"signing_secret":"***"},
		"enabled":false,"event_filters":[],"redact":[],"managed_by":"api",
		"created_at":"2026-03-01T12:00:00.123Z","updated_at":"2026-03-01T13:00:00.123Z"}`
	sameJSON(t, got.body, want)
	sameJSON(t, h.do(request{method: "GET", path: channelsPath + "/" + id}).body, want)
	h.workerSees(id, func(ch *channel.Channel) {
		if ch.Enabled || len(ch.Filters) != 0 || !strings.Contains(string(ch.Config.Reveal()), signingKey) {
			t.Errorf("a worker sees enabled=%v filters=%v, or another config", ch.Enabled, ch.Filters)
		}
	})

	// A config replaces the whole one.
	got = h.do(request{method: "PUT", path: channelsPath + "/" + id, body: `{"name":"pd","config":{"url":"https://other.example/` + canary + `"}}`})
	want = `{"id":"` + id + `","name":"pd","channel_type":"generic_webhook","config":{"url":"https://other.example/***"},
		"enabled":false,"event_filters":[],"redact":[],"managed_by":"api",
		"created_at":"2026-03-01T12:00:00.123Z","updated_at":"2026-03-01T13:00:00.123Z"}`
	sameJSON(t, got.body, want)
	h.workerSees(id, func(ch *channel.Channel) {
		sameJSON(t, string(ch.Config.Reveal()), `{"url":"https://other.example/`+canary+`"}`)
	})

	// The old name is free, the new one is not.
	h.create("slack-webhook", `{"name":"pagerduty-webhook","url":"`+slackURL+`"}`)
	if got := h.do(request{method: "POST", path: channelsPath + "/slack-webhook", body: `{"name":"pd","url":"` + slackURL + `"}`}); got.status != 409 {
		t.Errorf("a second channel named pd: %d %s", got.status, got.body)
	}

	if got := h.do(request{method: "DELETE", path: channelsPath + "/" + id}); got.status != 204 || got.body != "" {
		t.Errorf("deleting: %d %q", got.status, got.body)
	}
	for _, m := range []string{"GET", "DELETE"} {
		if got := h.do(request{method: m, path: channelsPath + "/" + id}); got.status != 404 {
			t.Errorf("%s of a deleted channel: %d", m, got.status)
		}
	}
	if _, there := h.directory()[id]; there {
		t.Error("a worker still sees the deleted channel")
	}
	if leaks(h.log.String()) {
		t.Error("the log holds a secret")
	}
}

// afterFiles is the cursor behind the file's channels.
func (h *harness) afterFiles() string {
	h.t.Helper()
	got := h.do(request{method: "GET", path: fmt.Sprintf("%s?limit=%d", channelsPath, len(h.file))})
	return field(h.t, got.body, "next_cursor")
}

func (h *harness) workerSees(id string, check func(*channel.Channel)) {
	h.t.Helper()
	ch := h.directory()[id]
	if ch == nil || ch.Config == nil {
		h.t.Fatalf("a worker cannot use channel %s: %+v", id, ch)
	}
	check(ch)
}

// TestSlackAddress: the guide calls it webhook_url, answers url.
func TestSlackAddress(t *testing.T) {
	h := start(t)
	for name, body := range map[string]string{
		"as in the guide": `"webhook_url":"` + slackURL + `"`,
		"url":             `"url":"` + slackURL + `"`,
		"under config":    `"config":{"webhook_url":"` + slackURL + `"}`,
	} {
		id := h.create("slack-webhook", `{"name":"`+name+`",`+body+`,"enabled":false}`)
		got := h.do(request{method: "GET", path: channelsPath + "/" + id})
		if !strings.Contains(got.body, `"config":{"url":"https://hooks.slack.com/***"},"enabled":false`) {
			t.Errorf("%s: %s", name, got.body)
		}
	}
}

func TestStoreHoldsNoSecretInTheClear(t *testing.T) {
	h := start(t)
	h.create("generic-webhook", `{"name":"a","url":"`+webhookURL+`","signing_secret":"`+signingKey+`","headers":{"X-Token":"`+canary+`"}}`)
	rdb := h.redis.Client()
	keys, err := rdb.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) == 0 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	for _, k := range keys {
		dump, err := rdb.Dump(t.Context(), k).Result()
		if err != nil || leaks(dump) {
			t.Errorf("key %s holds a secret in the clear (%v)", k, err)
		}
	}
}

func TestDisabledByTheRelay(t *testing.T) {
	h := start(t)
	id := h.create("slack-webhook", `{"name":"a","url":"`+slackURL+`"}`)
	for _, ch := range []string{id, h.file[0].ID} {
		if _, err := h.channels.Disable(t.Context(), acme, ch, time.Now().Add(time.Hour), "gone"); err != nil {
			t.Fatal(err)
		}
		got := h.do(request{method: "GET", path: channelsPath + "/" + ch})
		if !strings.Contains(got.body, `"enabled":false,"disabled_reason":"gone"`) {
			t.Errorf("disabled: %s", got.body)
		}
	}
	list := h.do(request{method: "GET", path: channelsPath})
	if n := strings.Count(list.body, `"disabled_reason":"gone"`); n != 2 {
		t.Errorf("%d of 2 disabled in the list: %s", n, list.body)
	}
	if !h.file[0].Enabled {
		t.Error("the file's channel itself was changed")
	}
	got := h.do(request{method: "PUT", path: channelsPath + "/" + id, body: `{"name":"b"}`})
	if !strings.Contains(got.body, `"disabled_reason":"gone"`) {
		t.Errorf("a new name enabled it: %s", got.body)
	}
	got = h.do(request{method: "PUT", path: channelsPath + "/" + id, body: `{"enabled":true}`})
	if !strings.Contains(got.body, `"enabled":true,"event_filters"`) {
		t.Errorf("enabled: %s", got.body)
	}
	if _, err := h.channels.Disable(t.Context(), acme, id, time.Now().Add(time.Hour), "gone"); err != nil {
		t.Fatal(err)
	}
	got = h.do(request{method: "PUT", path: channelsPath + "/" + id, body: `{"enabled":false}`})
	if !strings.Contains(got.body, `"enabled":false,"event_filters"`) {
		t.Errorf("whoever disables it takes over: %s", got.body)
	}
}

// TestRateAndRedact: what an update does not say stays, what it says replaces,
// and null gives the type's own rate back.
func TestRateAndRedact(t *testing.T) {
	h := start(t)
	id := h.create("slack-webhook", `{"name":"a","url":"`+slackURL+`","rate_limit":"2/s","redact":["request.reason","grantee"]}`)
	for _, step := range []struct{ put, want string }{
		{`{"name":"b"}`, `"rate_limit":"2/s","redact":["request.reason","grantee"]`},
		{`{"redact":["raw"]}`, `"rate_limit":"2/s","redact":["raw"]`},
		{`{"rate_limit":"10/m"}`, `"rate_limit":"10/m","redact":["raw"]`},
		{`{"rate_limit":null}`, `"rate_limit":"1/s","redact":["raw"]`},
		{`{"redact":[],"rate_limit":"3/h"}`, `"rate_limit":"3/h","redact":[]`},
	} {
		got := h.do(request{method: "PUT", path: channelsPath + "/" + id, body: step.put})
		if got.status != 200 || !strings.Contains(got.body, step.want) {
			t.Errorf("%s: %d %s, want %s", step.put, got.status, got.body, step.want)
		}
		if again := h.do(request{method: "GET", path: channelsPath + "/" + id}); again.body != got.body {
			t.Errorf("%s: then it is %s, was %s", step.put, again.body, got.body)
		}
	}
	rec, err := h.channels.Get(t.Context(), acme, id)
	if err != nil || rec.RateLimit.String() != "3/h" || len(rec.Redact) != 0 {
		t.Errorf("stored: %v %v %v", rec.RateLimit, rec.Redact, err)
	}
	h.file[0].RateLimit, h.file[0].Redact = &ratelimit.Rate{N: 4, Per: time.Second}, []string{"error"}
	for i, want := range []string{`"rate_limit":"4/s","redact":["error"]`, `"event_filters":[],"redact":[]`} {
		if got := h.do(request{method: "GET", path: channelsPath + "/" + h.file[i].ID}); !strings.Contains(got.body, want) {
			t.Errorf("the file's: %s, want %s", got.body, want)
		}
	}
}

// TestRecipients: a receipt and the list say how each one stands that a delivery
// goes to, of a channel that has several.
func TestRecipients(t *testing.T) {
	h := start(t)
	d := delivery("6f1c2d3e-0000-4000-8000-000000000001", "mail", event.StateDead)
	d.ChannelType = "email"
	d.Recipients = []event.Recipient{
		{Address: "a@example.com", State: event.StateDelivered},
		{Address: "b@example.com", State: event.StateDead, LastError: "rejected: no such mailbox"},
	}
	id := h.record(acme, d, delivery("6f1c2d3e-0000-4000-8000-000000000002", "hook", event.StateDelivered))
	const want = `"recipients":[{"address":"a@example.com","state":"delivered"},{"address":"b@example.com","state":"dead","last_error":"rejected: no such mailbox"}]`
	for _, path := range []string{"/v1/events/" + id, "/v1/deliveries?event_id=" + id} {
		got := h.do(request{method: "GET", path: path})
		if !strings.Contains(got.body, want) || strings.Count(got.body, "recipients") != 1 {
			t.Errorf("%s: %s, want once %s", path, got.body, want)
		}
	}
}

// TestFileTakesAName: a channel whose name the file takes up later can still be
// changed, and another cannot be given that name.
func TestFileTakesAName(t *testing.T) {
	h := start(t)
	id := h.create("slack-webhook", `{"name":"a","url":"`+slackURL+`"}`)
	h.clock.Advance(time.Second)
	other := h.create("slack-webhook", `{"name":"b","url":"`+slackURL+`"}`)
	h.file = append(h.file, fileChannel("a", slack.Kind{}, `{"url":"`+slackURL+`"}`))
	if got := h.do(request{method: "PUT", path: channelsPath + "/" + id, body: `{"name":"a","enabled":false}`}); got.status != 200 {
		t.Errorf("keeping the name: %d %s", got.status, got.body)
	}
	if got := h.do(request{method: "PUT", path: channelsPath + "/" + other, body: `{"name":"a"}`}); got.status != 409 {
		t.Errorf("taking the name: %d %s", got.status, got.body)
	}
	if got := h.walk(50, nil); strings.Join(got, " ") != "a audit-hook security-slack a b" {
		t.Errorf("listed: %v", got)
	}
}

func TestListPages(t *testing.T) {
	h := start(t)
	want := []string{"audit-hook", "security-slack"} // the file's, by name
	ids := map[string]string{}
	for i := range 5 {
		h.clock.Advance(time.Second)
		name := fmt.Sprintf("api-%d", 9-i)
		ids[name] = h.create("slack-webhook", `{"name":"`+name+`","url":"`+slackURL+`"}`)
		want = append(want, name)
	}
	for limit := 1; limit <= 8; limit++ {
		if got := h.walk(limit, nil); strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("pages of %d: %v, want %v", limit, got, want)
		}
	}
	// The last channel of a page may go while the next is asked for.
	got := h.walk(3, func() {
		if id := ids["api-9"]; id != "" {
			h.do(request{method: "DELETE", path: channelsPath + "/" + id})
			ids["api-9"] = ""
		}
	})
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("pages with a deletion: %v, want %v", got, want)
	}
}

// walk collects the names over all pages, doing between after each.
func (h *harness) walk(limit int, between func()) []string {
	h.t.Helper()
	var names []string
	for cursor := ""; ; {
		got := h.do(request{method: "GET", path: fmt.Sprintf("%s?limit=%d&cursor=%s", channelsPath, limit, cursor)})
		var page struct {
			Data []struct {
				Name string `json:"name"`
			} `json:"data"`
			Next *string `json:"next_cursor"`
		}
		if err := json.Unmarshal([]byte(got.body), &page); err != nil {
			h.t.Fatalf("%v: %s", err, got.body)
		}
		if len(page.Data) > limit || len(names) > 100 {
			h.t.Fatalf("a page of %d with a limit of %d, %d names", len(page.Data), limit, len(names))
		}
		for _, ch := range page.Data {
			names = append(names, ch.Name)
		}
		if page.Next == nil {
			return names
		}
		cursor = *page.Next
		if between != nil {
			between()
		}
	}
}

// contended lets somebody else change a channel right before each of the first
// n updates.
type contended struct {
	*channelstore.Store
	t *testing.T
	n int
}

func (c *contended) Update(ctx context.Context, r channelstore.Record) error {
	if c.n > 0 {
		c.n--
		other, err := c.Get(ctx, r.TenantID, r.ID)
		if err != nil {
			c.t.Error(err)
		}
		other.Filters = []string{"grant.*"}
		if err := c.Store.Update(ctx, other); err != nil {
			c.t.Error(err)
		}
	}
	return c.Store.Update(ctx, r)
}

func TestUpdateUnderContention(t *testing.T) {
	for _, tt := range []struct{ others, status int }{{1, 200}, {4, 200}, {5, 409}} {
		t.Run(fmt.Sprint(tt.others), func(t *testing.T) {
			h := start(t, func(c *api.Config) {
				c.Channels = &contended{c.Channels.(*channelstore.Store), t, tt.others}
			})
			id := h.create("slack-webhook", `{"name":"a","url":"`+slackURL+`"}`)
			got := h.do(request{method: "PUT", path: channelsPath + "/" + id, body: `{"name":"b","config":{"url":"https://b.example/x"}}`})
			if got.status != tt.status {
				t.Fatalf("%d, want %d: %s", got.status, tt.status, got.body)
			}
			after := h.do(request{method: "GET", path: channelsPath + "/" + id}).body
			if !strings.Contains(after, `"event_filters":["grant.*"]`) {
				t.Errorf("the other's change is lost: %s", after)
			}
			if tt.status == 409 {
				if code := field(t, got.body, "code"); code != "conflict" {
					t.Errorf("code %s", code)
				}
				return
			}
			if !strings.Contains(after, `"name":"b"`) || !strings.Contains(after, "b.example") {
				t.Errorf("the change is lost: %s", after)
			}
		})
	}
}

func TestWithoutASealer(t *testing.T) {
	var sealer api.Sealer
	h := start(t, func(c *api.Config) { sealer, c.Sealer = c.Sealer, nil })
	for _, slug := range []string{"slack-webhook", "generic-webhook"} {
		got := h.do(request{method: "POST", path: channelsPath + "/" + slug, body: `{"name":"a","url":"` + slackURL + `"}`})
		if got.status != 503 || field(t, got.body, "code") != "secrets_not_configured" ||
			!strings.Contains(got.body, "ACCESSRELAY_SECRETS_RECIPIENTS") || got.header.Get("Retry-After") != "" {
			t.Errorf("%d %v %s", got.status, got.header, got.body)
		}
	}
	// A channel from before the setting was lost can be changed but for its config.
	rec := channelstore.Record{Channel: channel.Channel{
		ID: "6f1c2d3e-0000-4000-8000-000000000001", TenantID: acme, Name: "old", Type: "slack_webhook", Enabled: true,
		Filters: []string{}, ManagedBy: channel.ManagedByAPI, CreatedAt: noon, UpdatedAt: noon, Masked: json.RawMessage(`{}`),
	}}
	var err error
	if rec.Sealed, err = channelstore.Seal(sealer, acme, rec.ID, rec.Type, json.RawMessage(`{"url":"`+slackURL+`"}`)); err != nil {
		t.Fatal(err)
	}
	if err := h.channels.Create(t.Context(), rec); err != nil {
		t.Fatal(err)
	}
	if got := h.do(request{method: "PUT", path: channelsPath + "/" + rec.ID, body: `{"enabled":false}`}); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := h.do(request{method: "PUT", path: channelsPath + "/" + rec.ID, body: `{"config":{"url":"` + slackURL + `"}}`}); got.status != 503 {
		t.Errorf("%d %s", got.status, got.body)
	}
}
