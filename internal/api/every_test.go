package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"accessrelay/internal/api"
)

// TestEveryCallRefusesAlike: what is wrong with a call as such is answered the
// same way by all of them, and before anything is done.
func TestEveryCallRefusesAlike(t *testing.T) {
	h := start(t, func(c *api.Config) { c.Channels, c.Receipts, c.Events = nil, nil, nil }) // to ask them is to panic
	big := `{"name":"` + strings.Repeat("a", 1<<20) + `"}`
	all := calls("6f1c2d3e-0000-4000-8000-000000000001")
	if len(all) != len(routes(t))-1 { // the description is asked for nothing
		t.Errorf("%d calls for %d routes", len(all), len(routes(t)))
	}
	for _, r := range all {
		t.Run(r.method+" "+r.path, func(t *testing.T) {
			h := *h
			h.t = t
			want := func(what string, r request, status int, code string) {
				t.Helper()
				got := h.do(r)
				if got.status != status || field(t, got.body, "code") != code {
					t.Errorf("%s: %d %s, want %d %s", what, got.status, got.body, status, code)
				}
				if status == 400 && code == "invalid" && wrongFields(t, got.body) != `["nobodys"]` {
					t.Errorf("%s: %s", what, got.body)
				}
			}
			with := func(change func(*request)) request {
				c := r
				change(&c)
				return c
			}
			want("no key", with(func(r *request) { r.key = "-" }), 401, "unauthenticated")
			want("another tenant", with(func(r *request) { r.tenant = globex }), 403, "tenant_mismatch")
			want("no tenant", with(func(r *request) { r.tenant = "-" }), 400, "tenant_required")
			want("a parameter of nobody's", with(func(r *request) { r.path += "?nobodys=1" }), 400, "invalid")
			want("a query that is none", with(func(r *request) { r.path += "?a=%zz" }), 400, "malformed")
			if r.body != "" {
				want("a body too large", with(func(r *request) { r.body = big }), 413, "too_large")
				want("a body that is no JSON", with(func(r *request) { r.body = "{" }), 400, "malformed")
				want("a form", with(func(r *request) { r.header = map[string]string{"Content-Type": "text/plain"} }), 415, "unsupported_media_type")
			}
			want("a defect", r, 500, "internal")
		})
	}
	if leaks(h.log.String()) {
		t.Error("the log holds a secret")
	}
}

// configs are the four types': flat, with a canary wherever a secret is kept, and
// what must show of it in answers.
var configs = []struct{ slug, flat, masked string }{
	{"slack-webhook", `"webhook_url":"` + slackURL + `"`, `{"url":"https://hooks.slack.com/***"}`},
	{"email", `"smtp_host":"smtp.example.com","smtp_port":465,"tls":"implicit","username":"relay","password":"` + canary + `",
		"from_address":"Relay <relay@example.com>","to_addresses":["a@example.com","b@example.com"],"subject_template":"{{summary}}"`,
		`{"smtp_host":"smtp.example.com","smtp_port":465,"tls":"implicit","username":"relay","password":"***",
		"from_address":"\"Relay\" <relay@example.com>","to_addresses":["a@example.com","b@example.com"],"subject_template":"{{summary}}"}`},
	{"generic-webhook", `"url":"` + webhookURL + `","headers":{"Authorization":"` + canary + `"},"signing_secret":"` + signingKey + `",
		"body_template":"{\"t\":\"{{type}}\"}","content_type":"application/vnd.example+json"`,
		`{"url":"https://events.example.com/***","headers":{"Authorization":"***"},"signing_secret":"***",
		"body_template":"{\"t\":\"{{type}}\"}","content_type":"application/vnd.example+json"}`},
	{"aws-sns", `"topic_arn":"arn:aws:sns:eu-central-1:123456789012:access.fifo","endpoint":"https://sns.example.com/` + canary + `",
		"access_key_id":"AKIAIOSFODNN7EXAMPLE","secret_access_key":"` + canary + `","message_group_id":"access"`,
		`{"topic_arn":"arn:aws:sns:eu-central-1:123456789012:access.fifo","endpoint":"https://sns.example.com/***",
		"access_key_id":"AKIAIOSFODNN7EXAMPLE","secret_access_key":"***","message_group_id":"access"}`},
}

