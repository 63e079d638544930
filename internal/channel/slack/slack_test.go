package slack

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"accessrelay/internal/channel"
)

var _ channel.Kind = Kind{}

func TestParse(t *testing.T) {
	const address = "https://hooks.slack.com/services/T0/B0/canary"
	for _, in := range []string{
		`{"url":"` + address + `"}`,
		`{"webhook_url":"` + address + `"}`,
	} {
		c, err := Kind{}.Parse(json.RawMessage(in))
		if err != nil {
			t.Fatalf("Parse(%s): %v", in, err)
		}
		if got := c.(*Config).URL.Reveal(); got != address {
			t.Errorf("URL = %q", got)
		}
		if got := string(c.Reveal()); got != `{"url":"`+address+`"}` {
			t.Errorf("Reveal() = %s", got)
		}
		if s := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(s, "canary") {
			t.Errorf("the config prints its secret: %s", s)
		}
		again, err := Kind{}.Parse(c.Reveal())
		if err != nil || string(again.Reveal()) != string(c.Reveal()) {
			t.Errorf("Parse(Reveal()) = %v, %v", again, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct{ in, field, want string }{
		{`{}`, "url", "is required"},
		{`{"url":null}`, "url", "must be a string"},
		{`{"url":""}`, "url", "must not be empty"},
		{`{"webhook_url":""}`, "webhook_url", "must not be empty"},
		{`{"url":"hooks.slack.com/canary"}`, "url", "must begin with https://"},
		{`{"webhook_url":"ftp://canary.example"}`, "webhook_url", "must begin with https://"},
		{`{"url":"https://a.example/","webhook_url":"https://a.example/"}`, "webhook_url", "one of them"},
		{`{"url":"https://hooks.slack.com/***"}`, "url", "holds the mask"},
		{`{"url":"***"}`, "url", "holds the mask"},
		{`{"url":"https://a.example/","text":"canary"}`, "text", "is not a key"},
		{`{"url":"https://a.example/","text_template":""}`, "text_template", "must not be empty"},
		{`{"url":"https://a.example/","text_template":["canary"]}`, "text_template", "must be a string"},
		{`{"url":"https://a.example/","text_template":"canary\n{{request.reson}}"}`, "text_template", "line 2: reson is no key here"},
		{`{"url":"https://a.example/","text_template":"canary {{{request.reason}}}"}`, "text_template", "line 1: {{{x}}}"},
		{`{"url":"https://a.example/","name":"canary"}`, "name", "is not a key"},
		{`{"url":"https://a.example/"} canary`, "config", "one JSON object"},
		{`[]`, "config", "one JSON object"},
	}
	for _, tt := range tests {
		_, err := Kind{}.Parse(json.RawMessage(tt.in))
		var invalid *channel.InvalidError
		if !errors.As(err, &invalid) {
			t.Errorf("Parse(%s) = %v, want an *InvalidError", tt.in, err)
			continue
		}
		if got := invalid.Fields[tt.field]; !strings.Contains(got, tt.want) || len(invalid.Fields) != 1 {
			t.Errorf("Parse(%s) = %v, want only %s: %s", tt.in, err, tt.field, tt.want)
		}
		if strings.Contains(err.Error(), "canary") {
			t.Errorf("Parse(%s) echoes a value: %v", tt.in, err)
		}
	}
}

func TestMask(t *testing.T) {
	tests := []struct{ in, want string }{
		{`{"url":"https://hooks.slack.com/services/canary"}`, `{"url":"https://hooks.slack.com/***"}`},
		{`{"webhook_url":"https://hooks.slack.com/services/canary"}`, `{"url":"https://hooks.slack.com/***"}`},
		{`{"url":"https://a.example/canary","webhook_url":"https://b.example/canary"}`, `{"url":"https://a.example/***"}`},
		{`{"webhook_url":"${CANARY}"}`, `{"url":"***"}`},
		{`{"url":"https://a.example/canary","text_template":"<!here> {{type}}"}`, `{"text_template":"<!here> {{type}}","url":"https://a.example/***"}`},
		{`{"url":["canary"],"extra":"canary"}`, `{"extra":"***","url":"***"}`},
		{`canary`, `{}`},
	}
	for _, tt := range tests {
		if got := string(Kind{}.Mask(json.RawMessage(tt.in))); got != tt.want {
			t.Errorf("Mask(%s) = %s, want %s", tt.in, got, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"url":"https://hooks.slack.com/services/T0/B0/x"}`)
	f.Add(`{"url":"https://a.example/","text_template":"{{type}} <https://a.example|{{request.reason}}>"}`)
	f.Add(`{"webhook_url":"http://[::1]:80/%2a"}`)
	f.Add(`{"url":"https://a.example/\ud800","url":1}`)
	f.Fuzz(func(t *testing.T, in string) {
		masked := Kind{}.Mask(json.RawMessage(in))
		if !json.Valid(masked) {
			t.Errorf("Mask gives %s", masked)
		}
		c, err := Kind{}.Parse(json.RawMessage(in))
		if err != nil {
			var invalid *channel.InvalidError
			if !errors.As(err, &invalid) {
				t.Errorf("error is %T", err)
			}
			return
		}
		again, err := Kind{}.Parse(c.Reveal())
		if err != nil || string(again.Reveal()) != string(c.Reveal()) {
			t.Errorf("%s does not survive: %v", c.Reveal(), err)
		}
		if string(Kind{}.Mask(c.Reveal())) != string(masked) {
			t.Errorf("masked as %s, kept as %s", masked, Kind{}.Mask(c.Reveal()))
		}
	})
}
