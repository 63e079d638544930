package sns

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sns"

	"accessrelay/internal/event"
	"accessrelay/internal/transport"
	"accessrelay/internal/transport/transporttest"
)

func publish(t *testing.T, arn string, ev *event.Event) *sdk.PublishInput {
	t.Helper()
	in, err := publication(parse(t, map[string]string{"topic_arn": arn}), ev)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func trimmedOf(in *sdk.PublishInput) string {
	return aws.ToString(in.MessageAttributes["trimmed"].StringValue)
}

// TestMessage: what fits is the webhook's body to the byte.
func TestMessage(t *testing.T) {
	ev := transporttest.Event()
	in := publish(t, topicARN, ev)
	want, err := transport.Envelope(ev)
	if err != nil {
		t.Fatal(err)
	}
	if got := aws.ToString(in.Message); got != string(want) {
		t.Errorf("message %s\nwant %s", got, want)
	}
	attributes := map[string]string{}
	for name, v := range in.MessageAttributes {
		if aws.ToString(v.DataType) != "String" {
			t.Errorf("%s is a %s", name, aws.ToString(v.DataType))
		}
		attributes[name] = aws.ToString(v.StringValue)
	}
	if want := map[string]string{
		"type": string(ev.Type), "platform": ev.Platform, "source": ev.Source, "tenant_id": ev.TenantID,
	}; !reflect.DeepEqual(attributes, want) {
		t.Errorf("attributes %v, want %v", attributes, want)
	}
}

// check holds a request against what SNS and queues document.
func check(t *testing.T, in *sdk.PublishInput) {
	t.Helper()
	message := aws.ToString(in.Message)
	if n := weight(in); n > maxPublish {
		t.Errorf("%d bytes", n)
	}
	if !json.Valid([]byte(message)) || !utf8.ValidString(message) {
		t.Errorf("no JSON: %.200q", message)
	}
	if strings.ContainsFunc(message, func(r rune) bool { // SQS: #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF
		return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff
	}) {
		t.Errorf("the message has characters that a queue does not take: %.200q", message)
	}
	for name, v := range in.MessageAttributes {
		if aws.ToString(v.StringValue) == "" {
			t.Errorf("the attribute %s is empty", name)
		}
	}
	var m struct {
		Type    string
		Data    map[string]json.RawMessage
		Trimmed []string
	}
	if err := json.Unmarshal([]byte(message), &m); err != nil {
		t.Fatal(err)
	}
	if strings.Join(m.Trimmed, ",") != trimmedOf(in) {
		t.Errorf("the message says trimmed %v, its attribute %q", m.Trimmed, trimmedOf(in))
	}
	for key := range m.Data {
		if !canonical[key] {
			t.Errorf("%q is no key of the canonical event", key)
		}
	}
}

var canonical = map[string]bool{
	"id": true, "type": true, "tenant_id": true, "source": true, "platform": true, "platform_event": true, "occurred_at": true,
	"received_at": true, "request": true, "requester": true, "grantee": true, "access": true, "approvals": true, "window": true,
	"error": true, "raw": true,
}

func TestTrim(t *testing.T) {
	const large = 300 << 10
	long := func(n int) string { return strings.Repeat("ő", n/2) }
	people := make([]event.Approval, 8_000)
	for i := range people {
		people[i] = event.Approval{Approver: &event.Person{Name: fmt.Sprint("person ", i)}}
	}
	with := func(change func(*event.Event)) *event.Event {
		ev := transporttest.Event()
		ev.Raw = json.RawMessage(`{"n": 1}`)
		change(ev)
		return ev
	}
	tests := []struct {
		name string
		ev   *event.Event
		want string
	}{
		{"small", with(func(*event.Event) {}), ""},
		{"as large as can be", with(func(ev *event.Event) { ev.Request.Reason = long(250 << 10) }), ""},
		{"raw", with(func(ev *event.Event) { ev.Raw = json.RawMessage(`"` + long(large) + `"`) }), "raw"},
		{"a reason", with(func(ev *event.Event) { ev.Request.Reason = long(large) }), "raw,texts"},
		{"a reason without raw", with(func(ev *event.Event) { ev.Request.Reason, ev.Raw = long(large), nil }), "texts"},
		{"a link", with(func(ev *event.Event) { ev.Request.URL = "https://a.example/" + long(large) }), "raw,texts"},
		{"approvals", with(func(ev *event.Event) { ev.Approvals = people }), "raw,lists"},
		{"everything", everything(600), "raw,texts,lists"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before, err := json.Marshal(tt.ev)
			if err != nil {
				t.Fatal(err)
			}
			in := publish(t, topicARN, tt.ev)
			check(t, in)
			if got := trimmedOf(in); got != tt.want {
				t.Errorf("trimmed %q, want %q (%d bytes of %d)", got, tt.want, weight(in), len(before))
			}
			again := publish(t, topicARN, tt.ev)
			if *again.Message != *in.Message {
				t.Error("the same event gives another message")
			}
			if after, _ := json.Marshal(tt.ev); !bytes.Equal(before, after) {
				t.Error("the event was changed")
			}
			var m struct{ Data event.Event }
			if err := json.Unmarshal([]byte(*in.Message), &m); err != nil {
				t.Fatal(err)
			}
			if tt.want != "" {
				if m.Data.ID != tt.ev.ID || m.Data.Source != tt.ev.Source || !m.Data.OccurredAt.Equal(tt.ev.OccurredAt) || m.Data.Window == nil {
					t.Errorf("what is short is gone too: %.300s", *in.Message)
				}
				if r := m.Data.Request; r.URL != "" && r.URL != tt.ev.Request.URL {
					t.Errorf("the link leads elsewhere: %.100s", r.URL)
				}
			}
		})
	}
}

