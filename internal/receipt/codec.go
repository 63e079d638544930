package receipt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"accessrelay/internal/event"
)

// version is the layout of a record. A reader refuses any other.
const version = "1"

// nanos is a time in a record: Unix nanoseconds, 0 for none. Records are what
// most of the memory goes to, so times are short and keys too.
type nanos int64

func nanosOf(t time.Time) nanos {
	if t.IsZero() {
		return 0
	}
	return nanos(t.UnixNano())
}

func (n nanos) time() time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(n)).UTC()
}

// meta is what a record says of the event for as long as there is a record.
type meta struct {
	TenantID    string     `json:"tenant"`
	Type        event.Type `json:"type"`
	Source      string     `json:"source"`
	Platform    string     `json:"platform"`
	ReceivedAt  nanos      `json:"at"`
	DuplicateOf string     `json:"dup,omitempty"`
	Unrouted    bool       `json:"unrouted,omitempty"`
}

// delivery is a delivery's JSON in a record. Where it stands is in the field's
// prefix, whose it is in its name.
type delivery struct {
	ChannelID     string `json:"ch"`
	ChannelName   string `json:"name"`
	ChannelType   string `json:"type"`
	Attempts      int    `json:"att,omitempty"`
	RetriesUsed   int    `json:"used,omitempty"`
	LastReason    string `json:"why,omitempty"`
	LastError     string `json:"err,omitempty"`
	CreatedAt     nanos  `json:"at"`
	RoundAt       nanos  `json:"round,omitempty"` // unless it is CreatedAt
	NextAttemptAt nanos  `json:"next,omitempty"`
	DeliveredAt   nanos  `json:"ok,omitempty"`
	DeadAt        nanos  `json:"dead,omitempty"`
	Turn          int64  `json:"turn,omitempty"`

	Recipients []recipient `json:"rcpt,omitempty"`
}

// recipient is how one of several stands.
type recipient struct {
	Address   string      `json:"to"`
	State     event.State `json:"is"`
	LastError string      `json:"err,omitempty"`
}

func encodeRecipients(in []event.Recipient) (out []recipient) {
	for _, r := range in {
		out = append(out, recipient{text(r.Address), r.State, text(r.LastError)})
	}
	return out
}

func decodeRecipients(in []recipient) (out []event.Recipient) {
	for _, r := range in {
		out = append(out, event.Recipient(r))
	}
	return out
}

// encodeDelivery makes the value of a delivery's field. Equal deliveries make
// equal values, also after a way through [decodeDelivery]: by that a script
// knows a record that is written again.
func encodeDelivery(d event.Delivery) (string, error) {
	if !slices.Contains(event.States(), d.State) {
		return "", fmt.Errorf("encoding delivery: unknown state %q", d.State)
	}
	out := delivery{
		ChannelID: text(d.ChannelID), ChannelName: text(d.ChannelName), ChannelType: text(d.ChannelType),
		Attempts: d.Attempts, RetriesUsed: d.RetriesUsed,
		LastReason: text(d.LastReason), LastError: text(d.LastError),
		CreatedAt: nanosOf(d.CreatedAt), RoundAt: nanosOf(d.RoundAt), NextAttemptAt: nanosOf(d.NextAttemptAt),
		DeliveredAt: nanosOf(d.DeliveredAt), DeadAt: nanosOf(d.DeadAt),
		Turn: d.Turn, Recipients: encodeRecipients(d.Recipients),
	}
	if out.RoundAt == out.CreatedAt {
		out.RoundAt = 0
	}
	b, err := encodeJSON(out)
	if err != nil {
		return "", fmt.Errorf("encoding delivery: %w", err)
	}
	return strconv.Itoa(d.Round) + "|" + string(d.State) + "|" + b, nil
}

// deleted tells the value of a delivery that was deleted. Nothing else is known
// of it.
func deleted(value string) bool { return strings.HasSuffix(value, "|deleted|") }

func decodeDelivery(eventID string, n int, value string) (event.Delivery, error) {
	round, rest, ok1 := strings.Cut(value, "|")
	state, body, ok2 := strings.Cut(rest, "|")
	r, err := strconv.Atoi(round)
	if !ok1 || !ok2 || err != nil || !slices.Contains(event.States(), event.State(state)) {
		return event.Delivery{}, fmt.Errorf("decoding delivery %d of event %s: not in the form round|state|json", n, eventID)
	}
	var in delivery
	if err := json.Unmarshal([]byte(body), &in); err != nil {
		return event.Delivery{}, fmt.Errorf("decoding delivery %d of event %s: %w", n, eventID, err)
	}
	if in.RoundAt == 0 {
		in.RoundAt = in.CreatedAt
	}
	return event.Delivery{
		EventID: eventID, N: n, Round: r, State: event.State(state),
		ChannelID: in.ChannelID, ChannelName: in.ChannelName, ChannelType: in.ChannelType,
		Attempts: in.Attempts, RetriesUsed: in.RetriesUsed, LastReason: in.LastReason, LastError: in.LastError,
		CreatedAt: in.CreatedAt.time(), RoundAt: in.RoundAt.time(), NextAttemptAt: in.NextAttemptAt.time(),
		DeliveredAt: in.DeliveredAt.time(), DeadAt: in.DeadAt.time(),
		Turn: in.Turn, Recipients: decodeRecipients(in.Recipients),
	}, nil
}

func encodeMeta(r event.Receipt) (string, error) {
	b, err := encodeJSON(meta{
		TenantID: r.TenantID, Type: r.Type, Source: r.Source, Platform: r.Platform,
		ReceivedAt: nanosOf(r.ReceivedAt), DuplicateOf: r.DuplicateOf, Unrouted: r.Unrouted,
	})
	if err != nil {
		return "", fmt.Errorf("encoding what event %s is: %w", r.ID, err)
	}
	return b, nil
}

func decodeMeta(eventID, value string) (event.Receipt, error) {
	var m meta
	if err := json.Unmarshal([]byte(value), &m); err != nil {
		return event.Receipt{}, fmt.Errorf("decoding what event %s is: %w", eventID, err)
	}
	return event.Receipt{
		ID: eventID, TenantID: m.TenantID, Type: m.Type, Source: m.Source, Platform: m.Platform,
		ReceivedAt: m.ReceivedAt.time(), DuplicateOf: m.DuplicateOf, Unrouted: m.Unrouted,
	}, nil
}

// checkVersion refuses a record that this version cannot read. got is nil when
// there is no record.
func checkVersion(eventID string, got any) error {
	switch got {
	case nil:
		return fmt.Errorf("event %s: %w", eventID, ErrNotFound)
	case version:
		return nil
	default:
		return fmt.Errorf("event %s: its record has layout %v, this version reads %s", eventID, got, version)
	}
}

// encodeJSON is json.Marshal without the escapes for HTML, which would triple
// the length of some payloads.
func encodeJSON(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// text makes s what it will be when it comes back from JSON.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

var errCorrupt = errors.New("record is incomplete")
