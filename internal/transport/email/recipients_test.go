package email

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/channel"
	"accessrelay/internal/event"
	"accessrelay/internal/safenet"
	"accessrelay/internal/transport"
	"accessrelay/internal/transport/transporttest"
)

// operator are guards that let the file's channels reach loopback.
func operator(o safenet.Options) transport.Guards {
	return transport.Guards{
		Tenant:   safenet.NewGuard(safenet.Policy{}, o),
		Operator: safenet.NewGuard(safenet.Policy{Operator: true}, o),
	}
}

// channelTo is a channel of the file's to port on loopback.
func channelTo(t *testing.T, port int, more map[string]any) *channel.Channel {
	t.Helper()
	o := map[string]any{
		"smtp_host": "127.0.0.1", "smtp_port": port, "tls": "none",
		"from_address": "relay@example.com", "to_addresses": []string{"ann@example.com", "ben@example.com", "cyd@example.com"},
	}
	for key, value := range more {
		o[key] = value
	}
	return &channel.Channel{ID: "6f0d9a52-0a53-4c8e-9a39-0c8f2d8d7f10", ManagedBy: channel.ManagedByFile, Config: parse(t, o)}
}

func attempt(ctx context.Context, tr *Transport, ch *channel.Channel, before []event.Recipient) ([]event.Recipient, error) {
	return tr.Send(ctx, transport.Attempt{Channel: ch, Event: transporttest.Event(), Now: time.Now(), Recipients: before})
}

// shown writes recipients as "ann delivered, ben dead refused (550 5.1.1)".
func shown(rs []event.Recipient) string {
	var out []string
	for _, r := range rs {
		name, _, _ := strings.Cut(r.Address, "@")
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s", name, r.State, r.LastError)))
	}
	return strings.Join(out, ", ")
}

// told are the recipients that a server was given.
func told(commands []string) string {
	var out []string
	for _, c := range commands {
		if rest, ok := strings.CutPrefix(c, "RCPT TO:<"); ok {
			name, _, _ := strings.Cut(rest, "@")
			out = append(out, name)
		}
	}
	return strings.Join(out, " ")
}

