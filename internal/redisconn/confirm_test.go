package redisconn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"accessrelay/internal/ack"
	"accessrelay/internal/redistest"

	"github.com/redis/go-redis/v9"
)

// The pool is warm and the only replica stands still: of 64 that write at once
// nobody may be told that a replica has it, whichever connection asks.
func TestReplicasUnderAWarmPool(t *testing.T) {
	master, replica := pair(t)
	rdb := openWith(t, master.URL()+"?pool_size=64", ForIngest(), WithAck(ack.Replicas(1)))
	script := redis.NewScript(`return redis.call("SET", KEYS[1], ARGV[1])`)
	const callers = 64
	write := func(round string) []error {
		errs := make([]error, callers)
		var wg sync.WaitGroup
		for i := range callers {
			wg.Go(func() {
				// Longer than a wait for replicas by far: each has Redis' own answer.
				ctx, cancel := context.WithTimeout(ack.Required(context.Background()), 5*longestWait)
				defer cancel()
				key := fmt.Sprint("ar:", round, i)
				if i%2 == 0 {
					errs[i] = script.Run(ctx, rdb, []string{key}, "v").Err()
				} else {
					errs[i] = rdb.Set(ctx, key, "v", 0).Err()
				}
			})
		}
		wg.Wait()
		return errs
	}
	for i, err := range write("warm") {
		if err != nil {
			t.Fatalf("caller %d with the replica running: %v", i, err)
		}
	}
	replica.Pause()
	start := time.Now()
	for i, err := range write("stopped") {
		if !errors.Is(err, ack.ErrNotReached) || !strings.Contains(err.Error(), "0 of 1 replicas") {
			t.Errorf("caller %d with the replica stopped: %v", i, err)
		}
	}
	if took := time.Since(start); took > 6*time.Second {
		t.Errorf("64 callers that waited for %v each took %v", longestWait, took)
	}
	if err := rdb.Set(within(t, 5*time.Second), "unmarked", "v", 0).Err(); err != nil {
		t.Errorf("a write without the mark: %v", err)
	}
	if err := rdb.Get(ack.Required(within(t, 5*time.Second)), "unmarked").Err(); err != nil {
		t.Errorf("a read with the mark: %v", err)
	}
	replica.Resume()
	eventually(t, "the replica has caught up", func() bool { return write("again")[0] == nil })
}

// Redis is so slow that the caller's time is up before it answers: the caller is
// told that nothing is confirmed, and why.
func TestAnAnswerThatIsTooLateConfirmsNothing(t *testing.T) {
	master, _ := pair(t)
	rdb := openWith(t, master.URL(), WithAck(ack.Replicas(1)))
	if err := rdb.Ping(t.Context()).Err(); err != nil { // connected
		t.Fatal(err)
	}
	master.Pause()
	defer master.Resume()
	script := redis.NewScript(`return redis.call("SET", KEYS[1], ARGV[1])`)
	for name, write := range map[string]func(ctx context.Context) error{
		"command": func(ctx context.Context) error { return rdb.Set(ctx, "ar:k", "v", 0).Err() },
		"script":  func(ctx context.Context) error { return script.Run(ctx, rdb, []string{"ar:k"}, "v").Err() },
	} {
		err := write(ack.Required(within(t, 300*time.Millisecond)))
		if !errors.Is(err, ack.ErrNotReached) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v, want ErrNotReached for the deadline", name, err)
		}
	}
}

