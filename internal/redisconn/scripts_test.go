package redisconn

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/ack"
	"accessrelay/internal/redistest"

	"github.com/redis/go-redis/v9"
)

// The shapes of asynq's scripts that matter when memory is full: those that begin
// with what needs memory, and one that comes to it after it has deleted.
const (
	enqueueSource = `redis.call("HSET", KEYS[1], "msg", ARGV[1]) redis.call("LPUSH", KEYS[2], ARGV[2]) return 1`
	takeSource    = `return redis.call("RPOPLPUSH", KEYS[1], KEYS[2])`
	retrySource   = `redis.call("LREM", KEYS[1], 0, ARGV[1]) redis.call("ZADD", KEYS[2], 1, ARGV[1]) return 1`
	lookupSource  = `return redis.call("HMGET", KEYS[1], "msg", "state")`
)

// fill makes the server refuse what needs memory, and returns what undoes it.
func fill(tb testing.TB, s *redistest.Server) (empty func()) {
	tb.Helper()
	set := func(v string) {
		tb.Helper()
		if err := s.Client().ConfigSet(context.Background(), "maxmemory", v).Err(); err != nil {
			tb.Fatal(err)
		}
	}
	set("1")
	if err := s.Client().Set(tb.Context(), "x", "v", 0).Err(); !isFull(err) {
		tb.Fatalf("the server is not full: %v", err)
	}
	return func() { set("0") }
}

// dump is all that a server holds.
func dump(tb testing.TB, s *redistest.Server) map[string]string {
	tb.Helper()
	out := map[string]string{}
	for _, k := range s.Client().Keys(tb.Context(), "*").Val() {
		out[k] = s.Client().Dump(tb.Context(), k).Val()
	}
	return out
}

func seedActive(tb testing.TB, s *redistest.Server) {
	tb.Helper()
	if err := s.Client().RPush(tb.Context(), "asynq:{q}:active", "id", "other").Err(); err != nil {
		tb.Fatal(err)
	}
	if err := s.Client().RPush(tb.Context(), "asynq:{q}:pending", "waits").Err(); err != nil {
		tb.Fatal(err)
	}
}

var retryKeys = []string{"asynq:{q}:active", "asynq:{q}:retry"}

// Without the option a full Redis lets nobody take a task, for that is a write
// that needs memory. This proves that the other tests can fail. It also shows
// what Redis does by itself: it refuses a script at its first write or not at all.
func TestWithoutTheOptionAFullRedisCannotBeDrained(t *testing.T) {
	s := redistest.Start(t)
	seedActive(t, s)
	fill(t, s)
	rdb := openWith(t, s.URL())
	before := dump(t, s)
	take := redis.NewScript(takeSource)
	if err := take.Run(t.Context(), rdb, []string{"asynq:{q}:active", "asynq:{q}:taken"}).Err(); !isFull(err) {
		t.Errorf("take: %v, want OOM", err)
	}
	if !maps.Equal(dump(t, s), before) {
		t.Error("a script that was refused wrote something")
	}
	if err := redis.NewScript(retrySource).Run(t.Context(), rdb, retryKeys, "id").Err(); err != nil {
		t.Errorf("a script whose first write needs no memory: %v", err)
	}
	if s.Client().ZCard(t.Context(), "asynq:{q}:retry").Val() != 1 {
		t.Error("it was stopped in the middle")
	}
}

