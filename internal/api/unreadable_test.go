package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/api"
	"accessrelay/internal/channelstore"
)

// channelsKey is where the store keeps acme's channels.
const channelsKey = "ar:{" + acme + "}:channels"

// write puts text where the record of acme's channel id is, as another version or
// an accident would.
func (h *harness) write(id, text string) {
	h.t.Helper()
	if err := h.redis.Client().HSet(h.t.Context(), channelsKey, id, text).Err(); err != nil {
		h.t.Fatal(err)
	}
}

// unreadable are records that this version cannot read.
var unreadable = []struct {
	name, text string
	later      bool // a later version can
}{
	{name: "a later layout", text: `{"v":3,"revision":1,"name":"a","channel_type":"slack_webhook","enabled":true}`, later: true},
	{name: "a later layout, with other fields", text: `{"created_at":7,"name":{},"enabled":"` + canary + `","v":99}`, later: true},
	{name: "no layout", text: `{"revision":1,"name":"a","channel_type":"slack_webhook","enabled":true}`},
	{name: "no JSON", text: canary},
}

// TestDeleteUnreadable: who cannot read a channel can still be rid of it, and then
// its name is free.
func TestDeleteUnreadable(t *testing.T) {
	h := start(t)
	for _, tt := range unreadable {
		t.Run(tt.name, func(t *testing.T) {
			h := *h
			h.t = t
			r := request{method: "DELETE", path: channelsPath + "/" + h.create("slack-webhook", `{"name":"a","url":"`+slackURL+`"}`)}
			h.write(r.path[len(channelsPath)+1:], tt.text)
			for _, want := range []int{204, 404} {
				if got := h.do(r); got.status != want {
					t.Errorf("%d %s, want %d", got.status, got.body, want)
				}
			}
			again := h.create("slack-webhook", `{"name":"a","url":"`+slackURL+`"}`)
			if got := h.do(request{method: "DELETE", path: channelsPath + "/" + again}); got.status != 204 {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
}

// TestListWithUnreadable: a channel that cannot be read takes no other from the
// list, and the log names it.
func TestListWithUnreadable(t *testing.T) {
	for _, tt := range unreadable {
		t.Run(tt.name, func(t *testing.T) {
			h := start(t)
			want := []string{"audit-hook", "security-slack"}
			ids := map[string]string{}
			for i := range 6 {
				h.clock.Advance(time.Second)
				name := fmt.Sprint("api-", i)
				ids[name] = h.create("slack-webhook", `{"name":"`+name+`","url":"`+slackURL+`"}`)
				want = append(want, name)
			}
			if n := len(h.unlisted()); n != 0 {
				t.Errorf("%d warnings, and all can be read", n)
			}
			unread := func(name string) {
				h.write(ids[name], tt.text)
				want = slices.DeleteFunc(want, func(n string) bool { return n == name })
			}
			// The first, one in the middle and the last of the API's.
			for _, name := range []string{"api-0", "api-3", "api-5"} {
				unread(name)
			}
			for limit := 1; limit <= 6; limit++ {
				if got := h.walk(limit, nil); !slices.Equal(got, want) {
					t.Errorf("pages of %d: %v, want %v", limit, got, want)
				}
			}
			lines := h.unlisted()
			if len(lines) == 0 {
				t.Error("the log does not say so")
			}
			told := []string{ids["api-0"], ids["api-3"], ids["api-5"]}
			slices.Sort(told)
			for _, line := range lines {
				slices.Sort(line.Channels)
				later := strings.Contains(line.Error, "written by a later version of accessrelay")
				if !slices.Equal(line.Channels, told) || line.Tenant != acme || line.RequestID == "" || later != tt.later {
					t.Errorf("the log says %+v, want %v", line, told)
				}
			}
			// The last channel of a page becomes such a one while the next is asked for.
			before := slices.Clone(want)
			got := h.walk(3, func() {
				if slices.Contains(want, "api-1") {
					unread("api-1")
				}
			})
			if !slices.Equal(got, before) {
				t.Errorf("pages with a change: %v, want %v", got, before)
			}
			if got := h.walk(3, nil); !slices.Equal(got, want) {
				t.Errorf("then: %v, want %v", got, want)
			}
			if leaks(h.log.String()) {
				t.Error("the log holds what the record does")
			}
		})
	}
}

type unlistedLine struct {
	Msg       string   `json:"msg"`
	Level     string   `json:"level"`
	Tenant    string   `json:"tenant"`
	Channels  []string `json:"channels"`
	Error     string   `json:"error"`
	RequestID string   `json:"request_id"`
}

// unlisted are the warnings about channels that are left out of a list.
func (h *harness) unlisted() []unlistedLine {
	h.t.Helper()
	var found []unlistedLine
	for line := range strings.Lines(h.log.String()) {
		var l unlistedLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			h.t.Fatalf("%v: %s", err, line)
		}
		if l.Level == "WARN" && strings.HasPrefix(l.Msg, "channels are left out of the list") {
			found = append(found, l)
		}
	}
	return found
}

// TestUnreadable: a channel that cannot be read is answered for what it is, never
// as an outage that would pass, and nothing is done to it.
func TestUnreadable(t *testing.T) {
	h := start(t)
	for _, tt := range unreadable {
		t.Run(tt.name, func(t *testing.T) {
			h := *h
			h.t = t
			id := h.create("slack-webhook", `{"name":"`+tt.name+`","url":"`+slackURL+`"}`)
			h.write(id, tt.text)
			status, code, message := 500, "internal", "this channel's record is damaged; all that can be done with the channel is to delete it"
			if tt.later {
				status, code = 409, "unsupported_channel_layout"
				message = "this channel was written by a later version of accessrelay; upgrade ingest, or delete the channel"
			}
			path := channelsPath + "/" + id
			for _, r := range []request{
				{method: "GET", path: path},
				{method: "PUT", path: path, body: `{"name":"b"}`},
				{method: "PUT", path: path, body: `{"enabled":true}`},
				{method: "PUT", path: path, body: `{"enabled":false}`},
				{method: "PUT", path: path, body: `{"config":{"url":"` + slackURL + `"}}`},
				{method: "POST", path: path + "/test"},
			} {
				got := h.do(r)
				if got.status != status || field(t, got.body, "code") != code || field(t, got.body, "message") != message || got.header.Get("Retry-After") != "" {
					t.Errorf("%s %s: %d %v %s", r.method, r.body, got.status, got.header, got.body)
				}
				if logged := strings.Contains(h.log.String(), `"msg":"API call not served","request_id":"`+got.header.Get("X-Request-Id")); logged == tt.later {
					t.Errorf("%s %s: logged as ours to mend: %v", r.method, r.body, logged)
				}
			}
			if got := h.do(request{method: "HEAD", path: path}); got.status != status {
				t.Errorf("HEAD: %d", got.status)
			}
			if got := h.do(request{method: "POST", path: channelsPath + "/slack-webhook", body: `{"name":"` + tt.name + `","url":"` + slackURL + `"}`}); got.status != 409 || field(t, got.body, "code") != "name_taken" {
				t.Errorf("its name: %d %s", got.status, got.body)
			}
			if got := h.redis.Client().HGet(t.Context(), channelsKey, id).Val(); got != tt.text {
				t.Errorf("the record is %s, was %s", got, tt.text)
			}
		})
	}
	if leaks(h.log.String()) {
		t.Error("the log holds what the record does")
	}
}

// upgraded is a store where a later version writes a channel right before each
// update of it.
type upgraded struct {
	*channelstore.Store
	h **harness
}

func (u upgraded) Update(ctx context.Context, r channelstore.Record) error {
	(*u.h).write(r.ID, unreadable[0].text)
	return u.Store.Update(ctx, r)
}

// TestUpdateMeetsALaterVersion: whoever has read a channel does not overwrite what
// a later version has made of it since.
func TestUpdateMeetsALaterVersion(t *testing.T) {
	var h *harness
	h = start(t, func(c *api.Config) { c.Channels = upgraded{c.Channels.(*channelstore.Store), &h} })
	id := h.create("slack-webhook", `{"name":"a","url":"`+slackURL+`"}`)
	got := h.do(request{method: "PUT", path: channelsPath + "/" + id, body: `{"enabled":false}`})
	if got.status != 409 || field(t, got.body, "code") != "unsupported_channel_layout" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := h.redis.Client().HGet(t.Context(), channelsKey, id).Val(); got != unreadable[0].text {
		t.Errorf("the record is %s", got)
	}
}