// rounds are attempts that follow one another: what the server answers, what
// comes of it, and whom it was told of.
func TestRecipients(t *testing.T) {
	type round struct {
		replies map[string]string // command to reply
		want    string            // of the recipients
		told    string
		mails   int
		reason  transport.Reason // "" is delivered
		text    string           // of the error
	}
	// What is said of one of them, and not of the session or the mail, shows that the
	// server is well.
	alive := map[string]bool{
		"one is refused": true, "one is deferred": true, "one of each": true, "all are refused": true, "all are deferred": true,
		"too many at once": true, "a replay of the dead": true,
	}
	const (
		ann, ben, cyd = "RCPT TO:<ann@example.com>", "RCPT TO:<ben@example.com>", "RCPT TO:<cyd@example.com>"
		refused       = "550 5.1.1 no such canary"
		later         = "451 4.7.1 canary, later"
	)
	tests := []struct {
		name   string
		before []event.Recipient
		rounds []round
	}{
		{"all", nil, []round{
			{nil, "ann delivered, ben delivered, cyd delivered", "ann ben cyd", 1, "", ""},
			{nil, "ann delivered, ben delivered, cyd delivered", "", 0, "", ""}, // nobody is told twice
		}},
		{"one is refused", nil, []round{
			{
				map[string]string{ben: refused}, "ann delivered, ben dead refused (550 5.1.1), cyd delivered",
				"ann ben cyd", 1, "rejected", "1 of 3 recipients refused (550 5.1.1)",
			},
		}},
		{"one is deferred", nil, []round{
			{
				map[string]string{ann: later}, "ann pending deferred (451 4.7.1), ben delivered, cyd delivered",
				"ann ben cyd", 1, "deferred", "1 of 3 recipients deferred (451 4.7.1)",
			},
			{nil, "ann delivered, ben delivered, cyd delivered", "ann", 1, "", ""},
		}},
		{"one of each", nil, []round{
			{
				map[string]string{ann: later, ben: refused}, "ann pending deferred (451 4.7.1), ben dead refused (550 5.1.1), cyd delivered",
				"ann ben cyd", 1, "deferred", "1 of 3 recipients deferred (451 4.7.1); 1 of 3 recipients refused (550 5.1.1)",
			},
			{
				map[string]string{ann: "450 busy"}, "ann pending deferred (450), ben dead refused (550 5.1.1), cyd delivered",
				"ann", 0, "deferred", "deferred (450)",
			},
			{nil, "ann delivered, ben dead refused (550 5.1.1), cyd delivered", "ann", 1, "rejected", "refused (550 5.1.1)"},
		}},
		{"all are refused", nil, []round{
			{
				map[string]string{ann: refused, ben: "553 x", cyd: refused}, "ann dead refused (550 5.1.1), ben dead refused (553), cyd dead refused (550 5.1.1)",
				"ann ben cyd", 0, "rejected", "3 of 3 recipients refused (550 5.1.1)",
			},
		}},
		{"all are deferred", nil, []round{
			{
				map[string]string{ann: later, ben: later, cyd: later}, "ann pending deferred (451 4.7.1), ben pending deferred (451 4.7.1), cyd pending deferred (451 4.7.1)",
				"ann ben cyd", 0, "deferred", "3 of 3 recipients deferred",
			},
		}},
		{"too many at once", nil, []round{
			{
				map[string]string{cyd: "452 4.5.3 too many"}, "ann delivered, ben delivered, cyd pending deferred (452 4.5.3)",
				"ann ben cyd", 1, "deferred", "deferred (452 4.5.3)",
			},
			{nil, "ann delivered, ben delivered, cyd delivered", "cyd", 1, "", ""},
		}},
		{"the server closes among them", nil, []round{
			{
				map[string]string{ann: refused, ben: "421 4.3.2 closing"}, "ann dead refused (550 5.1.1), ben pending, cyd pending",
				"ann ben", 0, "deferred", "deferred a recipient (421 4.3.2)",
			},
			{nil, "ann dead refused (550 5.1.1), ben delivered, cyd delivered", "ben cyd", 1, "rejected", "1 of 3 recipients refused"},
		}},
		{"cut among them", nil, []round{
			{map[string]string{ben: "cut"}, "ann pending, ben pending, cyd pending", "ann ben", 0, "connection", "closed before the answer"},
		}},
		{"the message is deferred", nil, []round{
			{
				map[string]string{ben: refused, ".": later}, "ann pending the server deferred the message (451 4.7.1), ben dead refused (550 5.1.1), cyd pending the server deferred the message (451 4.7.1)",
				"ann ben cyd", 1, "deferred", "deferred the message (451 4.7.1)",
			},
			{nil, "ann delivered, ben dead refused (550 5.1.1), cyd delivered", "ann cyd", 1, "rejected", "1 of 3 recipients refused"},
		}},
		{"the message is refused", nil, []round{
			{
				map[string]string{ben: later, ".": "554 5.7.1 canary"},
				"ann dead the server refused the message (554 5.7.1), ben dead the server refused the message (554 5.7.1), cyd dead the server refused the message (554 5.7.1)",
				"ann ben cyd", 1, "rejected", "refused the message (554 5.7.1)",
			},
		}},
		{"the answer to the message is lost", nil, []round{ // here a mail may come twice
			{map[string]string{".": "cut"}, "ann pending, ben pending, cyd pending", "ann ben cyd", 1, "connection", "closed before the answer"},
		}},
		{"the sender is refused", nil, []round{
			{
				map[string]string{"MAIL FROM:<relay@example.com> BODY=8BITMIME": "550 5.7.1 canary"},
				"ann dead the server refused the sender (550 5.7.1), ben dead the server refused the sender (550 5.7.1), cyd dead the server refused the sender (550 5.7.1)",
				"", 0, "rejected", "refused the sender (550 5.7.1)",
			},
		}},
		{"a replay", []event.Recipient{
			{Address: "ann@example.com", State: event.StateDelivered},
			{Address: "ben@example.com", State: event.StatePending, LastError: "refused (550)"},
			{Address: "cyd@example.com", State: event.StateDelivered},
		}, []round{{nil, "ann delivered, ben delivered, cyd delivered", "ben", 1, "", ""}}},
		{"a replay of the dead", []event.Recipient{
			{Address: "ann@example.com", State: event.StateDelivered},
			{Address: "ben@example.com", State: event.StateDead, LastError: "refused (550)"},
			{Address: "cyd@example.com", State: event.StateDead, LastError: "refused (550)"},
		}, []round{{map[string]string{cyd: later}, "ann delivered, ben delivered, cyd pending deferred (451 4.7.1)", "ben cyd", 1, "deferred", "1 of 3"}}},
		{"addresses are spelled otherwise", []event.Recipient{
			{Address: "Ann@Example.com", State: event.StateDelivered},
			{Address: "BEN@example.com", State: event.StatePending},
			{Address: "cyd@EXAMPLE.com", State: event.StateDelivered},
		}, []round{{nil, "ann delivered, ben delivered, cyd delivered", "ben", 1, "", ""}}},
		{"the channel was changed", []event.Recipient{
			{Address: "ann@example.com", State: event.StateDelivered},
			{Address: "dee@example.com", State: event.StateDelivered},
			{Address: "eve@example.com", State: event.StatePending},
			{Address: "fay@example.com", State: event.StateDead},
		}, []round{{nil, "ann delivered, ben delivered, cyd delivered, dee delivered", "ben cyd", 1, "", ""}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := tt.before
			for i, r := range tt.rounds {
				s := serve(t, func(command string, _ bool) string { return r.replies[command] })
				got, err := attempt(t.Context(), New(operator(safenet.Options{})), channelTo(t, s.port(), nil), before)
				if shown(got) != r.want {
					t.Errorf("round %d: %s\nwant %s", i+1, shown(got), r.want)
				}
				commands, mails := s.seen()
				if told(commands) != r.told || len(mails) != r.mails {
					t.Errorf("round %d: the server was told of %q and given %d mails, want %q and %d", i+1, told(commands), len(mails), r.told, r.mails)
				}
				checkFailure(t, err, r.reason, r.text)
				if se := new(transport.SendError); errors.As(err, &se) && se.Alive != alive[tt.name] && i == 0 {
					t.Errorf("round %d: Alive is %t", i+1, se.Alive)
				}
				before = got
			}
		})
	}
}

