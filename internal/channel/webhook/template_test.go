package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"accessrelay/internal/channel"
	"accessrelay/internal/event"
)

func with(t *testing.T, keys map[string]string) (*Config, error) {
	t.Helper()
	keys["url"] = "https://a.example/"
	raw, err := json.Marshal(keys)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Kind{}.Parse(raw)
	if err != nil {
		return nil, err
	}
	return c.(*Config), nil
}

func TestContentTypeDecidesTheEscaping(t *testing.T) {
	ev := &event.Event{Type: event.Test, ID: "evt_1", Request: &event.Request{Reason: `<a> & "b"`}}
	tests := []struct{ contentType, template, want string }{
		{"", `{"r": {{request.reason}}}`, `{"r": "<a> & \"b\""}`},
		{"application/json", `{"r": {{request.reason}}}`, `{"r": "<a> & \"b\""}`},
		{"Application/JSON; charset=UTF-8", `{"r": {{request.reason}}}`, `{"r": "<a> & \"b\""}`},
		{"application/vnd.example.v1+json", `["{{request.reason}}"]`, `["<a> & \"b\""]`},
		{`application/json; profile="https://example.com/p"`, `1`, `1`},
		{"text/plain", `{{request.reason}}`, `<a> & "b"`},
		{"text/plain; charset=utf-8", `{{request.reason}}`, `<a> & "b"`},
		{"text/html", `<p>{{request.reason}}</p>`, `<p>&lt;a&gt; &amp; &quot;b&quot;</p>`},
		{"application/xml", `<r>{{request.reason}}</r>`, `<r>&lt;a&gt; &amp; &quot;b&quot;</r>`},
		{"application/soap+xml", `<r>{{request.reason}}</r>`, `<r>&lt;a&gt; &amp; &quot;b&quot;</r>`},
		{"application/x-www-form-urlencoded", "r={{request.reason}}\n  &id={{id}}\n", `r=%3Ca%3E+%26+%22b%22&id=evt_1`},
	}
	for _, tt := range tests {
		keys := map[string]string{"body_template": tt.template}
		if tt.contentType != "" {
			keys["content_type"] = tt.contentType
		}
		c, err := with(t, keys)
		if err != nil {
			t.Errorf("%s: %v", tt.contentType, err)
			continue
		}
		got, err := c.Body.Execute(ev)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: %s (%v), want %s", tt.contentType, got, err, tt.want)
		}
		again, err := Kind{}.Parse(c.Reveal())
		if err != nil || string(again.Reveal()) != string(c.Reveal()) {
			t.Errorf("%s does not survive: %v", c.Reveal(), err)
		}
	}
}

func TestTemplateRefuses(t *testing.T) {
	tests := []struct{ contentType, template, field, want string }{
		{"", "", "body_template", "must not be empty"},
		{"", "{\n\"canary\": {{request.reson}}}", "body_template", "line 2: reson is no key here"},
		{"", "{\"canary\": [{{#each access}}{{json this}},{{/each}}]}", "body_template", "line 1: a comma stands before a closing bracket"},
		{"", "{{{request.reason}}}", "body_template", "line 1: {{{x}}}"},
		{"", "***", "body_template", "holds the mask"},
		{"text/plain", "{{#each request.reason}}canary{{/each}}", "body_template", "line 1: {{#each}}"},
		{"text/csv", "canary", "content_type", "must be application/json, …+json, text/plain"},
		{"application/x-ndjson", "1", "content_type", "must be application/json"},
		{"application/javascript", "1", "content_type", "must be application/json"},
		{"canary", "1", "content_type", "must be a media type"},
		{"***", "{{type}} canary and no JSON", "content_type", "holds the mask"},
		{"application/json; canary", "1", "content_type", "must be a media type"},
		{"application/json\r\nX-Canary: 1", "1", "content_type", "without line breaks"},
		{"application/json;\tq=1", "1", "content_type", "without line breaks"},
		{" application/json", "1", "content_type", "must be a media type"},
		{"application/json; charset=latin1", "1", "content_type", "charset utf-8"},
		{"application/json; a=" + strings.Repeat("a", 256), "1", "content_type", "must be a media type"},
		{"text/plain; charset=\"canaré\"", "1", "content_type", "must be a media type"},
	}
	for _, tt := range tests {
		keys := map[string]string{"body_template": tt.template}
		if tt.contentType != "" {
			keys["content_type"] = tt.contentType
		}
		_, err := with(t, keys)
		var invalid *channel.InvalidError
		if !errors.As(err, &invalid) {
			t.Errorf("%s, %s: %v, want an *InvalidError", tt.contentType, tt.template, err)
			continue
		}
		if got := invalid.Fields[tt.field]; !strings.Contains(got, tt.want) || len(invalid.Fields) != 1 {
			t.Errorf("%s, %s: %v, want only %s: %s", tt.contentType, tt.template, err, tt.field, tt.want)
		}
		if strings.Contains(strings.ToLower(err.Error()), "canar") {
			t.Errorf("%s, %s echoes a value: %v", tt.contentType, tt.template, err)
		}
	}
}

func TestContentTypeWithoutTemplate(t *testing.T) {
	if _, err := with(t, map[string]string{"content_type": "text/plain"}); err == nil || !strings.Contains(err.Error(), "must be JSON without a body_template") {
		t.Errorf("text/plain: %v", err)
	}
	c, err := with(t, map[string]string{"content_type": "application/webhook+json"})
	if err != nil || c.ContentType != "application/webhook+json" || c.Body != nil {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := with(t, map[string]string{}); err != nil || c.ContentType != "application/json" {
		t.Errorf("%+v, %v", c, err)
	}
}

// A template may hold a key that the vendor wants in the body.
func TestTemplateIsNotPrinted(t *testing.T) {
	c, err := with(t, map[string]string{"body_template": `{"routing_key": "canary"}`})
	if err != nil {
		t.Fatal(err)
	}
	if s := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(s, "canary") {
		t.Errorf("the config prints its template: %s", s)
	}
}
