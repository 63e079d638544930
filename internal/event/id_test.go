package event

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestNewIDSortsByTime(t *testing.T) {
	at := time.Date(2026, 1, 15, 9, 30, 0, 0, time.UTC)
	var ids []string
	for range 200 {
		ids = append(ids, NewID(at))
		at = at.Add(time.Millisecond)
	}
	if !slices.IsSorted(ids) {
		t.Error("ids of later milliseconds do not sort behind those of earlier ones")
	}
	early, late := NewID(time.UnixMilli(0)), NewID(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))
	if early >= ids[0] || ids[0] >= late {
		t.Errorf("%s, %s, %s are out of order", early, ids[0], late)
	}
}

func TestNewIDIsUniqueAndValid(t *testing.T) {
	at := time.Now()
	seen := map[string]bool{}
	for range 1000 {
		id := NewID(at)
		if seen[id] {
			t.Fatalf("%s came twice", id)
		}
		seen[id] = true
		if !ValidID(id) || len(id) != 30 || id != strings.ToLower(id) {
			t.Fatalf("%q is not an id", id)
		}
	}
}

func TestDerivedID(t *testing.T) {
	a, b := DerivedID("evt_1/channel"), DerivedID("evt_2/channel")
	if a != DerivedID("evt_1/channel") {
		t.Error("one seed, two ids")
	}
	if a == b {
		t.Error("two seeds, one id")
	}
	if !ValidID(a) || !ValidID(b) {
		t.Errorf("%s or %s is not valid", a, b)
	}
}

func TestValidID(t *testing.T) {
	for id, want := range map[string]bool{
		DerivedID("x"):                     true,
		"evt_00000000000000000000000000":   true,
		"":                                 false,
		"evt_":                             false,
		"evt_0000000000000000000000000":    false, // one short
		"evt_000000000000000000000000000":  false, // one long
		"EVT_00000000000000000000000000":   false,
		"evt_0000000000000000000000000A":   false, // capitals
		"evt_0000000000000000000000000u":   false, // not in the alphabet
		"evt_00000000000000000000000001":   false, // a bit more than 128
		"evt_000000000000000000000000\n\n": false,
		"evt_\r\n000000000000000000000000": false,
		"dlv_00000000000000000000000000":   false,
		"evt_{0000000000000000000000000":   false,
		" evt_00000000000000000000000000":  false,
	} {
		if got := ValidID(id); got != want {
			t.Errorf("ValidID(%q) = %t, want %t", id, got, want)
		}
	}
}

func TestDeliveryID(t *testing.T) {
	ev := NewID(time.Now())
	for _, n := range []int{0, 1, 9, 10, 12345} {
		d := Delivery{EventID: ev, N: n}
		gotEvent, gotN, ok := ParseDeliveryID(d.ID())
		if !ok || gotEvent != ev || gotN != n {
			t.Errorf("ParseDeliveryID(%q) = %q, %d, %t", d.ID(), gotEvent, gotN, ok)
		}
		if ValidID(d.ID()) {
			t.Errorf("%q passes for an event's id", d.ID())
		}
	}
	chars := strings.TrimPrefix(ev, "evt_")
	for _, id := range []string{
		"", "dlv_", ev, ev + "_0", "dlv_" + chars, "dlv_" + chars + "_", "dlv_" + chars + "_-1", "dlv_" + chars + "_+1",
		"dlv_" + chars + "_01", "dlv_" + chars + "_1x", "dlv_" + chars + "_1_2", "dlv_" + chars[1:] + "_1",
		"dlv_" + chars + "_99999999999999999999", "dlv_" + chars + "_ 1",
	} {
		if gotEvent, n, ok := ParseDeliveryID(id); ok || gotEvent != "" || n != 0 {
			t.Errorf("ParseDeliveryID(%q) = %q, %d, %t; want nothing", id, gotEvent, n, ok)
		}
	}
}

func FuzzParseDeliveryID(f *testing.F) {
	f.Add(DeliveryID(DerivedID("x"), 3))
	f.Add("dlv_00000000000000000000000000_0")
	f.Add("dlv__1")
	f.Fuzz(func(t *testing.T, id string) {
		ev, n, ok := ParseDeliveryID(id)
		if ok && (!ValidID(ev) || DeliveryID(ev, n) != id) {
			t.Errorf("ParseDeliveryID(%q) = %q, %d", id, ev, n)
		}
	})
}
