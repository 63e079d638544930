package chaos

import (
	"fmt"
	"time"
)

// Cause is the sort of fault that explains a double.
type Cause string

// The causes, in the order in which they are taken where several fit: what was
// done to the worker itself comes before what was done to Redis.
const (
	ByKill  Cause = "a kill of its worker between send and record"
	ByStop  Cause = "a worker that stood still (SIGSTOP)"
	ByCut   Cause = "a worker that was cut off from Redis"
	ByTerm  Cause = "a clean stop of its worker"
	ByRedis Cause = "Redis: killed, stopped, or another master in its place"
)

var causes = []Cause{ByKill, ByStop, ByCut, ByTerm, ByRedis}

// A worker writes its record some milliseconds after the answer. recordTime is
// what a loaded machine is given for it. settleTime is for what lags behind a
// fault's own end: a request of a worker that was just killed is still answered,
// connections to a Redis that is back have to be made anew.
//
// A failover is explained by the same two. What a master confirmed and its
// replicas did not hear is forgotten, and the outage begins before the replicas
// are made deaf (see [lag]). It ends with the new master's first service, not
// with the old one's return some seconds later.
const (
	recordTime = 2 * time.Second
	settleTime = time.Second
)

// explain says why a delivery that worker was told 2xx at at may have been made
// again: between that answer and its record the worker died, stood still or was
// cut off, or Redis was away. why is "" if nothing fits.
func explain(list []outage, worker string, at time.Time) (cause Cause, why string) {
	for _, want := range causes {
		for _, x := range list {
			if x.cause(worker) == want && at.Before(x.over().Add(settleTime)) && at.Add(recordTime).After(x.from) {
				return want, fmt.Sprintf("%s of %s, %s the answer", x.kind, x.target, offset(x.from.Sub(at)))
			}
		}
	}
	return "", ""
}

// cause is what the outage is to a worker, "" if nothing.
func (o outage) cause(worker string) Cause {
	switch {
	case o.target == redisTarget:
		return ByRedis
	case o.target != worker:
		return ""
	}
	switch o.kind {
	case Kill:
		return ByKill
	case Stop:
		return ByStop
	case CutHang, CutReset:
		return ByCut
	case Term:
		return ByTerm
	}
	return ""
}

func offset(d time.Duration) string {
	if d < 0 {
		return fmt.Sprintf("%d ms before", -d.Milliseconds())
	}
	return fmt.Sprintf("%d ms after", d.Milliseconds())
}
