package redisconn

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/redistest"

	"github.com/redis/go-redis/v9"
)

func open(t *testing.T, url string) redis.UniversalClient {
	t.Helper()
	if err := CheckURL(url); err != nil {
		t.Errorf("CheckURL(%s): %v", url, err)
	}
	rdb, err := Open(url)
	if err != nil {
		t.Fatalf("Open(%s): %v", url, err)
	}
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

func TestOpenSingle(t *testing.T) {
	tests := []struct {
		url              string
		addr, user, pass string
		db               int
		tls              bool
	}{
		{"redis://127.0.0.1:6379/0", "127.0.0.1:6379", "", "", 0, false},
		{"redis://cache", "cache:6379", "", "", 0, false},
		{"redis://cache/", "cache:6379", "", "", 0, false},
		{"redis://[::1]/2", "[::1]:6379", "", "", 2, false},
		{"redis://[::1]:7000/2", "[::1]:7000", "", "", 2, false},
		{"redis://:p%40ss%2Fw@cache:7000/3", "cache:7000", "", "p@ss/w", 3, false},
		{"redis://relay:a:b@cache", "cache:6379", "relay", "a:b", 0, false},
		{"redis://cache?db=4", "cache:6379", "", "", 4, false},
		{"rediss://relay:pw@cache:7000/1", "cache:7000", "relay", "pw", 1, true},
	}
	for _, tt := range tests {
		t.Run(tt.url, func(t *testing.T) {
			o := open(t, tt.url).(*redis.Client).Options()
			if o.Addr != tt.addr || o.Username != tt.user || o.Password != tt.pass || o.DB != tt.db {
				t.Errorf("got %s %s %s %d", o.Addr, o.Username, o.Password, o.DB)
			}
			if (o.TLSConfig != nil) != tt.tls {
				t.Errorf("TLS = %v, want %v", o.TLSConfig != nil, tt.tls)
			}
			if o.TLSConfig != nil && (o.TLSConfig.InsecureSkipVerify || o.TLSConfig.MinVersion < tls.VersionTLS12) {
				t.Errorf("TLS is lax: %+v", o.TLSConfig)
			}
			if !o.ContextTimeoutEnabled {
				t.Error("a context's deadline is not heeded")
			}
			if o.DialTimeout != dialTimeout || o.ReadTimeout != readTimeout || o.WriteTimeout != writeTimeout || o.PoolTimeout != poolTimeout {
				t.Errorf("time-outs %v %v %v %v", o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout)
			}
		})
	}
}

func TestOpenQueryOptions(t *testing.T) {
	o := open(t, "rediss://cache?pool_size=7&read_timeout=9s&max_retries=5&skip_verify=true").(*redis.Client).Options()
	if o.PoolSize != 7 || o.ReadTimeout != 9*time.Second || o.MaxRetries != 5 || !o.TLSConfig.InsecureSkipVerify {
		t.Errorf("options of the query are not heeded: %+v", o)
	}
	if o.WriteTimeout != writeTimeout {
		t.Errorf("WriteTimeout = %v, want the default", o.WriteTimeout)
	}
}

func TestOpenCluster(t *testing.T) {
	o := open(t, "redis-cluster://relay:pw@h1:7000,h2,[::1]:7002?pool_size=7").(*redis.ClusterClient).Options()
	if want := []string{"h1:7000", "h2:6379", "[::1]:7002"}; !slices.Equal(o.Addrs, want) {
		t.Errorf("Addrs = %v, want %v", o.Addrs, want)
	}
	if o.Username != "relay" || o.Password != "pw" || o.PoolSize != 7 || !o.ContextTimeoutEnabled || o.TLSConfig != nil {
		t.Errorf("options %+v", o)
	}
	o = open(t, "rediss-cluster://h1,h2").(*redis.ClusterClient).Options()
	if o.TLSConfig == nil || o.TLSConfig.ServerName != "" {
		t.Errorf("TLS = %+v, want one that checks each node for its own name", o.TLSConfig)
	}
}

// go-redis does not show the options of a sentinel client, so what parse found
// is looked at, and that a client comes of it.
func TestOpenSentinel(t *testing.T) {
	const url = "redis-sentinel://relay:pw@h1,h2:26000/my-master/2?sentinel_password=spw&pool_size=7"
	o := open(t, url).(*redis.Client).Options()
	if o.DB != 2 || o.Username != "relay" || o.Password != "pw" || o.PoolSize != 7 || !o.ContextTimeoutEnabled {
		t.Errorf("options %+v", o)
	}
	got, err := parse(url)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"h1:26379", "h2:26000"}; !slices.Equal(got.hosts, want) || got.master != "my-master" {
		t.Errorf("parsed %v %s", got.hosts, got.master)
	}
}

