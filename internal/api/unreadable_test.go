package api_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// write puts text where the record of acme's channel id is, as another version or
// an accident would.
func (h *harness) write(id, text string) {
	h.t.Helper()
	if err := h.redis.Client().HSet(h.t.Context(), "ar:{"+acme+"}:channels", id, text).Err(); err != nil {
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
