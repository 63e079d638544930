package redisconn

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/redistest"

	"github.com/redis/go-redis/v9"
)

// answers stands in for servers that cannot be had here: it answers INFO by
// section and everything else with success, without a connection.
type answers map[string]string

func (answers) DialHook(next redis.DialHook) redis.DialHook { return next }

func (answers) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(context.Context, []redis.Cmder) error { return nil }
}

func (a answers) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(_ context.Context, cmd redis.Cmder) error {
		if c, ok := cmd.(*redis.StringCmd); ok && cmd.Name() == "info" {
			c.SetVal(a[cmd.Args()[1].(string)])
		}
		return nil
	}
}

func TestCheckNode(t *testing.T) {
	const fine = "# Memory\r\nmaxmemory_human:0B\r\nmaxmemory_policy:noeviction\r\n"
	tests := []struct{ name, server, memory, want string }{
		{"7.0", "# Server\r\nredis_version:7.0.0\r\n", fine, ""},
		{"8", "redis_version:8.2.1\r\n", fine, ""},
		{"valkey", "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1\r\n", fine, ""},
		{"old", "redis_version:6.2.14\r\n", fine, "unsuitable Redis: version 6.2.14; at least 7.0 is needed"},
		{"silent", "# Server\r\n", fine, "unsuitable Redis: it does not say its redis_version in INFO"},
		{"evicting", "redis_version:7.0.15\r\n", "maxmemory_policy:volatile-lru\r\n",
			"unsuitable Redis: maxmemory-policy is volatile-lru, which silently drops events when memory is full; " +
				"set it to noeviction (redis.conf, or CONFIG SET maxmemory-policy noeviction)"},
		{"no policy", "redis_version:7.0.15\r\n", "used_memory:1\r\n", "unsuitable Redis: it does not say its maxmemory_policy in INFO"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rdb := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
			defer rdb.Close()
			rdb.AddHook(answers{"server": tt.server, "memory": tt.memory})
			err := Check(t.Context(), rdb)
			if tt.want == "" {
				if err != nil {
					t.Errorf("Check = %v", err)
				}
				return
			}
			if err == nil || err.Error() != tt.want || !errors.Is(err, ErrUnsuitable) {
				t.Errorf("Check = %v\nwant    %s", err, tt.want)
			}
		})
	}
}

func TestCheckARealServer(t *testing.T) {
	srv := redistest.Start(t)
	if err := Check(t.Context(), srv.Client()); err != nil {
		t.Errorf("Check: %v", err)
	}
	if err := srv.Client().ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err(); err != nil {
		t.Fatal(err)
	}
	if err := Check(t.Context(), srv.Client()); !errors.Is(err, ErrUnsuitable) {
		t.Errorf("Check of an evicting server = %v, want ErrUnsuitable", err)
	}
}

// A number of a database that is not there is never there later.
func TestCheckOfADatabaseThatIsNotThere(t *testing.T) {
	srv := redistest.Start(t, "--databases", "4")
	alone, node, watched := srv.Addr(), redistest.StartCluster(t).Addr(), redistest.StartSentinel(t).URL()
	tests := []struct {
		url string
		ok  bool
	}{
		{"redis://" + alone, true},
		{"redis://" + alone + "/3", true},
		{"redis://" + alone + "/4", false},
		{"redis://" + alone + "/99", false},
		{"redis://" + alone + "?db=99", false},
		{"redis://" + alone + "/2147483648", false},
		{"redis://" + alone + "/9223372036854775807", false},
		{"redis://" + node + "/0", true},
		{"redis://" + node + "/1", false},
		{watched, true},
		{watched + "/99", false},
	}
	for _, tt := range tests {
		_, err := Admit(t.Context(), open(t, tt.url), Terms{Role: Ingest}, quiet())
		if tt.ok && err != nil {
			t.Errorf("%s: %v", tt.url, err)
		}
		if !tt.ok && (!errors.Is(err, ErrUnsuitable) || !strings.HasPrefix(err.Error(), "unsuitable Redis: it does not have the database that the URL names; ")) {
			t.Errorf("%s: %v, want ErrUnsuitable that says so", tt.url, err)
		}
	}
}

func TestCheckARealCluster(t *testing.T) {
	srv := redistest.StartCluster(t)
	rdb := open(t, "redis-cluster://"+srv.Addr())
	if err := Check(t.Context(), rdb); err != nil {
		t.Errorf("Check: %v", err)
	}
	if err := srv.Client().ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err(); err != nil {
		t.Fatal(err)
	}
	err := Check(t.Context(), rdb)
	if !errors.Is(err, ErrUnsuitable) || !strings.HasPrefix(err.Error(), "checking the cluster: node ") {
		t.Errorf("Check of an evicting cluster = %v, want ErrUnsuitable that names the node", err)
	}
}

func TestCheckWithoutAServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err = Check(ctx, open(t, "redis://:s3cret@"+addr+"?max_retries=-1"))
	if err == nil || errors.Is(err, ErrUnsuitable) || !strings.HasPrefix(err.Error(), "asking Redis for its version: ") {
		t.Errorf("Check = %v, want one that waiting may mend", err)
	}
	if err != nil && strings.Contains(err.Error(), "s3cret") {
		t.Errorf("the error shows the password: %v", err)
	}
}
