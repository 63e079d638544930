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
}

// outages keeps them all. It is safe for concurrent use.
type outages struct {
	mu   sync.Mutex
	list []*outage
}

// begin notes that something is about to be broken. The returned function notes
// that it is mended; to call it again is harmless.
func (o *outages) begin(target string, kind Kind) (end func()) {
	x := &outage{target: target, kind: kind, from: time.Now()}
	o.mu.Lock()
	o.list = append(o.list, x)
	o.mu.Unlock()
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if x.to.IsZero() {
			x.to = time.Now()
		}
	}
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

// A worker writes its record some milliseconds after the answer. recordTime is
// what a loaded machine is given for it. settleTime is for what lags behind a
// fault's own end: a request of a worker that was just killed is still answered,
// connections to a Redis that is back have to be made anew.
const (
	recordTime = 2 * time.Second
	settleTime = time.Second
)

// explain says why a delivery that worker was told 2xx at at may have been made
// again, or "": between that answer and its record the worker died, stood still
// or was cut off, or Redis was away.
func explain(list []outage, worker string, at time.Time) string {
	for _, x := range list {
		if x.target != worker && x.target != redisTarget {
			continue
		}
		if at.Before(x.to.Add(settleTime)) && at.Add(recordTime).After(x.from) {
			return fmt.Sprintf("%s of %s, %s the answer", x.kind, x.target, offset(x.from.Sub(at)))
		}
	}
	return ""
}

func offset(d time.Duration) string {
	if d < 0 {
		return fmt.Sprintf("%d ms before", -d.Milliseconds())
	}
	return fmt.Sprintf("%d ms after", d.Milliseconds())
}
