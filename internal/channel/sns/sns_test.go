package sns

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"accessrelay/internal/channel"
	"accessrelay/internal/channel/webhook"
)

var (
	_ channel.Kind    = Kind{}
	_ channel.Plainer = (*Config)(nil)
)

const (
	arn  = "arn:aws:sns:eu-central-1:123456789012:access-events"
	fifo = arn + ".fifo"
	keys = `"access_key_id":"AKIAIOSFODNN7EXAMPLE","secret_access_key":"canary/of+the/key"`
)

func TestParse(t *testing.T) {
	const in = `{"topic_arn":"` + fifo + `","region":"us-east-1","endpoint":"https://sns.example:8443/canary",` + keys + `,"message_group_id":"access/1"}`
	got, err := Kind{}.Parse(json.RawMessage(in))
	if err != nil {
		t.Fatal(err)
	}
	c := got.(*Config)
	want := Topic{Partition: "aws", Region: "eu-central-1", Account: "123456789012", Name: "access-events.fifo"}
	if c.Topic != want || c.Region != "us-east-1" || c.Endpoint.Reveal() != "https://sns.example:8443/canary" ||
		c.AccessKeyID != "AKIAIOSFODNN7EXAMPLE" || c.SecretAccessKey.Reveal() != "canary/of+the/key" || c.MessageGroupID != "access/1" {
		t.Errorf("Parse gives %s", c.Reveal())
	}
	if !c.Topic.FIFO() || c.Topic.String() != fifo || c.DefaultChain() {
		t.Errorf("%+v", c.Topic)
	}
	if s := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(s, "canary") {
		t.Errorf("the config prints its secrets: %s", s)
	}

	// As JITSudo's guide has it.
	got, err = Kind{}.Parse(json.RawMessage(`{"topic_arn":"arn:aws:sns:us-east-1:123456789012:jitsudo-notifications"}`))
	if err != nil {
		t.Fatal(err)
	}
	c = got.(*Config)
	if c.Region != "us-east-1" || !c.DefaultChain() || c.Topic.FIFO() || !c.Endpoint.IsZero() {
		t.Errorf("Parse gives %s", c.Reveal())
	}
}

