package authn

import (
	"context"
	"errors"
)

// maxWaiting is how many requests may wait for one fetch. Each holds its body,
// so that they are bounded in bytes too, while a burst after a rotation still
// finds room.
const maxWaiting = 64

var errManyWait = errors.New("too many requests wait already")

// refresh waits for the fetch under way. If there is none it asks for one,
// unless a request did so less than demandEvery ago: then it returns at once.
// So it does when maxWaiting requests wait already: while a provider hangs,
// their number must not grow with that of the requests.
func (r *remote) refresh(ctx context.Context) (*keySet, error) {
	flight, err := r.board()
	if flight == nil {
		return r.current(), err
	}
	select {
	case <-flight:
	case <-ctx.Done():
		err = ctx.Err()
	case <-r.done:
	}
	r.mu.Lock()
	r.waiting--
	r.mu.Unlock()
	return r.current(), err
}

// board returns what to wait for, and counts the caller as waiting; nil: there
// is nothing, or too many wait, which is the error.
func (r *remote) board() (<-chan struct{}, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch now := r.now(); {
	case r.waiting >= maxWaiting:
		return nil, errManyWait
	case r.flight != nil:
	case now.Before(r.nextDemand):
		return nil, nil
	default:
		r.nextDemand = now.Add(demandEvery)
		r.flight = make(chan struct{})
		r.kick <- struct{}{} // never blocks: no flight, so nobody has kicked
	}
	r.waiting++
	return r.flight, nil
}
