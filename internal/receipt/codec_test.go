package receipt

import (
	"reflect"
	"testing"
	"time"

	"accessrelay/internal/event"
)

func TestEncodeDelivery(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	full := event.Delivery{
		EventID: "evt_x", N: 7, Round: 2, State: event.StateDead,
		ChannelID: "c", ChannelName: "a|b <&> \u2028", ChannelType: "email",
		Attempts: 5, RetriesUsed: 3, LastReason: "timeout", LastError: "no \"answer\"\nin time",
		CreatedAt: at, RoundAt: at.Add(time.Hour), NextAttemptAt: at.Add(2 * time.Hour), DeliveredAt: at.Add(3 * time.Hour), DeadAt: at.Add(4 * time.Hour),
		Turn: 12, Recipients: []event.Recipient{
			{Address: "a@example.com", State: event.StateDelivered},
			{Address: "b@example.com", State: event.StateDead, LastError: "rejected: answered 550"},
		},
	}
	for _, tt := range []struct {
		name string
		d    event.Delivery
		want string
	}{
		{"least", event.Delivery{State: event.StatePending, Round: 1}, `1|pending|{"ch":"","name":"","type":"","at":0}`},
		{"first round", event.Delivery{State: event.StatePending, Round: 1, CreatedAt: at, RoundAt: at}, `1|pending|{"ch":"","name":"","type":"","at":1767323045000000006}`},
		{"full", full, `2|dead|{"ch":"c","name":"a|b <&> \u2028","type":"email","att":5,"used":3,"why":"timeout","err":"no \"answer\"\nin time",` +
			`"at":1767323045000000006,"round":1767326645000000006,"next":1767330245000000006,"ok":1767333845000000006,"dead":1767337445000000006,` +
			`"turn":12,"rcpt":[{"to":"a@example.com","is":"delivered"},{"to":"b@example.com","is":"dead","err":"rejected: answered 550"}]}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := encodeDelivery(tt.d)
			if err != nil || got != tt.want {
				t.Errorf("encodeDelivery = %s, %v\nwant %s", got, err, tt.want)
			}
			back, err := decodeDelivery(tt.d.EventID, tt.d.N, got)
			if err != nil || !reflect.DeepEqual(back, tt.d) {
				t.Errorf("and back = %+v, %v\nwant %+v", back, err, tt.d)
			}
		})
	}
	// Times compare as instants, wherever the clock stands.
	here := full
	here.CreatedAt = full.CreatedAt.In(time.FixedZone("here", 3600))
	a, _ := encodeDelivery(full)
	if b, err := encodeDelivery(here); err != nil || a != b {
		t.Errorf("encodeDelivery = %s, %v\nwant %s", b, err, a)
	}
}

// What is read and written again must be the very same bytes: by that the
// script knows a record that is written twice.
func FuzzDeliveryIsStable(f *testing.F) {
	f.Add("name", "error", int64(1), int64(2), 3)
	f.Add("a|b", "\xff bad \xc3", int64(0), int64(-5), 0)
	f.Add("\ufffd", "<script>\u2028", int64(1), int64(1), -1)
	f.Fuzz(func(t *testing.T, name, text string, created, round int64, attempts int) {
		d := event.Delivery{
			EventID: "evt_x", Round: 1, State: event.StateDead, ChannelName: name, LastError: text, LastReason: name,
			CreatedAt: nanos(created).time(), RoundAt: nanos(round).time(), DeadAt: nanos(created).time(), Attempts: attempts,
		}
		once, err := encodeDelivery(d)
		if err != nil {
			t.Fatal(err)
		}
		back, err := decodeDelivery(d.EventID, 0, once)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := encodeDelivery(back); err != nil || again != once {
			t.Errorf("written again it is %s, %v\nwas %s", again, err, once)
		}
	})
}

func FuzzDecodeDelivery(f *testing.F) {
	for _, s := range []string{"", "||", "1|dead|{}", `1|pending|{"at":1}`, "x|dead|{}", "1|gone|{}", "1|dead|[]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		d, err := decodeDelivery("evt_x", 1, value)
		if err == nil && (d.EventID != "evt_x" || d.N != 1 || d.State == "") {
			t.Errorf("decodeDelivery(%q) = %+v", value, d)
		}
	})
}

func FuzzCursor(f *testing.F) {
	id := event.NewID(time.Unix(1, 0))
	for _, c := range []cursor{
		{Walk: walkEvents, Score: 1, Member: id}, {Walk: walkEvents, Score: 1, Member: id, N: 3},
		{Walk: walkDead, Score: -1, Member: event.DeliveryID(id, 2)}, {Walk: walkOne, Member: id, N: 1},
	} {
		f.Add(c.String())
	}
	f.Add("")
	f.Add("e30")
	f.Fuzz(func(t *testing.T, s string) {
		for _, w := range []walk{walkEvents, walkDead, walkOne} {
			c, err := parseCursor(s, w)
			if err != nil {
				continue
			}
			if c.Walk != w || c.N < 0 {
				t.Errorf("parseCursor(%q, %s) = %+v", s, w, c)
			}
			if again, err := parseCursor(c.String(), w); s != "" && (err != nil || again != c) {
				t.Errorf("written and read again: %+v, %v; was %+v", again, err, c)
			}
		}
	})
}
