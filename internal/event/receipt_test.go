package event

import "testing"

func TestReceiptStatus(t *testing.T) {
	deliveries := func(states ...State) []Delivery {
		var ds []Delivery
		for _, s := range states {
			ds = append(ds, Delivery{State: s})
		}
		return ds
	}
	for _, c := range []struct {
		name string
		r    Receipt
		want Status
	}{
		{"no worker came to it", Receipt{}, StatusAccepted},
		{"repeat", Receipt{Type: GrantActive, DuplicateOf: "evt_0"}, StatusDuplicate},
		{"repeat before all else", Receipt{DuplicateOf: "evt_0", Unrouted: true, Deliveries: deliveries(StateDead)}, StatusDuplicate},
		{"unrouted", Receipt{Type: GrantActive, Unrouted: true}, StatusUnrouted},
		{"pending", Receipt{Type: GrantActive, Deliveries: deliveries(StatePending)}, StatusPending},
		{"retrying", Receipt{Type: GrantActive, Deliveries: deliveries(StateDelivered, StateRetrying)}, StatusPending},
		{"throttled", Receipt{Type: GrantActive, Deliveries: deliveries(StateDead, StateThrottled)}, StatusPending},
		{"delivered", Receipt{Type: GrantActive, Deliveries: deliveries(StateDelivered, StateDelivered)}, StatusDelivered},
		{"dead", Receipt{Type: GrantActive, Deliveries: deliveries(StateDead, StateDead)}, StatusFailed},
		{"some of each", Receipt{Type: GrantActive, Deliveries: deliveries(StateDelivered, StateDead)}, StatusPartial},
		{"deleted", Receipt{Type: GrantActive, Deleted: 2}, StatusFailed},
		{"delivered and deleted", Receipt{Type: GrantActive, Deleted: 1, Deliveries: deliveries(StateDelivered)}, StatusPartial},
		{"open and deleted", Receipt{Type: GrantActive, Deleted: 1, Deliveries: deliveries(StateRetrying)}, StatusPending},
		{"all of each", Receipt{Type: GrantActive, Deliveries: deliveries(StateDelivered, StateDead, StatePending)}, StatusPending},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.r.Status(); got != c.want {
				t.Errorf("Status = %s, want %s", got, c.want)
			}
		})
	}
}

func TestStateFinal(t *testing.T) {
	final := map[State]bool{StateDelivered: true, StateDead: true}
	if len(States()) != 5 {
		t.Errorf("%d states, the contract has 5", len(States()))
	}
	for _, s := range States() {
		if s.Final() != final[s] {
			t.Errorf("%s.Final() = %t", s, s.Final())
		}
	}
}