func TestIngestIsRefusedWhole(t *testing.T) {
	s := redistest.Start(t)
	seedActive(t, s)
	rdb := openWith(t, s.URL(), ForIngest())
	enqueue, retry := redis.NewScript(enqueueSource), redis.NewScript(retrySource)
	if err := enqueue.Run(t.Context(), rdb, []string{"asynq:{q}:t:a", "asynq:{q}:pending"}, "m", "a").Err(); err != nil {
		t.Fatalf("before Redis is full: %v", err)
	}
	empty := fill(t, s)
	before := dump(t, s)
	for range 3 {
		err := enqueue.Run(t.Context(), rdb, []string{"asynq:{q}:t:b", "asynq:{q}:pending"}, "m", "b").Err()
		if !isFull(err) {
			t.Errorf("enqueue: %v, want OOM", err)
		}
		if err := retry.Run(t.Context(), rdb, retryKeys, "id").Err(); !isFull(err) {
			t.Errorf("retry: %v, want OOM", err)
		}
		if err := rdb.SAdd(t.Context(), "asynq:queues", "q").Err(); !isFull(err) {
			t.Errorf("SADD: %v, want OOM", err)
		}
	}
	if !maps.Equal(dump(t, s), before) {
		t.Errorf("something was written: %q, was %q", slices.Collect(maps.Keys(dump(t, s))), slices.Collect(maps.Keys(before)))
	}
	// Looking a task up, and what gives memory back.
	if v, err := redis.NewScript(lookupSource).Run(t.Context(), rdb, []string{"asynq:{q}:t:a"}).Slice(); err != nil || v[0] != "m" {
		t.Errorf("lookup: %v, %v", v, err)
	}
	err := redis.NewScript(`redis.call("SET", KEYS[1], "1") return redis.call("DEL", KEYS[1])`).Run(t.Context(), rdb, []string{"ar:x"}).Err()
	if err != nil {
		t.Errorf("our own script: %v", err)
	}
	empty()
	if err := enqueue.Run(t.Context(), rdb, []string{"asynq:{q}:t:b", "asynq:{q}:pending"}, "m", "b").Err(); err != nil {
		t.Errorf("when Redis is no longer full: %v", err)
	}
}

func TestAWorkerGoesOnWhenRedisIsFull(t *testing.T) {
	for name, opts := range map[string][]Option{"plain": {ForWorker()}, "confirmed": {ForWorker(), WithAck(ack.Fsync)}} {
		t.Run(name, func(t *testing.T) {
			s := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
			seedActive(t, s)
			rdb := openWith(t, s.URL(), opts...)
			fill(t, s)
			ctx := ack.Required(within(t, 20*time.Second))
			take := redis.NewScript(takeSource)
			if id, err := take.Run(ctx, rdb, []string{"asynq:{q}:pending", "asynq:{q}:active"}).Result(); err != nil || id != "waits" {
				t.Errorf("take: %v, %v", id, err)
			}
			if err := redis.NewScript(retrySource).Run(ctx, rdb, retryKeys, "id").Err(); err != nil {
				t.Errorf("retry: %v", err)
			}
			if n := s.Client().ZCard(ctx, "asynq:{q}:retry").Val(); n != 1 {
				t.Errorf("%d tasks wait for their retry", n)
			}
			// Single writes, each with the answer that it would have had.
			if n, err := rdb.SAdd(ctx, "asynq:queues", "a", "b").Result(); err != nil || n != 2 {
				t.Errorf("SADD = %d, %v", n, err)
			}
			if n, err := rdb.ZAdd(ctx, "z", redis.Z{Score: 1.5, Member: "m"}).Result(); err != nil || n != 1 {
				t.Errorf("ZADD = %d, %v", n, err)
			}
			if n, err := rdb.ZIncrBy(ctx, "z", 2, "m").Result(); err != nil || n != 3.5 {
				t.Errorf("ZINCRBY = %v, %v", n, err)
			}
			if n, err := rdb.ZAddXX(ctx, "z", redis.Z{Score: 7, Member: "m"}).Result(); err != nil || n != 0 {
				t.Errorf("ZADD XX = %d, %v", n, err)
			}
			if v, err := rdb.Set(ctx, "s", "v", time.Minute).Result(); err != nil || v != "OK" {
				t.Errorf("SET = %q, %v", v, err)
			}
			if ok, err := rdb.SetNX(ctx, "s", "w", time.Minute).Result(); err != nil || ok {
				t.Errorf("SET NX of what is there = %v, %v", ok, err)
			}
			if ok, err := rdb.SetNX(ctx, "n", "w", time.Minute).Result(); err != nil || !ok {
				t.Errorf("SET NX = %v, %v", ok, err)
			}
			if v, err := rdb.GetSet(ctx, "s", "new").Result(); err != nil || v != "v" {
				t.Errorf("GETSET = %q, %v", v, err)
			}
			if v, err := rdb.Do(ctx, "HSET", "h", "f", "v").Int(); err != nil || v != 1 {
				t.Errorf("HSET = %d, %v", v, err)
			}
			if err := rdb.LPush(ctx, "z", "v").Err(); !redis.HasErrorPrefix(err, "WRONGTYPE") {
				t.Errorf("a command that is wrong anyway: %v", err)
			}
			if _, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error { p.Set(ctx, "p", "v", 0); return nil }); !isFull(err) {
				t.Errorf("a pipeline: %v, want OOM as documented", err)
			}
		})
	}
}

