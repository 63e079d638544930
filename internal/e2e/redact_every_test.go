package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// publishedXML is what SNS says to a message that it has taken.
const publishedXML = `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>m-1</MessageId></PublishResult></PublishResponse>`

// topicTo is an aws-sns channel to a sink.
func topicTo(name string, s *sink) channelConf {
	return channelConf{name: name, kind: "aws-sns", config: map[string]any{
		"topic_arn": "arn:aws:sns:eu-central-1:123456789012:access", "endpoint": s.url, "access_key_id": "test", "secret_access_key": "test",
	}}
}

// TestRedactedReachesNobody: what a channel must not see is in none of its
// deliveries, of whatever type it is, whether they succeed, fail or are replayed;
// a channel beside it that may see everything does.
func TestRedactedReachesNobody(t *testing.T) {
	t.Parallel()
	hook, templated, chat, chatTemplated, open := newSink(t), newSink(t), newSink(t), newSink(t), newSink(t)
	topic, failing := newSink(t, answer{body: publishedXML}), newSink(t, answer{status: 500})
	mail := startMail(t, mailConf{TLS: "none"})
	r := newRelay(t)
	r.delivery = "  backoff: [100ms]\n  allow_networks: [127.0.0.0/8]\n"
	r.startSealed()
	add := func(c channelConf, redact ...string) {
		t.Helper()
		r.create(c.kind, map[string]any{"name": c.name, "config": c.config, "redact": append([]string{}, redact...)})
	}
	paths := []string{"request.reason", "requester", "grantee", "access"}
	hookTemplate := webhookTo("templated", templated)
	hookTemplate.config["body_template"] = `{"id":{{json id}},"reason":"{{request.reason}}","who":"{{grantee.email}}{{requester.email}}","all":{{json raw}},"event":{{json this}},"summary":"{{summary}}"}`
	chatTemplate := channelConf{name: "chat-templated", kind: "slack-webhook", config: map[string]any{
		"url": chatTemplated.url, "text_template": "{{id}} {{summary}} {{request.reason}} {{grantee.email}} {{#each access}}{{permission.name}}{{/each}} {{json raw}}",
	}}
	add(webhookTo("hook", hook), paths...)
	add(hookTemplate, paths...)
	add(channelConf{name: "chat", kind: "slack-webhook", config: map[string]any{"url": chat.url}}, paths...)
	add(chatTemplate, paths...)
	add(topicTo("topic", topic), paths...)
	add(mailTo("mail", mail, "none", map[string]any{"subject_template": "{{id}} {{summary}} {{request.reason}} {{grantee.email}}"}), paths...)
	add(webhookTo("failing", failing), paths...)
	add(webhookTo("open", open))

	id := r.send(canaryEvent("redacted"))
	got := r.settle(id, retries)
	if got.Status != "partial" || len(got.Deliveries) != 8 {
		t.Errorf("%+v", got)
	}
	for _, d := range got.Deliveries {
		if want := map[bool]string{true: "dead", false: "delivered"}[d.ChannelName == "failing"]; d.State != want {
			t.Errorf("%+v, want it %s", d, want)
		}
	}
	hidden := canaries{"the reason": "canary-reason", "the principal": "canary-principal", "a name": "canary-node"}
	for name, s := range map[string]*sink{"hook": hook, "templated": templated, "chat": chat, "chat-templated": chatTemplated, "topic": topic, "failing": failing} {
		requests := s.all()
		if len(requests) == 0 || name == "failing" && len(requests) != 4 {
			t.Errorf("%s got %d requests", name, len(requests))
		}
		for _, q := range requests {
			hidden.find(t, "the delivery to "+name, string(q.body)+fmt.Sprint(q.header))
			if !strings.Contains(string(q.body), id) {
				t.Errorf("the delivery to %s does not tell the event: %s", name, q.body)
			}
		}
	}
	mails := mail.mails()
	if len(mails) != 1 {
		t.Fatalf("%d mails", len(mails))
	}
	all := fmt.Sprint(mails[0].Headers, mails[0].Text, mails[0].HTML)
	hidden.find(t, "the mail", all)
	if !strings.Contains(all, id) {
		t.Errorf("the mail does not tell the event: %s", all)
	}
	for what, canary := range hidden {
		if !strings.Contains(string(open.all()[0].body), canary) {
			t.Errorf("%s is not in the delivery that nothing is hidden from: %s", what, open.all()[0].body)
		}
	}
	replayed(t, r, got, failing, hidden)
}

// replayed: a dead delivery that is replayed hides the same.
func replayed(t *testing.T, r *relay, got receipt, failing *sink, hidden canaries) {
	t.Helper()
	before := len(failing.all())
	failing.answers(answer{})
	if a := r.call(http.MethodPost, "/v1/deliveries/"+got.to(t, "failing").ID+"/replay", ""); a.status != http.StatusAccepted {
		t.Fatalf("replaying: status %d, %s", a.status, a.body)
	}
	for _, q := range failing.await(t, before+1)[before:] {
		hidden.find(t, "the replay", string(q.body))
	}
}