func TestParseAccepts(t *testing.T) {
	for _, in := range []string{
		`{"topic_arn":"` + arn + `","region":"eu-central-1"}`,
		`{"topic_arn":"` + arn + `",` + keys + `}`,
		`{"topic_arn":"arn:aws-cn:sns:cn-northwest-1:123456789012:a_b-C9"}`,
		`{"topic_arn":"arn:aws-us-gov:sns:us-gov-west-1:123456789012:t"}`,
		`{"topic_arn":"arn:aws-iso:sns:us-iso-east-1:123456789012:t"}`,
		`{"topic_arn":"arn:aws-iso-b:sns:us-isob-east-1:123456789012:t"}`,
		`{"topic_arn":"arn:aws-iso-e:sns:eu-isoe-west-1:123456789012:t"}`,
		`{"topic_arn":"arn:aws-iso-f:sns:us-isof-south-1:123456789012:t"}`,
		`{"topic_arn":"arn:aws-eusc:sns:eusc-de-east-1:123456789012:t"}`,
		`{"topic_arn":"arn:aws:sns:mx-central-1:123456789012:` + strings.Repeat("n", 256) + `"}`,
		`{"topic_arn":"` + fifo + `","message_group_id":"` + strings.Repeat("!~", 64) + `"}`,
		// A server that only speaks the protocol is content with any words.
		`{"topic_arn":"arn:aws:sns:us-east-1:000000000000:t","endpoint":"http://127.0.0.1:4566","access_key_id":"test","secret_access_key":"test"}`,
		`{"topic_arn":"` + arn + `","region":"us-east-1","endpoint":"https://sns.example/","access_key_id":"ASIA1","secret_access_key":"x"}`,
	} {
		c, err := Kind{}.Parse(json.RawMessage(in))
		if err != nil {
			t.Errorf("Parse(%.120s): %v", in, err)
			continue
		}
		again, err := Kind{}.Parse(c.Reveal())
		if err != nil || string(again.Reveal()) != string(c.Reveal()) {
			t.Errorf("%s does not survive: %v", c.Reveal(), err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	topic := func(s string) string { return `{"topic_arn":"` + s + `"}` }
	with := func(more string) string { return `{"topic_arn":"` + arn + `",` + more + `}` }
	endpoint := func(s string) string { return with(keys + `,"endpoint":"` + s + `"`) }
	tests := []struct{ in, field, want string }{
		{`{}`, "topic_arn", "is required"},
		{topic("canary"), "topic_arn", "the ARN of a topic"},
		{topic("arn:aws:sqs:eu-central-1:123456789012:canary"), "topic_arn", "the ARN of a topic"},
		{topic("urn:aws:sns:eu-central-1:123456789012:canary"), "topic_arn", "the ARN of a topic"},
		{topic(arn + ":5be8d1f7-canary"), "topic_arn", "the ARN of a topic"}, // of a subscription
		{topic(" " + arn), "topic_arn", "the ARN of a topic"},
		{topic("arn:canary:sns:eu-central-1:123456789012:t"), "topic_arn", "must have a partition"},
		{topic("arn:*:sns:eu-central-1:123456789012:t"), "topic_arn", "must have a partition"},
		{topic("arn:aws:sns::123456789012:t"), "topic_arn", "must have a region"},
		{topic("arn:aws:sns:eu-central:123456789012:t"), "topic_arn", "must have a region"},
		{topic("arn:aws:sns:EU-central-1:123456789012:t"), "topic_arn", "must have a region"},
		{topic("arn:aws:sns:eu-central-1.evil.example/:123456789012:t"), "topic_arn", "must have a region"},
		{topic("arn:aws:sns:eu-central-1#:123456789012:t"), "topic_arn", "must have a region"},
		{topic("arn:aws:sns:eu-central-1@evil-1:123456789012:t"), "topic_arn", "must have a region"},
		{topic(`arn:aws:sns:eu-central-1\n:123456789012:t`), "topic_arn", "must have a region"},
		{topic("arn:aws:sns:fips-us-east-1:123456789012:t"), "topic_arn", "must have a region"},
		{topic("arn:aws:sns:aws-global:123456789012:t"), "topic_arn", "must have a region"},
		{topic("arn:aws-cn:sns:eu-central-1:123456789012:t"), "topic_arn", "not of its partition"},
		{topic("arn:aws:sns:cn-north-1:123456789012:t"), "topic_arn", "not of its partition"},
		{topic("arn:aws:sns:us-gov-west-1:123456789012:t"), "topic_arn", "not of its partition"},
		{topic("arn:aws:sns:eu-central-1:12345678901:t"), "topic_arn", "12 digits"},
		{topic("arn:aws:sns:eu-central-1:1234567890123:t"), "topic_arn", "12 digits"},
		{topic("arn:aws:sns:eu-central-1:12345678901x:t"), "topic_arn", "12 digits"},
		{topic("arn:aws:sns:eu-central-1::t"), "topic_arn", "12 digits"},
		{topic("arn:aws:sns:eu-central-1:123456789012:"), "topic_arn", "a topic's name"},
		{topic("arn:aws:sns:eu-central-1:123456789012:can ary"), "topic_arn", "a topic's name"},
		{topic("arn:aws:sns:eu-central-1:123456789012:access-*"), "topic_arn", "a topic's name"},
		{topic("arn:aws:sns:eu-central-1:123456789012:a.b"), "topic_arn", "a topic's name"},
		{topic("arn:aws:sns:eu-central-1:123456789012:.fifo"), "topic_arn", "a topic's name"},
		{topic("arn:aws:sns:eu-central-1:123456789012:" + strings.Repeat("n", 257)), "topic_arn", "a topic's name"},
		{with(`"region":"us-east-1"`), "region", "the region in topic_arn"},
		{with(`"region":"us-east-1.canary.example"`), "region", "such as eu-central-1"},
		{with(`"region":"localhost"`), "region", "such as eu-central-1"},
		{endpoint("canary"), "endpoint", "must begin with https://"},
		{endpoint("ftp://canary/"), "endpoint", "must begin with https://"},
		{endpoint("https://u:canary@sns.example/"), "endpoint", "user name"},
		{endpoint("https://sns.example/?Action=canary"), "endpoint", "must not have a query"},
		{endpoint("https://sns.example/?"), "endpoint", "must not have a query"},
		{endpoint("https://sns.example/a%2fb"), "endpoint", "encoded /"},
		{endpoint("https://sns.example/***"), "endpoint", "holds the mask"},
		{with(`"endpoint":"https://sns.example/"`), "endpoint", "needs access_key_id"},
		{with(`"access_key_id":"AKIAIOSFODNN7EXAMPLE"`), "secret_access_key", "is required"},
		{with(`"secret_access_key":"canary"`), "access_key_id", "is required"},
		{with(`"access_key_id":"AKIAIOSFODNN7EXAMPLE","secret_access_key":"***"`), "secret_access_key", "holds the mask"},
		{with(`"access_key_id":"AKIAIOSFODNN7EXAMPLE","secret_access_key":"can ary"`), "secret_access_key", "without blanks"},
		{with(`"access_key_id":"AKIAIOSFODNN7EXAMPLE","secret_access_key":"canarý"`), "secret_access_key", "without blanks"},
		{with(`"access_key_id":"AKIAIOSFODNN7EXAMPLE","secret_access_key":"` + strings.Repeat("k", 257) + `"`), "secret_access_key", "at most 256"},
		{with(`"access_key_id":"canary","secret_access_key":"x"`), "access_key_id", "the id of an access key"},
		{with(`"access_key_id":"AKIA, Signature=canary","secret_access_key":"x"`), "access_key_id", "the id of an access key"},
		{with(`"access_key_id":"ASIAIOSFODNN7EXAMPLE","secret_access_key":"x"`), "access_key_id", "session token"},
		{with(`"message_group_id":"canary"`), "message_group_id", "FIFO topics only"},
		{`{"topic_arn":"` + fifo + `","message_group_id":"can ary"}`, "message_group_id", "128"},
		{`{"topic_arn":"` + fifo + `","message_group_id":"` + strings.Repeat("g", 129) + `"}`, "message_group_id", "128"},
		{with(`"session_token":"canary"`), "session_token", "is not a key"},
		{with(`"url":"https://canary.example"`), "url", "is not a key"},
		{with(`"topic_arn":"` + arn + `"`), "topic_arn", "appears twice"},
	}
	for _, tt := range tests {
		_, err := Kind{}.Parse(json.RawMessage(tt.in))
		var invalid *channel.InvalidError
		if !errors.As(err, &invalid) {
			t.Errorf("Parse(%.120s) = %v, want an *InvalidError", tt.in, err)
			continue
		}
		if got := invalid.Fields[tt.field]; !strings.Contains(got, tt.want) || len(invalid.Fields) != 1 {
			t.Errorf("Parse(%.120s) = %v, want only %s: %s", tt.in, err, tt.field, tt.want)
		}
		if strings.Contains(err.Error(), "canary") {
			t.Errorf("Parse(%.120s) echoes a value: %v", tt.in, err)
		}
	}
}

func TestPlain(t *testing.T) {
	for endpoint, want := range map[string]string{"http://sns.example": "endpoint", "HTTP://sns.example": "endpoint", "https://sns.example": ""} {
		c, err := Kind{}.Parse(json.RawMessage(`{"topic_arn":"` + arn + `",` + keys + `,"endpoint":"` + endpoint + `"}`))
		if err != nil {
			t.Fatal(err)
		}
		if field, _ := channel.Plain(c); field != want {
			t.Errorf("%s: plain by %q, want %q", endpoint, field, want)
		}
	}
}

func TestMask(t *testing.T) {
	tests := []struct{ in, want string }{
		{`{"topic_arn":"` + fifo + `","region":"us-east-1","endpoint":"https://sns.example:8443/canary?x=canary",` + keys + `,"message_group_id":"g"}`,
			`{"access_key_id":"AKIAIOSFODNN7EXAMPLE","endpoint":"https://sns.example:8443/***","message_group_id":"g","region":"us-east-1",` +
				`"secret_access_key":"***","topic_arn":"` + fifo + `"}`},
		{`{"topic_arn":"${CANARY}","access_key_id":"${CANARY}","secret_access_key":"${CANARY}","endpoint":"${CANARY}"}`,
			`{"access_key_id":"***","endpoint":"***","secret_access_key":"***","topic_arn":"***"}`},
		// A secret key in the place of its id.
		{`{"access_key_id":"wJalrXUtnFEMI/K7MDENG/bPxRfiCYCANARYKEY0"}`, `{"access_key_id":"***"}`},
		{`{"access_key_id":"wJalrXUtnFEMIaK7MDENGabPxRfiCYCANARYKEY0"}`, `{"access_key_id":"***"}`},
		{`{"access_key_id":{"canary":1},"session_token":"canary"}`, `{"access_key_id":"***","session_token":"***"}`},
		{`"canary"`, `{}`},
	}
	for _, tt := range tests {
		if got := string(Kind{}.Mask(json.RawMessage(tt.in))); got != tt.want {
			t.Errorf("Mask(%s) = %s, want %s", tt.in, got, tt.want)
		}
	}
}

func TestAdmit(t *testing.T) {
	listed, err := ParsePattern("arn:aws:sns:*:123456789012:access-*")
	if err != nil {
		t.Fatal(err)
	}
	parse := func(s string) channel.Config {
		t.Helper()
		c, err := Kind{}.Parse(json.RawMessage(s))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	bare, own := parse(`{"topic_arn":"`+arn+`"}`), parse(`{"topic_arn":"`+arn+`",`+keys+`}`)
	other := parse(`{"topic_arn":"arn:aws:sns:eu-central-1:123456789012:billing"}`)
	tests := []struct {
		config  channel.Config
		allowed Patterns
		ok      bool
	}{
		{own, nil, true},
		{bare, nil, false},
		{bare, Patterns{listed}, true},
		{other, Patterns{listed}, false},
		{&webhook.Config{}, nil, true},
		{nil, nil, true},
	}
	for i, tt := range tests {
		wrong := Admit(tt.config, tt.allowed)
		if ok := wrong == nil; ok != tt.ok {
			t.Errorf("%d: %v", i, wrong)
		}
		if wrong != nil && !strings.Contains(wrong.Fields["topic_arn"], "delivery.aws_default_credentials_for") {
			t.Errorf("%d: the answer does not name the setting: %v", i, wrong)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"topic_arn":"` + arn + `"}`)
	f.Add(`{"topic_arn":"` + fifo + `","region":"us-east-1","endpoint":"https://sns.example/x",` + keys + `,"message_group_id":"g"}`)
	f.Add(`{"topic_arn":"arn:aws-cn:sns:cn-north-1:123456789012:t","access_key_id":"AKIA","endpoint":"http://[::1]:1"}`)
	f.Fuzz(func(t *testing.T, in string) {
		if masked := (Kind{}).Mask(json.RawMessage(in)); !json.Valid(masked) {
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
		s := c.(*Config)
		if s.DefaultChain() && !s.Endpoint.IsZero() {
			t.Error("the default chain would go to an endpoint")
		}
		if s.Endpoint.IsZero() && s.Region != s.Topic.Region || !validRegion(s.Region) {
			t.Errorf("region %q of %s", s.Region, s.Topic)
		}
	})
}
