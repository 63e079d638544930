package email

import (
	"errors"
	"fmt"
	"strings"

	"accessrelay/internal/event"
	"accessrelay/internal/transport"
)

// recipients is how a channel's recipients stand in this round: those pending
// are to be told, those delivered or dead are not told again.
type recipients struct{ list []event.Recipient }

// standing says how those in to stand, after what was noted before. A channel
// may have been changed since: who is new is pending; who is gone is told no
// more, but stays on record if he has the mail. Where some are dead and nobody is
// pending there would be no attempt but for a replay: the dead are told again.
func standing(to []string, before []event.Recipient) *recipients {
	known := make(map[string]event.Recipient, len(before))
	for _, r := range before {
		known[fold(r.Address)] = r
	}
	rs := &recipients{}
	pending, dead := 0, 0
	for _, address := range to {
		r, ok := known[fold(address)]
		if !ok {
			r.State = event.StatePending
		}
		r.Address = address
		delete(known, fold(address))
		switch r.State {
		case event.StateDelivered:
		case event.StateDead:
			dead++
		default:
			r.State = event.StatePending
			pending++
		}
		rs.list = append(rs.list, r)
	}
	for _, r := range before {
		if _, gone := known[fold(r.Address)]; gone && r.State == event.StateDelivered {
			rs.list = append(rs.list, r)
		}
	}
	if pending == 0 && dead > 0 {
		for i := range rs.list {
			if rs.list[i].State == event.StateDead {
				rs.list[i].State = event.StatePending
			}
		}
	}
	return rs
}

// fold is the same for two spellings of an address. RFC 5321 leaves it to the server
// whether ann@ is Ann@; nobody has been seen to tell them apart, and a mail too few
// can be sent again.
func fold(address string) string { return strings.ToLower(address) }

// pending calls f with each one who is to be told, until it returns false.
func (rs *recipients) pending(f func(r *event.Recipient) bool) {
	for i := range rs.list {
		if rs.list[i].State == event.StatePending && !f(&rs.list[i]) {
			return
		}
	}
}

func (rs *recipients) open() bool {
	found := false
	rs.pending(func(*event.Recipient) bool { found = true; return false })
	return found
}

// giveUp is what a failure for good makes of those who were to be told.
func (rs *recipients) giveUp(failure *transport.SendError) {
	rs.pending(func(r *event.Recipient) bool {
		r.State, r.LastError = event.StateDead, failure.Err.Error()
		return true
	})
}

// outcome is nil if all have the mail. One who may still get it is reason to try
// again; only then do those count who were refused. The server has spoken of each
// by himself, so it is well.
func (rs *recipients) outcome() error {
	var deferred, refused []string
	for _, r := range rs.list {
		switch r.State {
		case event.StatePending:
			deferred = append(deferred, r.LastError)
		case event.StateDead:
			refused = append(refused, r.LastError)
		default:
		}
	}
	var parts []string
	for _, errs := range [][]string{deferred, refused} {
		if len(errs) > 0 {
			parts = append(parts, fmt.Sprintf("%d of %d recipients %s", len(errs), len(rs.list), errs[0]))
		}
	}
	failure := &transport.SendError{Alive: true, Err: errors.New(strings.Join(parts, "; "))}
	switch {
	case len(deferred) > 0:
		failure.Reason, failure.Class = transport.ReasonDeferred, transport.Retry
	case len(refused) > 0:
		failure.Reason, failure.Class = transport.ReasonRejected, transport.Dead
	default:
		return nil
	}
	return failure
}
