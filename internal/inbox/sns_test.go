package inbox

import (
	"encoding/xml"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

const demoTopic = "arn:aws:sns:eu-central-1:123456789012:access"

var signed = map[string]string{
	"Content-Type":  "application/x-www-form-urlencoded",
	"Authorization": "AWS4-HMAC-SHA256 Credential=KEY/20260102/eu-central-1/sns/aws4_request, SignedHeaders=host, Signature=00",
}

// publish sends a form: pairs of names and values over those of a plain one.
func publish(s *site, path string, pairs ...string) reply {
	s.t.Helper()
	form := url.Values{"Action": {"Publish"}, "Version": {"2010-03-31"}, "TopicArn": {demoTopic}, "Message": {`{"type":"grant.active"}`}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return s.do("POST", path, form.Encode(), signed)
}

func TestPublish(t *testing.T) {
	s := serve(t, Config{})
	r := publish(s, "/sns/demo/", "Subject", "Zugriff gewährt",
		"MessageAttributes.entry.1.Name", "type", "MessageAttributes.entry.1.Value.DataType", "String", "MessageAttributes.entry.1.Value.StringValue", "grant.active",
		"MessageAttributes.entry.2.Name", "n", "MessageAttributes.entry.2.Value.DataType", "Number", "MessageAttributes.entry.2.Value.StringValue", "7")
	var answer struct {
		XMLName   xml.Name `xml:"http://sns.amazonaws.com/doc/2010-03-31/ PublishResponse"`
		MessageID string   `xml:"PublishResult>MessageId"`
		RequestID string   `xml:"ResponseMetadata>RequestId"`
	}
	if err := xml.Unmarshal([]byte(r.body), &answer); err != nil || r.status != 200 || answer.MessageID == "" || answer.RequestID == "" {
		t.Fatalf("%d %v: %s", r.status, err, r.body)
	}
	if ct := r.header.Get("Content-Type"); !strings.HasPrefix(ct, "text/xml") {
		t.Errorf("Content-Type %s", ct)
	}
	m := s.newest()
	if m.Kind != "sns" || m.Path != "/sns/demo" || m.Status != 200 || string(m.Payload) != `{"type":"grant.active"}` && !strings.Contains(string(m.Payload), "grant.active") {
		t.Errorf("%+v", m)
	}
	p := m.SNS
	if p.MessageID != answer.MessageID || p.Subject != "Zugriff gewährt" || p.SignedFor != "eu-central-1" || len(p.Attributes) != 2 ||
		p.Attributes[0] != (Attribute{"type", "String", "grant.active"}) || p.Attributes[1] != (Attribute{"n", "Number", "7"}) {
		t.Errorf("%+v", p)
	}
	if publish(s, "/sns/demo", "TopicArn", demoTopic+".fifo", "MessageGroupId", "g", "MessageDeduplicationId", "evt_1").status != 200 {
		t.Error("a FIFO topic is refused")
	}
	publish(s, "/sns/demo", "TopicArn", demoTopic+".fifo", "MessageGroupId", "g", "MessageDeduplicationId", "evt_1", "Subject", "again")
	if m := s.newest(); m.Attempt != 2 || m.SNS.GroupID != "g" {
		t.Errorf("attempt %d", m.Attempt)
	}
}

func TestPublishRefuses(t *testing.T) {
	s := serve(t, Config{})
	attr := func(name, kind, value string) []string {
		e := "MessageAttributes.entry.1."
		return []string{e + "Name", name, e + "Value.DataType", kind, e + "Value.StringValue", value}
	}
	for _, tc := range []struct {
		name, code string
		pairs      []string
	}{
		{"another action", "InvalidAction", []string{"Action", "Subscribe"}},
		{"no topic", "InvalidParameter", []string{"TopicArn", ""}},
		{"not a topic", "InvalidParameter", []string{"TopicArn", "arn:aws:sqs:eu-central-1:123456789012:access"}},
		{"another region", "InvalidParameter", []string{"TopicArn", strings.Replace(demoTopic, "eu-central-1", "us-east-1", 1)}},
		{"no message", "InvalidParameter", []string{"Message", ""}},
		{"not UTF-8", "InvalidParameter", []string{"Message", "\xff"}},
		{"too large", "InvalidParameter", []string{"Message", strings.Repeat("x", maxPublication+1)}},
		{"too large with its attributes", "InvalidParameter", append(attr("type", "String", "grant.active"), "Message", strings.Repeat("x", maxPublication-10))},
		{"a long subject", "InvalidParameter", []string{"Subject", strings.Repeat("é", 101)}},
		{"two lines of subject", "InvalidParameter", []string{"Subject", "a\nb"}},
		{"no group", "InvalidParameter", []string{"TopicArn", demoTopic + ".fifo"}},
		{"an id that is none", "InvalidParameter", []string{"TopicArn", demoTopic + ".fifo", "MessageGroupId", "a b"}},
		{"deduplication without a FIFO topic", "InvalidParameter", []string{"MessageDeduplicationId", "x"}},
		{"an attribute without a value", "InvalidParameter", attr("type", "String", "")},
		{"an attribute of no type", "InvalidParameter", attr("type", "Text", "x")},
		{"an attribute with a bad name", "InvalidParameter", attr("ty pe", "String", "x")},
	} {
		r := publish(s, "/sns/x", tc.pairs...)
		var e struct {
			Code string `xml:"Error>Code"`
			Type string `xml:"Error>Type"`
		}
		if err := xml.Unmarshal([]byte(r.body), &e); err != nil || r.status != 400 || e.Code != tc.code || e.Type != "Sender" {
			t.Errorf("%s: %d %v %.200s", tc.name, r.status, err, r.body)
		}
		if m := s.newest(); m.Problem == "" || m.Status != 400 {
			t.Errorf("%s: shown as %d %q", tc.name, m.Status, m.Problem)
		}
	}
	if r := s.do("POST", "/sns/x", "Action=Publish", nil); r.status != 403 || !strings.Contains(r.body, "<Code>MissingAuthenticationToken</Code>") {
		t.Errorf("unsigned: %d %s", r.status, r.body)
	}
	if r := s.do("POST", "/sns/x", "%zz", signed); r.status != 400 || !strings.Contains(r.body, "MalformedQueryString") {
		t.Errorf("not a form: %d %s", r.status, r.body)
	}
	if r := publish(s, "/sns/x", "Message", strings.Repeat("x", maxPublication)); r.status != 200 {
		t.Errorf("at its limit: %d %s", r.status, r.body)
	}
}

func TestPublishFailsOnPurpose(t *testing.T) {
	s := serve(t, Config{})
	for status, code := range map[int]string{429: "Throttling", 503: "ServiceUnavailable", 403: "AuthorizationError", 418: "Failure"} {
		s.do("POST", fmt.Sprintf("/fail?path=/sns/x&status=%d", status), "", nil)
		r := publish(s, "/sns/x")
		if r.status != status || !strings.Contains(r.body, "<Code>"+code+"</Code>") || !s.newest().OnPurpose {
			t.Errorf("%d: %d %s", status, r.status, r.body)
		}
	}
}