// A write whose answer got lost is repeated and finds itself done, on a
// connection that has written nothing: that must not pass for confirmed.
func TestARepeatThatWritesNothingIsConfirmedToo(t *testing.T) {
	master, replica := pair(t)
	replica.Pause()
	defer replica.Resume()
	if err := master.Client().Set(t.Context(), "ar:k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	rdb := openWith(t, master.URL(), WithAck(ack.Replicas(1)))
	if err := rdb.Ping(t.Context()).Err(); err != nil { // connected
		t.Fatal(err)
	}
	const once = `return redis.call("SETNX", KEYS[1], ARGV[1])`
	err := rdb.Eval(ack.Required(within(t, time.Second)), once, []string{"ar:k"}, "v").Err()
	if !errors.Is(err, ack.ErrNotReached) {
		t.Errorf("got %v, want ErrNotReached", err)
	}
}

func TestPipelinesAreConfirmed(t *testing.T) {
	master, replica := pair(t)
	rdb := openWith(t, master.URL(), WithAck(ack.Replicas(1)))
	ways := map[string]func(context.Context, func(redis.Pipeliner) error) ([]redis.Cmder, error){
		"pipeline": rdb.Pipelined, "transaction": rdb.TxPipelined,
	}
	for name, run := range ways {
		write := func(p redis.Pipeliner) error { p.Incr(t.Context(), "ar:n"); p.Get(t.Context(), "ar:n"); return nil }
		cmds, err := run(ack.Required(within(t, 5*time.Second)), write)
		if err != nil || cmds[0].(*redis.IntCmd).Val() == 0 {
			t.Errorf("%s with the replica running: %v", name, err)
		}
		replica.Pause()
		cmds, err = run(ack.Required(within(t, 500*time.Millisecond)), write)
		if !errors.Is(err, ack.ErrNotReached) || len(cmds) != 2 || !errors.Is(cmds[0].Err(), ack.ErrNotReached) {
			t.Errorf("%s with the replica stopped: %v, %v", name, err, cmds)
		}
		_, err = run(ack.Required(within(t, 500*time.Millisecond)), func(p redis.Pipeliner) error { p.Get(t.Context(), "ar:n"); return nil })
		if err != nil {
			t.Errorf("%s that only reads: %v", name, err)
		}
		replica.Resume()
	}
}

// go-redis decides by a command's own error what to do next.
func TestACommandsOwnErrorComesFirst(t *testing.T) {
	c := redistest.StartClusterOf(t, 3, 0)
	all := openWith(t, c.URL(), WithAck(ack.Replicas(1)))
	for i := range 6 {
		key := fmt.Sprint("ar:", i)
		err := all.Set(ack.Required(within(t, 500*time.Millisecond)), key, "v", 0).Err()
		got, geterr := all.Get(t.Context(), key).Result()
		if !errors.Is(err, ack.ErrNotReached) || got != "v" {
			t.Errorf("%s through the cluster's client: %v; then %q, %v", key, err, got, geterr)
		}
	}
	moved := 0
	one := openWith(t, c.Nodes()[0].URL(), WithAck(ack.Replicas(1)))
	for i := range 6 {
		if redis.HasErrorPrefix(one.Set(ack.Required(within(t, 500*time.Millisecond)), fmt.Sprint("ar:", i), "v", 0).Err(), "MOVED") {
			moved++
		}
	}
	if moved == 0 {
		t.Error("no MOVED came through")
	}

	s := redistest.Start(t)
	rdb := openWith(t, s.URL(), WithAck(ack.Replicas(1)))
	short := ack.Required(within(t, 5*time.Second))
	if err := rdb.EvalSha(short, strings.Repeat("0", 40), nil).Err(); !errors.Is(err, redis.ErrNoScript) {
		t.Errorf("an unknown script: %v", err)
	}
	if err := rdb.LPush(short, "ar:list", "v").Err(); !errors.Is(err, ack.ErrNotReached) {
		t.Errorf("a write without a replica: %v", err)
	}
	if err := rdb.Incr(short, "ar:list").Err(); !redis.HasErrorPrefix(err, "WRONGTYPE") {
		t.Errorf("a wrong type: %v", err)
	}
}

func TestConfirmedThroughCluster(t *testing.T) {
	c := redistest.StartClusterOf(t, 3, 1)
	rdb := openWith(t, c.URL(), ForIngest(), WithAck(ack.Replicas(1)))
	g, err := Admit(t.Context(), rdb, Terms{Role: Ingest, Ack: ack.Replicas(1)}, quiet())
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "every master has its replica", func() bool { return g.Check(within(t, 5*time.Second)) == nil })
	script := redis.NewScript(`return redis.call("INCR", KEYS[1])`)
	for i := range 30 {
		if err := script.Run(ack.Required(within(t, 5*time.Second)), rdb, []string{fmt.Sprint("ar:", i)}).Err(); err != nil {
			t.Errorf("key %d: %v", i, err)
		}
	}
	for _, n := range c.Nodes() {
		if strings.Contains(n.Client().Info(t.Context(), "replication").Val(), "role:slave") {
			n.Pause()
			defer n.Resume()
		}
	}
	for i := range 6 {
		err := script.Run(ack.Required(within(t, 500*time.Millisecond)), rdb, []string{fmt.Sprint("ar:", i)}).Err()
		if !errors.Is(err, ack.ErrNotReached) {
			t.Errorf("key %d with the replicas stopped: %v", i, err)
		}
	}
}

func TestTheWaitIsNeverForEver(t *testing.T) {
	c := &confirm{longest: longestWait}
	past, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for _, tt := range []struct {
		ctx      context.Context
		min, max int64
	}{
		{t.Context(), 2000, 2000},
		{within(t, time.Hour), 2000, 2000},
		{within(t, 500*time.Millisecond), 300, 350},
		{within(t, 10*time.Millisecond), 1, 5},
		{past, 1, 1},
	} {
		if got := c.limit(tt.ctx); got < tt.min || got > tt.max {
			t.Errorf("limit = %d ms, want %d to %d", got, tt.min, tt.max)
		}
	}
	slow := openWith(t, "redis://127.0.0.1:1?read_timeout=400ms").(*redis.Client)
	if got := newConfirm(ack.Replicas(1), slow).limit(t.Context()); got != 300 {
		t.Errorf("limit = %d ms with a read time-out of 400 ms", got)
	}
}
