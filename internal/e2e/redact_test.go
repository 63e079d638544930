package e2e

import (
	"bytes"
	"testing"
)

// TestRedact: what a channel must not see never reaches it, in the message, in a
// template's or in what the platform sent; a change counts for the next attempt.
func TestRedact(t *testing.T) {
	t.Parallel()
	open, hook, chat, tmpl := newSink(t), newSink(t), newSink(t), newSink(t)
	r := newRelay(t, webhookTo("open", open))
	r.delivery = admitLoopback
	r.startSealed()
	hidden := []string{"request.reason", "grantee", "requester.email"}
	channel := r.create("generic-webhook", map[string]any{"name": "hook", "url": hook.url, "redact": hidden})
	r.create("slack-webhook", map[string]any{"name": "chat", "url": chat.url, "redact": hidden})
	r.create("generic-webhook", map[string]any{
		"name": "tmpl", "url": tmpl.url, "redact": append(hidden, "requester"),
		"body_template": `{"reason":"{{request.reason}}","all":{{json this}}}`,
	})
	planted := [][]byte{[]byte("On call"), []byte("sam@example.com")} // of preapproval's

	if got := r.settle(r.send(preapproval("a")), soon); got.Status != "delivered" || len(got.Deliveries) != 4 {
		t.Fatalf("receipt %+v", got)
	}
	for _, text := range planted {
		if body := open.all()[0].body; !bytes.Contains(body, text) {
			t.Errorf("who may see all gets no %q: %s", text, body)
		}
		for name, s := range map[string]*sink{"hook": hook, "chat": chat, "tmpl": tmpl} {
			if body := s.all()[0].body; bytes.Contains(body, text) || !bytes.Contains(body, []byte("node-1")) {
				t.Errorf("%s gets %q, or not the rest: %s", name, text, body)
			}
		}
	}

	r.update(channel.ID, map[string]any{"redact": []string{"raw.data.reason"}})
	r.settle(r.send(preapproval("b")), soon)
	if body := hook.all()[1].body; !bytes.Contains(body, planted[1]) || !bytes.Contains(body, []byte(`"raw":`)) || bytes.Count(body, planted[0]) != 1 {
		t.Errorf("with nothing redacted but a key of raw: %s", body)
	}
}
