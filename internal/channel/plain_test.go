package channel_test

import (
	"encoding/json"
	"testing"

	"accessrelay/internal/channel"
	"accessrelay/internal/channel/slack"
	"accessrelay/internal/channel/webhook"
)

type bare struct{}

func (bare) Reveal() json.RawMessage { return nil }

func TestPlain(t *testing.T) {
	if field, instead := channel.Plain(bare{}); field != "" || instead != "" {
		t.Errorf("a config that says nothing: %q, %q", field, instead)
	}
	for _, kind := range []channel.Kind{slack.Kind{}, webhook.Kind{}} {
		for address, want := range map[string]string{
			"https://a.example/http:": "", "http://a.example/": "url", "HTTP://a.example/": "url", "hTTps://a.example": "",
		} {
			c, err := kind.Parse(json.RawMessage(`{"url":"` + address + `"}`))
			if err != nil {
				t.Fatal(err)
			}
			field, instead := channel.Plain(c)
			if field != want || (instead == "https") != (want != "") {
				t.Errorf("%s %s: %q, %q; want %q", kind.Type(), address, field, instead, want)
			}
		}
	}
}
