package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestEmailFullMailbox: one of a channel's mailboxes takes nothing. The other gets
// each mail, at once and once, and no breaker opens; what is for the first uses up its
// retries.
func TestEmailFullMailbox(t *testing.T) {
	t.Parallel()
	const events, full = 15, "452 4.2.2 canary"
	s := startMail(t, mailConf{TLS: "none", Replies: map[string][]string{"ben@example.com": slices.Repeat([]string{full}, 5*events)}})
	r := newRelay(t, mailTo("mail", s, "none", map[string]any{"to_addresses": []string{"ann@example.com", "ben@example.com"}}))
	r.delivery = "  max_retries: 3\n  backoff: [1s]\n"
	r.start()
	var ids []string
	pace := time.NewTicker(200 * time.Millisecond) // the breaker looks at what lasts for two seconds
	defer pace.Stop()
	for i := range events {
		<-pace.C
		ids = append(ids, r.send(preapproval(fmt.Sprint("full-", i))))
	}
	want := []recipient{{"ann@example.com", "delivered", ""}, {"ben@example.com", "pending", "deferred (452 4.2.2)"}}
	for _, id := range ids {
		d := r.settle(id, soon).to(t, "mail")
		if d.State != "dead" || d.Attempts != 4 || d.RetriesUsed != 3 || !slices.Equal(d.Recipients, want) {
			t.Errorf("%+v, want the recipients %+v", d, want)
		}
	}
	mails := s.mails()
	if len(mails) != events {
		t.Errorf("%d mails arrived, want %d", len(mails), events)
	}
	for _, m := range mails {
		if !slices.Equal(m.To, []string{"ann@example.com"}) {
			t.Errorf("a mail to %q", m.To)
		}
	}
	if n := r.worker.scrape()[series("accessrelay_delivery_failures_total", "channel_type", "email", "reason", "breaker_open")]; n != 0 {
		t.Errorf("%v deliveries waited for a breaker", n)
	}
}