// everything is an event with texts of n bytes and long lists in every place.
func everything(n int) *event.Event {
	ev := transporttest.Filled(event.Unrecognized, 1, func(string) string { return strings.Repeat("\u0001", n) })
	ev.Window = transporttest.Event().Window
	for len(ev.Access) < 200 {
		ev.Access = append(ev.Access, ev.Access[0])
	}
	for len(ev.Approvals) < 200 {
		ev.Approvals = append(ev.Approvals, ev.Approvals[0])
	}
	return ev
}

// TestTrimEndsWell: the last size fits whatever the event holds, so no event is
// ever without a message.
func TestTrimEndsWell(t *testing.T) {
	ev := everything(1000)
	last := sizes[len(sizes)-1]
	small, trimmed := last.fit(ev)
	message, err := body(small, trimmed)
	if err != nil {
		t.Fatal(err)
	}
	if len(message) > maxPublish/2 {
		t.Errorf("the last size of an event is %d bytes", len(message))
	}
}

// TestTrimRandom: whatever an event holds, its message is in order.
func TestTrimRandom(t *testing.T) {
	units := []string{"a", "\"", "<", "\u0001", "é", "漢", "👩‍👩‍👧", "\u2028", "\ufffe", "\uffff", "\xff", "\u0000", " "}
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 7))
		text := func(string) string {
			if r.IntN(3) == 0 {
				return ""
			}
			return strings.Repeat(units[r.IntN(len(units))], 1+r.IntN(1<<r.IntN(12)))
		}
		ev := transporttest.Filled(event.Types()[r.IntN(len(event.Types()))], 1+r.IntN(1<<r.IntN(6)), text)
		raw, err := json.Marshal(text(""))
		if err != nil {
			t.Fatal(err)
		}
		ev.Raw = raw
		in := publish(t, []string{topicARN, fifoARN}[r.IntN(2)], ev)
		check(t, in)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// TestNoncharacters: what JSON may hold as it is and a queue may not arrives all
