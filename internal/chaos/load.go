package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"accessrelay/internal/sender"
)

// How a sender behaves: it gives an answer two seconds, and repeats the same
// body, at any ingest, until it is told 200.
const (
	sendTimeout  = 2 * time.Second
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = 5 * time.Second
	tokenTTL     = time.Hour

	// atOnce is how many tries are under way at a time. Without a bound all that
	// an outage held up would come at once, and again and again: platforms have
	// queues of their own.
	atOnce = 64
)

// load sends all events.
type load struct {
	site   *site
	ledger *ledger
	hooks  []string // base URLs of the ingests
	client *http.Client
	places chan struct{} // taken during a try

	mu      sync.Mutex
	token   string
	expires time.Time
}

func newLoad(s *site, l *ledger, hooks []string) *load {
	return &load{site: s, ledger: l, hooks: hooks, places: make(chan struct{}, atOnce), client: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 30 * time.Second},
		Timeout:   sendTimeout,
	}}
}

// run sends the events evenly over d, and returns when all are acknowledged or
// ctx has ended.
func (l *load) run(ctx context.Context, d time.Duration) {
	defer l.client.CloseIdleConnections()
	var wg sync.WaitGroup
	defer wg.Wait()
	begun, events := time.Now(), len(l.ledger.events)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for n := range events {
		timer.Reset(time.Until(begun.Add(d * time.Duration(n) / time.Duration(events))))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		wg.Go(func() { l.deliver(ctx, n) })
	}
}

// deliver is one sender with one event.
func (l *load) deliver(ctx context.Context, n int) {
	body := l.site.body(n)
	for wait := firstBackoff; ; wait = min(2*wait, lastBackoff) {
		select {
		case <-ctx.Done():
			return
		case l.places <- struct{}{}:
		}
		id, outcome := l.try(ctx, n, body)
		<-l.places
		if ctx.Err() != nil && outcome != "200" {
			return
		}
		l.ledger.tried(n, outcome)
		if outcome == "200" {
			l.ledger.acknowledged(n, id, time.Now())
			return
		}
		timer := time.NewTimer(wait/2 + rand.N(wait))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// try sends once, to an ingest at random.
func (l *load) try(ctx context.Context, n int, body []byte) (id, outcome string) {
	token, err := l.bearer()
	if err != nil {
		return "", "no token"
	}
	url := l.hooks[rand.IntN(len(l.hooks))] + "/v1/hooks/" + l.site.tenantOf(n).source
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return "", "no request"
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := l.client.Do(req)
	if err != nil {
		return "", kindOf(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return "", kindOf(err) // the status arrived, and still it is not the whole answer
	}
	return resp.Header.Get("Accessrelay-Event-Id"), fmt.Sprint(resp.StatusCode)
}

// kindOf is why a try got no answer.
func kindOf(err error) string {
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	}
	return "cut off"
}

// bearer is a token that is good for a while.
func (l *load) bearer() (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); now.After(l.expires) {
		token, err := l.site.signer.Token(sender.Claims{TTL: tokenTTL}, now)
		if err != nil {
			return "", err
		}
		l.token, l.expires = token, now.Add(tokenTTL/2)
	}
	return l.token, nil
}
