package channel_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"accessrelay/internal/channel"
	"accessrelay/internal/channel/email"
	"accessrelay/internal/channel/slack"
	"accessrelay/internal/channel/sns"
	"accessrelay/internal/channel/webhook"
)

// whole are configs of every type with all of its keys. secret are those that
// answers do not show, or not whole.
var whole = []struct {
	kind   channel.Kind
	config string
	secret []string
}{
	{slack.Kind{}, `{"url":"https://hooks.slack.com/services/T/B/canary","text_template":"*** BREAK GLASS *** {{type}}"}`, []string{"url"}},
	{email.Kind{}, `{"smtp_host":"smtp.example.com","smtp_port":2525,"tls":"starttls","username":"a***b","password":"canary***1",
		"from_address":"\"*** Relay ***\" <a***b@example.com>","to_addresses":["c***d@example.com"],"subject_template":"*** BREAK GLASS *** {{type}}"}`, []string{"password"}},
	{webhook.Kind{}, `{"url":"https://example.com/canary***1?t=canary***2","headers":{"Authorization":"Bearer canary***3","X-A":"canary"},
		"signing_secret":"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","content_type":"application/json; charset=\"utf-8\"; x=\"***\"",
		"body_template":"{\"text\": \"*** {{type}} ***\"}"}`, []string{"url", "headers", "signing_secret"}},
	{sns.Kind{}, `{"topic_arn":"arn:aws:sns:eu-central-1:123456789012:x.fifo","region":"eu-west-1","endpoint":"https://sns.example.com/canary",
		"access_key_id":"AKIAIOSFODNN7EXAMPLE","secret_access_key":"***canary***","message_group_id":"a***b"}`, []string{"endpoint", "secret_access_key"}},
}

func object(t *testing.T, raw json.RawMessage) map[string]json.RawMessage {
	t.Helper()
	var o map[string]json.RawMessage
	if err := json.Unmarshal(raw, &o); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return o
}

// with is config with another value at key.
func with(t *testing.T, config map[string]json.RawMessage, key string, value json.RawMessage) json.RawMessage {
	t.Helper()
	changed := maps.Clone(config)
	changed[key] = value
	raw, err := json.Marshal(changed)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// What answers show instead of a secret is refused when it comes back, key by key.
// What they show as it is, three asterisks or not, is taken.
func TestAnswersSentBack(t *testing.T) {
	for _, w := range whole {
		t.Run(w.kind.Type(), func(t *testing.T) {
			given := object(t, json.RawMessage(w.config))
			parsed, err := w.kind.Parse(json.RawMessage(w.config))
			if err != nil {
				t.Fatal(err)
			}
			if again, err := w.kind.Parse(parsed.Reveal()); err != nil || string(again.Reveal()) != string(parsed.Reveal()) {
				t.Errorf("%s does not survive: %v", parsed.Reveal(), err)
			}
			shown := w.kind.Mask(parsed.Reveal())
			if strings.Contains(string(shown), "canary") {
				t.Errorf("a secret shows: %s", shown)
			}
			if _, err := w.kind.Parse(shown); err == nil {
				t.Errorf("%s is taken", shown)
			}
			for key, value := range object(t, shown) {
				_, err := w.kind.Parse(with(t, given, key, value))
				if secret := slices.Contains(w.secret, key); secret != onlyWrong(err, key) || secret == (err == nil) {
					t.Errorf("%s: %s comes back: %v", key, value, err)
				}
				headers := map[string]json.RawMessage{}
				if json.Unmarshal(value, &headers) != nil {
					continue
				}
				for name, value := range headers {
					one := with(t, object(t, given[key]), name, value)
					if _, err := w.kind.Parse(with(t, given, key, one)); !onlyWrong(err, key) {
						t.Errorf("%s, %s: %s comes back: %v", key, name, value, err)
					}
				}
			}
		})
	}
}

// A value that answers do not show at all, for it has a variable or is of no form
// that the type knows, is the mask wherever it stands.
func TestHiddenValuesSentBack(t *testing.T) {
	for _, w := range whole {
		given := object(t, json.RawMessage(w.config))
		for key := range given {
			for _, unknown := range []string{`"${X}"`, `"a ${X}"`, `["${X}"]`, `{"X-A":"${X}"}`, `true`, `null`, `{}`, `"https://${X}/x"`, `"https://u:p@h/"`} {
				shown := object(t, w.kind.Mask(with(t, given, key, json.RawMessage(unknown))))[key]
				if !strings.Contains(string(shown), channel.Mask) {
					continue // {}: no headers
				}
				if _, err := w.kind.Parse(with(t, given, key, shown)); !wrongAt(err, key) {
					t.Errorf("%s, %s: %s shows as %s, which is taken: %v", w.kind.Type(), key, unknown, shown, err)
				}
			}
		}
	}
}

func wrongAt(err error, key string) bool {
	var invalid *channel.InvalidError
	return errors.As(err, &invalid) && invalid.Fields[key] != ""
}

// onlyWrong reports whether err says of key alone that it holds the mask.
func onlyWrong(err error, key string) bool {
	var invalid *channel.InvalidError
	return errors.As(err, &invalid) && len(invalid.Fields) == 1 && strings.Contains(invalid.Fields[key], "holds the mask")
}
