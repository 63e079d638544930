package sns

import (
	"strings"
	"testing"
)

func TestPattern(t *testing.T) {
	tests := []struct {
		pattern string
		yes, no []string
	}{
		{"arn:aws:sns:eu-central-1:123456789012:access-events",
			[]string{"arn:aws:sns:eu-central-1:123456789012:access-events"},
			[]string{
				"arn:aws:sns:eu-central-1:123456789012:access-events2", "arn:aws:sns:eu-central-1:123456789012:access-event",
				"arn:aws:sns:eu-central-1:123456789012:access-events.fifo", "arn:aws:sns:eu-west-1:123456789012:access-events",
				"arn:aws:sns:eu-central-1:210987654321:access-events",
			}},
		{"arn:aws:sns:eu-central-1:123456789012:access-*",
			[]string{"arn:aws:sns:eu-central-1:123456789012:access-", "arn:aws:sns:eu-central-1:123456789012:access-x.fifo"},
			[]string{"arn:aws:sns:eu-central-1:123456789012:access", "arn:aws:sns:eu-central-1:123456789012:my-access-x"}},
		{"arn:aws:sns:eu-*:123456789012:*-access-*.fifo",
			[]string{"arn:aws:sns:eu-west-3:123456789012:a-access-b.fifo", "arn:aws:sns:eu-west-3:123456789012:-access-.fifo"},
			[]string{"arn:aws:sns:us-east-1:123456789012:a-access-b.fifo", "arn:aws:sns:eu-west-3:123456789012:a-access-b"}},
		{"arn:*:sns:*:*:*",
			[]string{"arn:aws-cn:sns:cn-north-1:123456789012:t", "arn:aws:sns:us-east-1:210987654321:t.fifo"}, nil},
		// * does not reach over a colon: another account's topic cannot be called
		// so that it matches.
		{"arn:aws:sns:*:123456789012:t",
			[]string{"arn:aws:sns:us-east-1:123456789012:t"},
			[]string{"arn:aws:sns:us-east-1:210987654321:t", "arn:aws:sns:us-east-1:210987654321:123456789012"}},
		{"arn:aws*:sns:us-gov-west-1:123456789012:a**b",
			[]string{"arn:aws-us-gov:sns:us-gov-west-1:123456789012:ab", "arn:aws-us-gov:sns:us-gov-west-1:123456789012:aXbXb"},
			[]string{"arn:aws-us-gov:sns:us-gov-west-1:123456789012:a"}},
		{"arn:aws:sns:us-east-1:123456789012:aa*aa",
			[]string{"arn:aws:sns:us-east-1:123456789012:aaaa"},
			[]string{"arn:aws:sns:us-east-1:123456789012:aaa"}}, // an a counts once
	}
	for _, tt := range tests {
		p, err := ParsePattern(tt.pattern)
		if err != nil {
			t.Errorf("%s: %v", tt.pattern, err)
			continue
		}
		if p.String() != tt.pattern {
			t.Errorf("String() = %s", p)
		}
		for want, list := range map[bool][]string{true: tt.yes, false: tt.no} {
			for _, s := range list {
				topic, problem := parseTopic(s)
				if problem != "" {
					t.Fatalf("%s %s", s, problem)
				}
				if p.Match(topic) != want || (Patterns{{}, p}).Match(topic) != want {
					t.Errorf("%s matches %s: %v", tt.pattern, s, !want)
				}
			}
		}
	}
	if (Patterns{}).Match(Topic{}) || (Pattern{}).Match(Topic{Name: "t"}) {
		t.Error("nothing listed matches something")
	}
}

func TestParsePatternRefuses(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", "must be the ARN of a topic"},
		{"*", "must be the ARN of a topic"},
		{"arn:aws:sns:*", "must be the ARN of a topic"},
		{"arn:aws:sns:*:*", "must be the ARN of a topic"},
		{"arn:aws:*:us-east-1:123456789012:t", "must be the ARN of a topic"},
		{"arn:aws:sqs:us-east-1:123456789012:t", "must be the ARN of a topic"},
		{"*:aws:sns:us-east-1:123456789012:t", "must be the ARN of a topic"},
		{"arn:aws:sns:us-east-1:123456789012:t:*", "must be the ARN of a topic"},
		{"arn::sns:us-east-1:123456789012:t", "must have a partition"},
		{"arn:azure:sns:us-east-1:123456789012:t", "must have a partition"},
		{"arn:aws:sns::123456789012:t", "must have a region"},
		{"arn:aws:sns:us-east:123456789012:t", "must have a region"},
		{"arn:aws:sns:us east*:123456789012:t", "must have a region"},
		{"arn:aws-cn:sns:us-east-1:123456789012:t", "not of its partition"},
		{"arn:aws:sns:us-east-1::t", "12 digits"},
		{"arn:aws:sns:us-east-1:1234*:t", "12 digits"},
		{"arn:aws:sns:us-east-1:123456789012:", "a topic's name"},
		{"arn:aws:sns:us-east-1:123456789012:a?", "a topic's name"},
		{"arn:aws:sns:us-east-1:123456789012:a.b", "a topic's name"},
	}
	for _, tt := range tests {
		_, err := ParsePattern(tt.in)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("ParsePattern(%q) = %v, want %s", tt.in, err, tt.want)
		}
	}
}

// FuzzPattern: whatever is written, a pattern admits only what has each of its
// fixed parts.
func FuzzPattern(f *testing.F) {
	f.Add("arn:aws:sns:eu-*:123456789012:access-*", arn)
	f.Add("arn:*:sns:*:*:*", fifo)
	f.Fuzz(func(t *testing.T, pattern, topic string) {
		p, err := ParsePattern(pattern)
		if err != nil {
			return
		}
		got, problem := parseTopic(topic)
		if problem != "" || !p.Match(got) {
			return
		}
		fixed, parts := strings.Split(pattern, ":"), strings.Split(topic, ":")
		for i := range fixed {
			if !strings.Contains(fixed[i], "*") && fixed[i] != parts[i] {
				t.Errorf("%s matches %s", pattern, topic)
			}
			if end := strings.TrimLeft(fixed[i], "*"); !strings.Contains(end, "*") && !strings.HasSuffix(parts[i], end) {
				t.Errorf("%s matches %s", pattern, topic)
			}
		}
	})
}
