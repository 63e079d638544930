package api_test

import (
	"testing"
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
