package channel_test

import (
	"testing"
	"time"

	"accessrelay/internal/channel"
	"accessrelay/internal/channel/slack"
	"accessrelay/internal/channel/webhook"
	"accessrelay/internal/ratelimit"
)

func TestRate(t *testing.T) {
	own := &ratelimit.Rate{N: 5, Per: time.Minute}
	for _, tt := range []struct {
		kind channel.Kind
		own  *ratelimit.Rate
		want string
	}{
		{slack.Kind{}, nil, "1/s"},
		{slack.Kind{}, own, "5/m"},
		{webhook.Kind{}, nil, ""},
		{webhook.Kind{}, own, "5/m"},
		{nil, nil, ""}, // a type that this version does not know
	} {
		c := channel.Channel{RateLimit: tt.own, TypeRate: channel.DefaultRate(tt.kind)}
		got := ""
		if r := c.Rate(); r != nil {
			got = r.String()
		}
		if got != tt.want {
			t.Errorf("%T with %v: %q, want %q", tt.kind, tt.own, got, tt.want)
		}
	}
}