// TestEveryType: channels of all types are made flat and nested, shown with all
// that is secret hidden, changed, and refused in the field that is wrong.
func TestEveryType(t *testing.T) {
	h := start(t)
	if len(configs) != len(kinds) {
		t.Errorf("%d configs for %d types", len(configs), len(kinds))
	}
	for _, c := range configs {
		t.Run(c.slug, func(t *testing.T) {
			h := *h
			h.t = t
			post := request{method: "POST", path: channelsPath + "/" + c.slug}
			var flat string
			for name, body := range map[string]string{"flat": c.flat, "nested": `"config":{` + c.flat + `}`} {
				post.body = `{"name":"` + c.slug + " " + name + `","event_filters":["grant.*"],` + body + `}`
				got := h.do(post)
				if got.status != 201 {
					t.Fatalf("%s: %d %s", name, got.status, got.body)
				}
				sameJSON(t, config(t, got.body), c.masked)
				if name == "flat" {
					flat = field(t, got.body, "id")
				}
				again := h.do(request{method: "GET", path: got.header.Get("Location")})
				if again.body != got.body {
					t.Errorf("read: %s, made: %s", again.body, got.body)
				}
			}
			if got := h.do(post); got.status != 409 {
				t.Errorf("the name again: %d %s", got.status, got.body)
			}
			post.body = `{"name":"x","config":{"colour":1}}`
			if got := h.do(post); got.status != 400 || !strings.Contains(wrongFields(t, got.body), `"config.colour"`) {
				t.Errorf("an unknown key: %d %s", got.status, got.body)
			}
			put := request{method: "PUT", path: channelsPath + "/" + flat, body: `{"config":` + c.masked + `}`}
			if got := h.do(put); got.status != 400 {
				t.Errorf("an answer sent back: %d %s", got.status, got.body)
			}
			put.body = `{"config":{` + c.flat + `}}`
			if got := h.do(put); got.status != 200 {
				t.Errorf("a config of its own: %d %s", got.status, got.body)
			}
		})
	}
	if list := h.do(request{method: "GET", path: channelsPath}); list.status != 200 || strings.Count(list.body, `"managed_by":"api"`) != 2*len(configs) {
		t.Errorf("%d %s", list.status, list.body)
	}
	if leaks(h.log.String()) {
		t.Error("the log holds a secret")
	}
}

// TestNoAnswerQuotesAConfig: whatever is wrong with a value, the answer names its
// key and holds nothing of it.
func TestNoAnswerQuotesAConfig(t *testing.T) {
	h := start(t)
	values := []string{
		`"` + canary + `"`, `"` + canary + `\u0000"`, `"https://` + canary + `:x/"`, `"***` + canary + `"`, `"{{` + canary + `"`, `["` + canary + `"]`,
		`{"` + canary + `":1}`, `{"X":"` + canary + `\n"}`, `[["` + canary + `"]]`, `"` + strings.Repeat(canary, 1000) + `"`,
	}
	refused := 0
	for _, c := range configs {
		var keys map[string]json.RawMessage
		if err := json.Unmarshal([]byte("{"+c.flat+"}"), &keys); err != nil {
			t.Fatal(err)
		}
		for key := range keys {
			for i, value := range values {
				given := maps.Clone(keys)
				given[key] = json.RawMessage(value)
				cfg, err := json.Marshal(given)
				if err != nil {
					t.Fatal(err)
				}
				got := h.doUnchecked(request{method: "POST", path: channelsPath + "/" + c.slug, body: fmt.Sprintf(`{"name":"%s %s %d","config":%s}`, c.slug, key, i, cfg)})
				switch { // what is taken and no secret is shown, a user name for one
				case got.status == 400 && leaks(got.body):
					t.Errorf("%s, %s: %s", key, value, got.body)
				case got.status == 400:
					refused++
				case got.status != 201:
					t.Errorf("%s, %s: %d %s", key, value, got.status, got.body)
				}
			}
		}
	}
	if refused < 100 {
		t.Errorf("only %d were refused", refused)
	}
}

// TestEveryTypeInPlain: what is reached without encryption is refused at the key
// that says so, until the operator admits a network.
func TestEveryTypeInPlain(t *testing.T) {
	admitted := false
	h := start(t, func(c *api.Config) { c.PlainHTTP = func() bool { return admitted } })
	for _, c := range []struct{ slug, config, key string }{
		{"slack-webhook", `"url":"http://a.example/x"`, "url"},
		{"generic-webhook", `"url":"http://a.example/x"`, "url"},
		{"email", `"smtp_host":"a.example","tls":"none","from_address":"a@example.com","to_addresses":["b@example.com"]`, "tls"},
		{"aws-sns", `"topic_arn":"arn:aws:sns:eu-central-1:123456789012:t","endpoint":"http://a.example","access_key_id":"AKIAIOSFODNN7EXAMPLE","secret_access_key":"k"`, "endpoint"},
	} {
		for _, want := range []int{400, 201} {
			admitted = want == 201
			flat := h.do(request{method: "POST", path: channelsPath + "/" + c.slug, body: `{"name":"` + c.slug + `","enabled":true,` + c.config + `}`})
			nested := h.do(request{method: "POST", path: channelsPath + "/" + c.slug, body: `{"name":"` + c.slug + ` 2","config":{` + c.config + `}}`})
			if flat.status != want || nested.status != want {
				t.Errorf("%s: %d %s\n%d %s", c.slug, flat.status, flat.body, nested.status, nested.body)
				continue
			}
			if want == 400 && (wrongFields(t, flat.body) != `["`+c.key+`"]` || wrongFields(t, nested.body) != `["config.`+c.key+`"]`) {
				t.Errorf("%s: %s\n%s", c.slug, flat.body, nested.body)
			}
		}
	}
}

// config is the config in a channel's JSON.
func config(t *testing.T, body string) string {
	t.Helper()
	_, rest, ok := strings.Cut(body, `"config":`)
	cfg, _, ok2 := strings.Cut(rest, `,"enabled":`)
	if !ok || !ok2 {
		t.Fatalf("no config in %s", body)
	}
	return cfg
}
