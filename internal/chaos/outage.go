package chaos

import (
	"fmt"
	"sync"
	"time"
)

// outage is a fault as it really was: from just before it was done to just
// after it was undone.
type outage struct {
	target   string
	kind     Kind
	from, to time.Time // to is zero while it lasts
	// served is when another master was seen to serve in the place of the broken
	// one. Zero: none was, it came back itself.
	served time.Time
}

// over is when what was broken worked again, for those who use it.
func (o outage) over() time.Time {
	if !o.served.IsZero() && o.served.Before(o.to) {
		return o.served
	}
	return o.to
}

// outages keeps them all. It is safe for concurrent use.
type outages struct {
	mu   sync.Mutex
	list []*outage
}

// begin notes that something is about to be broken. end notes that it is mended,
// served that another does its work; to call either again is harmless.
func (o *outages) begin(target string, kind Kind) (end, served func()) {
	x := &outage{target: target, kind: kind, from: time.Now()}
	o.mu.Lock()
	o.list = append(o.list, x)
	o.mu.Unlock()
	note := func(at *time.Time) func() {
		return func() {
			o.mu.Lock()
			defer o.mu.Unlock()
			if at.IsZero() {
				*at = time.Now()
			}
		}
	}
	return note(&x.to), note(&x.served)
}

// all returns them as they are now, those that last as ending now.
func (o *outages) all() []outage {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := make([]outage, len(o.list))
	for i, x := range o.list {
		out[i] = *x
		if x.to.IsZero() {
			out[i].to = time.Now()
		}
	}
	return out
}

// now describes what is broken at the moment.
func (o *outages) now() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []string
	for _, x := range o.list {
		if x.to.IsZero() {
			out = append(out, fmt.Sprintf("%s: %s", x.target, x.kind))
		}
	}
	return out
}