func TestOpenRefuses(t *testing.T) {
	const escape = "cannot be read; special characters of the password must be percent-encoded"
	const port = "has a port that is not a number from 1 to 65535; special characters of the password must be percent-encoded"
	tests := []struct{ url, want string }{
		{"", "has no scheme; want redis://host:port/db"},
		{"localhost:6379", "has no scheme; want redis://host:port/db"},
		{"http://s3cret@cache", "has an unknown scheme; want redis, rediss, redis-sentinel, redis-cluster, rediss-sentinel or rediss-cluster"},
		{"redis://", "names no host"},
		{"redis://:s3cret@", "names no host"},
		{"redis://:s3/cret@cache/0", escape},
		{"redis://:s3#cret@cache/0", escape},
		{"redis://:s3?cret@cache/0", escape},
		{"redis://:s3%cret@cache/0", escape},
		{"redis://a:b:s3cret", escape},
		{"redis://user:s3cret", port},
		{"redis://cache:0", port},
		{"redis://cache:70000", port},
		{"redis://cache/s3cret", "has a database that is not a number"},
		{"redis://cache/-1", "has a database that is not a number"},
		{"redis://cache/1/2", "has a path of too many parts; want one database number"},
		{"redis://h1,h2", "names several hosts; that is for redis-sentinel:// and redis-cluster://"},
		{"redis://cache?pool_size=s3cret", "has the query option pool_size, which is unknown or has a bad value"},
		{"redis://cache?poolsize=1", "has the query option poolsize, which is unknown or has a bad value"},
		{"redis://cache?s3cret!=1", "has a query option that is unknown or has a bad value"},
		{"redis://cache?a;b", "has a malformed query"},
		{"redis://cache?skip_verify=true", "has the query option skip_verify, which is for rediss:// only"},
		{"rediss://cache?skip_verify=maybe", "has the query option skip_verify with a value other than true or false"},
		{"redis-sentinel://h1,h2", "names no master; want redis-sentinel://host1,host2/master-name"},
		{"redis-sentinel://h1/m?replica_only=true", "has the query option replica_only, which is not taken here"},
		{"redis-sentinel://h1/m?route_randomly=true", "has the query option route_randomly, which is not taken here"},
		{"redis-cluster://h1,h2/3", "names a database; a cluster has only one"},
		{"redis-cluster://h1,,h2", "names no host"},
		{"redis-cluster://h1?read_only=true", "has the query option read_only, which is not taken here"},
	}
	for _, tt := range tests {
		t.Run(tt.url, func(t *testing.T) {
			rdb, err := Open(tt.url)
			if only := CheckURL(tt.url); only == nil || err != nil && only.Error() != err.Error() {
				t.Errorf("CheckURL: %v; Open: %v", only, err)
			}
			if err == nil {
				_ = rdb.Close()
				t.Fatal("no error")
			}
			if want := "the Redis URL " + tt.want; err.Error() != want {
				t.Errorf("got  %s\nwant %s", err, want)
			}
		})
	}
}

// FuzzOpen looks for a panic and for a password in an error.
func FuzzOpen(f *testing.F) {
	for _, s := range [][3]string{
		{"redis://user:", "@cache:6379/0", ""},
		{"rediss://", "/", "@cache/0?pool_size=1"},
		{"redis-sentinel://:", "@h1,h2:26379/master/1", "?sentinel_password=x"},
		{"redis-cluster://u:", "#@h1,[::1]:7000", "?max_redirects=3"},
		{"redis://h/0?password=", "", "&protocol=3"},
		{"redis://", ":", "@"},
	} {
		f.Add(s[0], s[1], s[2])
	}
	const password = "S3CR3T"
	f.Fuzz(func(t *testing.T, before, after, query string) {
		rdb, err := Open(before + password + after + query)
		if err == nil {
			_ = rdb.Close()
			return
		}
		if strings.Contains(err.Error(), password) {
			t.Errorf("the error shows the password: %v", err)
		}
		if strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("the error is not one line: %q", err)
		}
	})
}

func TestOpenReachesRedis(t *testing.T) {
	srv := redistest.Start(t, "--requirepass", "")
	rdb := open(t, srv.URL())
	ctx := t.Context()
	if err := rdb.Set(ctx, "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if v, err := srv.Client().Get(ctx, "k").Result(); err != nil || v != "v" {
		t.Errorf("the server has %q, %v", v, err)
	}
}

// With the server stopped in its tracks, only the context's deadline helps.
func TestOpenHeedsTheContextsDeadline(t *testing.T) {
	srv := redistest.Start(t)
	rdb := open(t, srv.URL())
	if err := rdb.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	srv.Pause()
	defer srv.Resume()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	err := rdb.Ping(ctx).Err()
	if took := time.Since(start); err == nil || took > readTimeout/2 {
		t.Errorf("Ping = %v after %v, want an error after 200ms", err, took)
	}
	if err != nil && !errors.Is(err, context.DeadlineExceeded) && !strings.Contains(err.Error(), "timeout") {
		t.Errorf("Ping = %v, want a time-out", err)
	}
}