// the same.
func TestNoncharacters(t *testing.T) {
	ev := transporttest.Event()
	ev.Request.Reason = "a\ufffeb\uffffc"
	ev.Raw = json.RawMessage("{\"k\ufffe\":\"\uffff\"}")
	in := publish(t, topicARN, ev)
	check(t, in)
	var m struct{ Data event.Event }
	if err := json.Unmarshal([]byte(*in.Message), &m); err != nil {
		t.Fatal(err)
	}
	var raw map[string]string
	if err := json.Unmarshal(m.Data.Raw, &raw); err != nil {
		t.Fatal(err)
	}
	if m.Data.Request.Reason != ev.Request.Reason || raw["k\ufffe"] != "\uffff" {
		t.Errorf("arrived as %q", *in.Message)
	}
	ev.Raw = json.RawMessage("\"\xff\"")
	check(t, publish(t, topicARN, ev))
}

func TestUnrenderable(t *testing.T) {
	ev := transporttest.Event()
	ev.Raw = json.RawMessage(`{"canary":`)
	_, err := publication(parse(t, map[string]string{"topic_arn": topicARN}), ev)
	se := transport.AsSendError(err)
	if se.Reason != transport.ReasonRender || se.Class != transport.Dead || !se.NoAttempt || strings.Contains(se.Error(), "canary") {
		t.Errorf("%+v", se)
	}
	// A source that no file can have: nothing of it may be cut.
	ev = transporttest.Event()
	ev.Source = strings.Repeat("s", maxPublish)
	if _, err := publication(parse(t, map[string]string{"topic_arn": topicARN}), ev); transport.AsSendError(err).Reason != transport.ReasonRender {
		t.Errorf("an event that does not fit: %v", err)
	}
}

func TestSubject(t *testing.T) {
	reason := func(name string) *event.Event {
		return &event.Event{Type: event.GrantActive, Requester: &event.Person{Name: name}, Request: &event.Request{ID: "1"}}
	}
	for _, ev := range []*event.Event{
		reason("Alice"), reason("Zoë Żółć"), reason("漢字"), reason("a\r\nSubject: x"), reason(strings.Repeat("漢a", 300)), reason("\u202e\x00\x7f"),
		reason(strings.Repeat("x", 300)), {}, {Type: event.Test}, {Type: "grant.paused\n"},
	} {
		got := subject(ev)
		if got == "" || len(got) >= 100 || got[0] <= ' ' || strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r > '~' }) || strings.Contains(got, "??") {
			t.Errorf("subject %q", got)
		}
	}
	for name, want := range map[string]string{"Alice": "Alice", "Zoë Żółć": "Zo? ?", "O’Neil – “x”": `O'Neil - "x"`, // and what would be decoded as another name:
		"=?utf-8?q?=41=6C?=": "= ?utf-8?q?=41=6C?=", "=漢utf-8?q?x?=": "= ?utf-8?q?x?=", "=\u202a?utf-8?q?x?=": "= ?utf-8?q?x?=", "==??=?": "== ??= ?",
	} {
		if got := subject(reason(name)); !strings.Contains(got, want) {
			t.Errorf("subject %q of %s, want %s", got, name, want)
		}
	}
	if got := subject(reason(strings.Repeat("x", 300))); !strings.Contains(got, "...") {
		t.Errorf("cut without a sign: %q", got)
	}
	for _, typ := range event.Types() {
		if got := subject(&event.Event{Type: typ}); strings.Contains(got, "?") {
			t.Errorf("our own words are not ASCII: %q", got)
		}
	}
}

func FuzzSubject(f *testing.F) {
	f.Add("Alice", "res")
	f.Add("\u202e漢\r\n", strings.Repeat("é", 200))
	f.Fuzz(func(t *testing.T, name, resource string) {
		ev := &event.Event{Type: event.RequestPending, Requester: &event.Person{Name: name}, Access: []event.Access{{Resource: &event.Resource{Name: resource}}}}
		got := subject(ev)
		if got == "" || len(got) >= 100 || strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r > '~' }) || strings.Contains(got, "=?") {
			t.Errorf("subject %q", got)
		}
	})
}
