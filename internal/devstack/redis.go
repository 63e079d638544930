package devstack

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// tick is how often the embedded Redis is told what time it is. What lives in
// it for a while may end this much early.
const tick = 100 * time.Millisecond

// embedded is a Redis in memory, on a free port of loopback. miniredis tells
// the time by itself (TIME, EXPIREAT) but lets nothing expire unless told to.
type embedded struct {
	server *miniredis.Miniredis
	passwd string
	stop   chan struct{}
	wg     sync.WaitGroup
}

func startRedis() (*embedded, error) {
	// A password, because pages of any site can make a browser post to loopback.
	e := &embedded{server: miniredis.NewMiniRedis(), passwd: rand.Text(), stop: make(chan struct{})}
	e.server.RequireAuth(e.passwd)
	if err := e.server.StartAddr(addr(0)); err != nil {
		return nil, fmt.Errorf("starting the embedded Redis: %w", err)
	}
	e.wg.Add(1)
	go e.run()
	return e, nil
}

// run lets TTLs run down. miniredis can do so by itself, but then goes through
// all keys at every command.
func (e *embedded) run() {
	defer e.wg.Done()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-e.stop:
			return
		case <-ticker.C:
			now := time.Now()
			e.server.FastForward(now.Sub(last))
			last = now
		}
	}
}

func (e *embedded) url() string {
	u := url.URL{Scheme: "redis", User: url.UserPassword("", e.passwd), Host: e.server.Addr(), Path: "/0"}
	return u.String()
}

func (e *embedded) close() {
	close(e.stop)
	e.wg.Wait()
	e.server.Close()
}
