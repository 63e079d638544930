package queue

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// silence is after how long without a message a server is asked whether it is
// still there, and after how long without an answer it is left.
const silence = 3 * time.Second

// listener hears messages for as long as there is a server to send them. It asks
// one that is silent for a sign of life: go-redis only sends a PING and does not
// mind if nothing comes back, so a subscription to a machine that was lost, or to
// a master that stands still while another took its place, would hear nothing
// until TCP gives up, a quarter of an hour later.
type listener struct {
	rdb      redis.UniversalClient
	channels []string
	// heard is called for each message, and for each channel once it is
	// subscribed to (again): messages may have been missed.
	heard func(channel string)

	done chan struct{} // closed by close
	mu   sync.Mutex
	sub  *redis.PubSub
	wg   sync.WaitGroup
}

func newListener(rdb redis.UniversalClient, channels []string, heard func(channel string)) *listener {
	return &listener{rdb: rdb, channels: channels, heard: heard, done: make(chan struct{})}
}

func (l *listener) start() {
	l.wg.Add(1)
	go func() {
		defer l.wg.Done()
		for l.subscribe() {
			l.follow()
		}
	}()
}

// close returns when nothing more will be heard.
func (l *listener) close() {
	l.mu.Lock()
	close(l.done)
	if l.sub != nil {
		_ = l.sub.Close() // ends its receive
	}
	l.mu.Unlock()
	l.wg.Wait()
}

// subscribe begins afresh, on the server that is now the one to ask. It reports
// false once the listener is closed.
func (l *listener) subscribe() bool {
	sub := l.rdb.Subscribe(context.Background(), l.channels...) // what fails is tried again by the receive
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sub != nil {
		_ = l.sub.Close()
	}
	l.sub = sub
	if l.isClosed() {
		_ = sub.Close()
		return false
	}
	return true
}

// follow returns when the server does not answer or the listener is closed.
func (l *listener) follow() {
	asked := false
	for {
		m, err := l.sub.ReceiveTimeout(context.Background(), silence)
		var late net.Error
		switch {
		case err == nil:
			asked = false
			switch m := m.(type) {
			case *redis.Message:
				l.heard(m.Channel)
			case *redis.Subscription:
				l.heard(m.Channel)
			}
		case errors.Is(err, redis.ErrClosed):
			return
		case errors.As(err, &late) && late.Timeout() && !asked:
			asked = true
			ctx, cancel := context.WithTimeout(context.Background(), silence)
			_ = l.sub.Ping(ctx) // what counts is the answer
			cancel()
		default:
			l.pause()
			return
		}
	}
}

// pause keeps a Redis that is gone from being dialled without end.
func (l *listener) pause() {
	timer := time.NewTimer(errorPause)
	defer timer.Stop()
	select {
	case <-l.done:
	case <-timer.C:
	}
}

func (l *listener) isClosed() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}