// checkFailure fails t unless err is of that reason and says text; "" is none.
func checkFailure(t *testing.T, err error, reason transport.Reason, text string) {
	t.Helper()
	if reason == "" {
		if err != nil {
			t.Errorf("failed: %v", err)
		}
		return
	}
	var se *transport.SendError
	if !errors.As(err, &se) {
		t.Errorf("%v, want a *SendError", err)
		return
	}
	class := transport.Retry
	if reason == transport.ReasonRejected || reason == transport.ReasonAddressBlocked {
		class = transport.Dead
	}
	if se.Reason != reason || se.Class != class || !strings.Contains(se.Error(), text) || strings.Contains(se.Error(), "canary") {
		t.Errorf("class %d, %v; want class %d, %s: %s", se.Class, se, class, reason, text)
	}
}

// A failure before anything was sent leaves the record as it is.
func TestNothingTried(t *testing.T) {
	before := []event.Recipient{{Address: "ann@example.com", State: event.StateDelivered}}
	ch := channelTo(t, 25, nil)
	ch.ManagedBy = channel.ManagedByAPI
	got, err := attempt(t.Context(), New(operator(safenet.Options{})), ch, before)
	checkFailure(t, err, transport.ReasonAddressBlocked, "loopback")
	if !slices.Equal(got, before) {
		t.Errorf("%s", shown(got))
	}
	got, err = attempt(t.Context(), New(operator(safenet.Options{})), &channel.Channel{}, before)
	if se := transport.AsSendError(err); se.Reason != transport.ReasonChannelConfig || got != nil {
		t.Errorf("%v, %s", err, shown(got))
	}
}

// The mail is the same to the byte at every attempt, whoever is still to get it.
func TestRetryIsTheSameMail(t *testing.T) {
	var before []event.Recipient
	var first string
	for i := range 3 {
		s := serve(t, func(command string, _ bool) string {
			if i < 2 && strings.HasPrefix(command, "RCPT TO:<ben") {
				return "450 later"
			}
			return ""
		})
		got, _ := attempt(t.Context(), New(operator(safenet.Options{})), channelTo(t, s.port(), nil), before)
		before = got
		_, mails := s.seen()
		switch {
		case i == 0:
			first = mails[0]
		case i == 1 && len(mails) != 0:
			t.Error("sent to nobody")
		case i == 2 && mails[0] != first:
			t.Errorf("another mail:\n%s\n%s", first, mails[0])
		}
	}
}