// Redis forgets scripts when it restarts, and a failover leads to a server that
// has never seen them.
func TestScriptsAreSentAgain(t *testing.T) {
	s := redistest.Start(t)
	script := redis.NewScript(`return redis.call("INCR", KEYS[1])`)
	own := redis.NewScript("#!lua flags=allow-oom\nreturn redis.call('INCR', KEYS[1])")
	for name, rdb := range map[string]redis.UniversalClient{
		"ingest": openWith(t, s.URL(), ForIngest()), "worker": openWith(t, s.URL(), ForWorker()),
	} {
		for round := range 3 {
			for i, sc := range []*redis.Script{script, own} {
				key := fmt.Sprint("ar:", name, i)
				if n, err := sc.Run(t.Context(), rdb, []string{key}).Int(); err != nil || n != round+1 {
					t.Errorf("%s, round %d: %d, %v", name, round, n, err)
				}
			}
			if err := s.Client().ScriptFlush(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if has := s.Client().ScriptExists(t.Context(), script.Hash()).Val(); has[0] {
		t.Error("the script was sent as it was")
	}
}

func TestScriptsThroughCluster(t *testing.T) {
	c := redistest.StartClusterOf(t, 3, 0)
	rdb := openWith(t, c.URL(), ForWorker())
	script := redis.NewScript(retrySource)
	for _, n := range c.Nodes() {
		if err := n.Client().ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 12 {
		keys := []string{fmt.Sprintf("asynq:{q%d}:active", i), fmt.Sprintf("asynq:{q%d}:retry", i)}
		if err := script.Run(t.Context(), rdb, keys, "id").Err(); err != nil {
			t.Errorf("retry of queue %d: %v", i, err)
		}
		if n, err := rdb.SAdd(t.Context(), fmt.Sprint("s", i), "m").Result(); err != nil || n != 1 {
			t.Errorf("SADD %d = %d, %v", i, n, err)
		}
	}
	cmds, err := rdb.Pipelined(t.Context(), func(p redis.Pipeliner) error {
		for i := range 6 {
			script.Eval(t.Context(), p, []string{fmt.Sprintf("asynq:{q%d}:active", i), fmt.Sprintf("asynq:{q%d}:retry", i)}, "id2")
		}
		return nil
	})
	if err != nil || len(cmds) != 6 {
		t.Errorf("a pipeline of scripts: %v", err)
	}
}

// What the caller gave is the caller's: hooks around see it, and it is sent again.
func TestArgumentsAreRestored(t *testing.T) {
	s := redistest.Start(t)
	rdb := openWith(t, s.URL(), ForIngest())
	cmd := redis.NewCmd(t.Context(), "eval", lookupSource, 1, "asynq:{q}:t:a")
	if err := rdb.Process(t.Context(), cmd); err != nil {
		t.Fatal(err)
	}
	if got := cmd.Args()[1]; got != lookupSource {
		t.Errorf("the source is now %q", got)
	}
}

func TestMayWrite(t *testing.T) {
	for source, want := range map[string]bool{
		lookupSource: false, enqueueSource: true, retrySource: true,
		`return redis.call( 'GET' , KEYS[1])`:  false,
		`return redis.call(ARGV[1], KEYS[1])`:  true,
		`redis.pcall("del", KEYS[1]) return 1`: true,
		`return 1`:                             false,
	} {
		if got := mayWrite(source); got != want {
			t.Errorf("mayWrite(%s) = %v", source, got)
		}
	}
}

func TestReadiness(t *testing.T) {
	s := redistest.Start(t)
	gate := func(r Role) *Gate {
		t.Helper()
		o := ForIngest()
		if r == Worker {
			o = ForWorker()
		}
		g, err := Admit(t.Context(), openWith(t, s.URL(), o), Terms{Role: r}, quiet())
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	ingest, worker := gate(Ingest), gate(Worker)
	check := func(when, wantIngest, wantWorker string) {
		t.Helper()
		for _, c := range []struct {
			name, want string
			g          *Gate
		}{{"ingest", wantIngest, ingest}, {"worker", wantWorker, worker}} {
			err := c.g.Check(within(t, 5*time.Second))
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%s, %s: %v, want %q", when, c.name, err, c.want)
			}
		}
	}
	config := func(name, v string) {
		t.Helper()
		if err := s.Client().ConfigSet(t.Context(), name, v).Err(); err != nil {
			t.Fatal(err)
		}
	}
	before := dump(t, s)
	check("at first", "", "")
	empty := fill(t, s)
	check("full", "Redis is full", "")
	empty()
	check("no longer full", "", "")
	used, err := strconv.Atoi(field(s.Client().Info(t.Context(), "memory").Val(), "used_memory"))
	if err != nil {
		t.Fatal(err)
	}
	config("maxmemory", strconv.Itoa(used+(40<<10)))
	check("with room for less than an event", "Redis is full", "")
	config("maxmemory", strconv.Itoa(used+(8<<20)))
	check("with room for some", "", "")
	config("maxmemory", "0")
	config("min-replicas-to-write", "1")
	check("without replicas", "min-replicas-to-write", "min-replicas-to-write")
	config("min-replicas-to-write", "0")
	check("with replicas enough", "", "")
	if err := s.Client().Do(t.Context(), "REPLICAOF", "127.0.0.1", "1").Err(); err != nil {
		t.Fatal(err)
	}
	check("as a replica", "Redis is a replica", "Redis is a replica")
	if err := s.Client().Do(t.Context(), "REPLICAOF", "NO", "ONE").Err(); err != nil {
		t.Fatal(err)
	}
	check("as a master again", "", "")
	if !maps.Equal(dump(t, s), before) {
		t.Error("the probe left something")
	}
}

func TestReadinessWithReplicas(t *testing.T) {
	master, replica := pair(t)
	terms := Terms{Role: Ingest, Ack: ack.Replicas(2)}
	g, err := Admit(t.Context(), openWith(t, master.URL(), WithAck(terms.Ack)), terms, quiet())
	if err != nil {
		t.Fatalf("too few replicas at the start: %v, want a warning only", err)
	}
	if err := g.Check(t.Context()); err == nil || errors.Is(err, ErrUnsuitable) || !strings.Contains(err.Error(), "1 of the 2 replicas that --ack=replicas:2") {
		t.Errorf("Check = %v", err)
	}
	terms.Ack = ack.Replicas(1)
	g, err = Admit(t.Context(), openWith(t, master.URL(), WithAck(terms.Ack)), terms, quiet())
	if err != nil || g.Check(t.Context()) != nil {
		t.Errorf("with enough: %v", err)
	}
	replica.Kill()
	eventually(t, "the lost replica is seen", func() bool { return g.Check(t.Context()) != nil })
}

func TestReplicasOfInfo(t *testing.T) {
	const info = "role:master\r\nconnected_slaves:4\r\nslave0:ip=1.2.3.4,port=1,state=online,offset=1,lag=0\r\n" +
		"slave1:ip=1.2.3.4,port=2,state=wait_bgsave,offset=1,lag=0\r\nslave2:ip=1.2.3.4,port=3,state=online,offset=1,lag=11\r\n" +
		"slave3:ip=1.2.3.4,port=3,state=online,offset=1,lag=10\r\nslave_read_only:1\r\n"
	if n := replicas(info); n != 2 {
		t.Errorf("replicas = %d, want those that are online and were heard of", n)
	}
}

func TestReadinessOfTheEmbeddedRedis(t *testing.T) {
	g, err := Admit(t.Context(), redistest.Backends(t)["miniredis"], Terms{Embedded: true, Role: Ingest}, quiet())
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Check(t.Context()); err != nil {
		t.Errorf("Check = %v", err)
	}
}
