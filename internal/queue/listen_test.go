package queue

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"accessrelay/internal/redistest"
)

// TestListenerLeavesServerThatStandsStill: messages are heard again although
// the server that had the subscription neither answers nor closes it.
func TestListenerLeavesServerThatStandsStill(t *testing.T) {
	t.Parallel()
	s := redistest.StartSentinel(t)
	hosts, name, _ := strings.Cut(strings.TrimPrefix(s.URL(), "redis-sentinel://"), "/")
	rdb := redis.NewFailoverClient(&redis.FailoverOptions{
		SentinelAddrs: strings.Split(hosts, ","), MasterName: name, DisableIdentity: true,
		DialTimeout: time.Second, ReadTimeout: time.Second, ContextTimeoutEnabled: true,
	})
	t.Cleanup(func() { _ = rdb.Close() })
	heard := make(chan string, 1)
	l := newListener(rdb, []string{"news"}, func(channel string) {
		select {
		case heard <- channel:
		default:
		}
	})
	l.start()
	defer l.close()
	hears := func(what string) {
		t.Helper()
		deadline := time.After(20 * time.Second)
		again := time.NewTicker(50 * time.Millisecond)
		defer again.Stop()
		for {
			select {
			case <-heard:
				return
			case <-deadline:
				t.Fatalf("nothing is heard %s", what)
			case <-again.C:
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				_ = rdb.Publish(ctx, "news", "").Err() // fails while there is no master
				cancel()
			}
		}
	}
	hears("of the subscription")
	hears("of a message")
	old := s.Master()
	old.Pause()
	for deadline := time.Now().Add(20 * time.Second); s.Master() == old; {
		if time.Now().After(deadline) {
			t.Fatal("no other master")
		}
		time.Sleep(10 * time.Millisecond)
	}
	select {
	case <-heard: // of the time before
	default:
	}
	hears("once another is master")
}
