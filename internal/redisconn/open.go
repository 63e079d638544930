// Package redisconn connects to Redis by URL, and checks that the server is one
// that does not lose events.
package redisconn

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Time-outs where the URL's query sets none. The context of a call is heeded
// too and is usually shorter.
const (
	dialTimeout  = 2 * time.Second
	readTimeout  = 3 * time.Second
	writeTimeout = 3 * time.Second
	poolTimeout  = 4 * time.Second // longer than a read, so that a slow server is not taken for a full pool
)

// clusterReload is how old a client's map of a Cluster's slots may be before the
// next command has it fetched anew. go-redis does that by itself only when a node
// says that a slot has moved; a dead one says nothing, and with go-redis's minute
// its slots were away for so long although a replica served them after seconds.
const clusterReload = time.Second

// Open makes a client from a URL; it connects when first used. The schemes are
// redis://[user:password@]host[:port][/db], redis-sentinel://host1,host2/master-name[/db]
// and redis-cluster://host1,host2, each with rediss for TLS. User and password
// are those of Redis itself; those of sentinels are the query options
// sentinel_username and sentinel_password. Further query options are those of
// go-redis (pool_size, read_timeout, …). Errors never quote the URL. The caller
// closes the client. Without options the client is a plain one.
func Open(rawURL string, opts ...Option) (redis.UniversalClient, error) {
	client, err := maker(rawURL, opts...)
	if err != nil {
		return nil, err
	}
	return client(), nil
}

// CheckURL returns the error that [Open] would. It makes no client: one that is
// asked for idle connections begins to connect at once.
func CheckURL(rawURL string) error {
	_, err := maker(rawURL)
	return err
}

// maker returns what makes the client of a URL.
func maker(rawURL string, opts ...Option) (func() redis.UniversalClient, error) {
	t, err := parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("the Redis URL %w", err)
	}
	for _, o := range opts {
		o(&t.manner)
	}
	var client func() redis.UniversalClient
	switch t.kind {
	case sentinel:
		client, err = t.ofSentinel()
	case cluster:
		client, err = t.ofCluster()
	default:
		client, err = t.ofSingle()
	}
	if err != nil {
		return nil, fmt.Errorf("the Redis URL %w", err)
	}
	return client, nil
}

// options is a URL with nothing but query options, for go-redis to read. Host
// and credentials are ours: its errors would quote them.
func options(q url.Values) string {
	u := url.URL{Scheme: "redis", Host: "localhost", RawQuery: q.Encode()}
	return u.String()
}

func (t *target) tlsConfig() *tls.Config {
	if !t.tls {
		return nil
	}
	// Without a ServerName each connection checks for the host it dials, which
	// matters where there are several.
	return &tls.Config{MinVersion: tls.VersionTLS12}
}

func (t *target) ofSingle() (func() redis.UniversalClient, error) {
	skip, err := t.skipVerify()
	if err != nil {
		return nil, err
	}
	o, err := redis.ParseURL(options(t.query))
	if err != nil {
		return nil, t.badOption(func(q url.Values) bool { _, err := redis.ParseURL(options(q)); return err == nil })
	}
	o.Addr, o.Username, o.Password = t.hosts[0], t.username, t.passwd
	o.TLSConfig = skip(t.tlsConfig())
	if !t.query.Has("db") {
		o.DB = t.db
	}
	setDefaults(&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout, &o.PoolTimeout)
	o.ContextTimeoutEnabled = true
	o.MaintNotificationsConfig = noMaintenance()
	return func() redis.UniversalClient { return t.manner.dress(redis.NewClient(o)) }, nil
}

func (t *target) ofSentinel() (func() redis.UniversalClient, error) {
	// Some would read from replicas, where a claim just made is not yet seen,
	// and go-redis panics on others.
	err := t.refuse("addr", "master_name", "username", "password", "route_by_latency", "route_by_latency_tolerance",
		"route_randomly", "replica_only", "use_disconnected_replicas", "context_timeout_enabled")
	if err != nil {
		return nil, err
	}
	skip, err := t.skipVerify()
	if err != nil {
		return nil, err
	}
	user, passwd := t.take("sentinel_username"), t.take("sentinel_password")
	o, err := redis.ParseFailoverURL(options(t.query))
	if err != nil {
		return nil, t.badOption(func(q url.Values) bool { _, err := redis.ParseFailoverURL(options(q)); return err == nil })
	}
	o.SentinelAddrs, o.MasterName = t.hosts, t.master
	o.SentinelUsername, o.SentinelPassword = user, passwd
	o.Username, o.Password = t.username, t.passwd
	o.TLSConfig = skip(t.tlsConfig())
	if !t.query.Has("db") {
		o.DB = t.db
	}
	setDefaults(&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout, &o.PoolTimeout)
	o.ContextTimeoutEnabled = true
	if o.DialerRetries == 0 {
		o.DialerRetries = sentinelTries
	}
	return func() redis.UniversalClient {
		rdb := t.manner.dress(redis.NewFailoverClient(o))
		rdb.AddHook(&asking{t.hosts, t.master})
		return rdb
	}, nil
}

func (t *target) ofCluster() (func() redis.UniversalClient, error) {
	err := t.refuse("addr", "route_by_latency", "route_by_latency_tolerance", "route_randomly", "read_only")
	if err != nil {
		return nil, err
	}
	skip, err := t.skipVerify()
	if err != nil {
		return nil, err
	}
	o, err := redis.ParseClusterURL(options(t.query))
	if err != nil {
		return nil, t.badOption(func(q url.Values) bool { _, err := redis.ParseClusterURL(options(q)); return err == nil })
	}
	o.Addrs, o.Username, o.Password = t.hosts, t.username, t.passwd
	o.TLSConfig = skip(t.tlsConfig())
	setDefaults(&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout, &o.PoolTimeout)
	o.ContextTimeoutEnabled = true
	o.MaintNotificationsConfig = noMaintenance()
	if o.ClusterStateReloadInterval == 0 {
		o.ClusterStateReloadInterval = clusterReload
	}
	o.NewClient = func(o *redis.Options) *redis.Client { return t.manner.dress(redis.NewClient(o)) }
	return func() redis.UniversalClient { return redis.NewClusterClient(o) }, nil
}

// skipVerify takes the option of that name, which go-redis knows for one kind
// of URL and not for another, and returns what it does to a TLS config.
func (t *target) skipVerify() (func(*tls.Config) *tls.Config, error) {
	keep := func(c *tls.Config) *tls.Config { return c }
	if !t.query.Has("skip_verify") {
		return keep, nil
	}
	switch t.take("skip_verify") {
	case "true", "1":
	case "false", "0":
		return keep, nil
	default:
		return nil, errors.New("has the query option skip_verify with a value other than true or false")
	}
	if !t.tls {
		return nil, errors.New("has the query option skip_verify, which is for rediss:// only")
	}
	return func(c *tls.Config) *tls.Config {
		c.InsecureSkipVerify = true // the operator's explicit wish
		return c
	}, nil
}

func setDefaults(dial, read, write, pool *time.Duration) {
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{{dial, dialTimeout}, {read, readTimeout}, {write, writeTimeout}, {pool, poolTimeout}} {
		if *d.v == 0 {
			*d.v = d.def
		}
	}
}

// noMaintenance keeps the client from asking every server at every connection
// for a feature of one vendor's cloud.
func noMaintenance() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}
