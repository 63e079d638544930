package config

import (
	"cmp"
	"io"
	"time"

	"accessrelay/internal/ack"
	"accessrelay/internal/secret"
)

// IngestSettings are the settings of the ingest program.
type IngestSettings struct {
	Given // how; for messages about what is found out later

	Config            string // path of the file
	RedisURL          secret.String
	HooksAddr         string // "" = that listener is off; so are the next two
	APIAddr           string
	OpsAddr           string
	LogLevel          string // as ops.NewLogger takes it
	LogFormat         string
	ShutdownTimeout   time.Duration
	MaxBody           int64 // bytes
	EnqueueTimeout    time.Duration
	Ack               ack.Level // of an event before its sender is told 200
	SecretsRecipients []string  // age1…; empty: the API refuses to store a channel
}

// WorkerSettings are the settings of the worker program.
type WorkerSettings struct {
	Given // how; for messages about what is found out later

	Config              string // path of the file
	RedisURL            secret.String
	OpsAddr             string // "" = off
	LogLevel            string // as ops.NewLogger takes it
	LogFormat           string
	Concurrency         int       // deliveries under way at a time
	Ack                 ack.Level // of an event's record and deliveries before its own task ends
	ShutdownTimeout     time.Duration
	SecretsIdentityFile string        // ""; channels of the API cannot be opened
	ProxyURL            secret.String // zero: destinations are connected to directly
}

// The flags as kong sees them: all of them strings, so that one that is set to
// nothing can be told from one that is not set, and so that the messages about
// wrong values are ours.

type commonFlags struct {
	Config   string `default:"accessrelay.yaml" placeholder:"FILE" help:"The file with tenants, sources and channels."`
	RedisURL string `name:"redis-url" default:"redis://127.0.0.1:6379/0" placeholder:"URL" help:"Redis, 7.0 or later with maxmemory-policy noeviction: redis://[user:password@]host:port/db, redis-sentinel://host1,host2/master-name or redis-cluster://host1,host2; rediss… for TLS."`
}

type logFlags struct {
	LogLevel        string `default:"info" placeholder:"LEVEL" help:"debug, info, warn or error."`
	LogFormat       string `default:"json" placeholder:"FORMAT" help:"json or text."`
	ShutdownTimeout string `default:"25s" placeholder:"DURATION" help:"How long a shutdown waits for what is under way."`
}

type ingestFlags struct {
	commonFlags           `embed:""`
	HooksAddr             string `default:":8080" placeholder:"ADDR" help:"Where webhooks come in: the one listener to put on the internet, behind a proxy that ends TLS. Empty: off."`
	APIAddr               string `name:"api-addr" default:"127.0.0.1:8081" placeholder:"ADDR" help:"Where the management API listens. Empty: off."`
	OpsAddr               string `default:":9090" placeholder:"ADDR" help:"Where /metrics, /healthz and /readyz are. Empty: off."`
	logFlags              `embed:""`
	MaxBody               string `default:"1MiB" placeholder:"SIZE" help:"The largest webhook taken."`
	EnqueueTimeout        string `default:"500ms" placeholder:"DURATION" help:"How long Redis may take to confirm an event before the sender gets 503."`
	Ack                   string `default:"memory" placeholder:"LEVEL" help:"What a 200 promises. memory: Redis has the event; what of it survives a crash of Redis is up to its persistence. fsync: it is on Redis' disk (appendfsync always, or WAITAOF of Redis 7.2) and survives a power cut; costs a sync of the disk. replicas:n: n replicas have it in memory and it survives the loss of the master; costs a round trip between them."`
	SecretsRecipients     string `placeholder:"AGE1,…" help:"age recipients that the API seals channels' secrets for, separated by commas; \"relayctl keygen secrets\" makes one. Without them the API stores no channel."`
	SecretsRecipientsFile string `placeholder:"FILE" help:"A file with the recipients instead, one a line; lines that start with # do not count."`
}

type workerFlags struct {
	commonFlags         `embed:""`
	OpsAddr             string `default:":9091" placeholder:"ADDR" help:"Where /metrics, /healthz and /readyz are. Empty: off."`
	logFlags            `embed:""`
	Concurrency         string `default:"64" placeholder:"N" help:"How many deliveries are under way at a time."`
	Ack                 string `default:"memory" placeholder:"LEVEL" help:"How safe an event's record and deliveries must be before the event's own task ends: memory, fsync or replicas:n, as for ingest. With a Redis Cluster use the level of ingest: otherwise the loss of one master can take what was accepted."`
	SecretsIdentityFile string `placeholder:"FILE" help:"age identity that opens what the API has sealed; \"relayctl keygen secrets\" makes one. Without it only the file's channels work."`
	ProxyURL            string `name:"proxy-url" placeholder:"URL" help:"Sends everything through this proxy, which then has to keep channels away from private addresses. The usual proxy variables are ignored."`
}

const ingestAbout = `Receives access-lifecycle webhooks, authenticates them and puts them into
Redis, so that it can answer 200 at once. Workers deliver them. Every setting
is a flag with an environment variable behind it; the flag wins. It stops
cleanly on SIGTERM.

Example: with the sources in accessrelay.yaml, and only hooks and metrics on:

    ACCESSRELAY_REDIS_URL=redis://redis:6379/0 ingest --api-addr=`

const workerAbout = `Takes events from Redis, drops repeats, works out which channels must hear of
each, and delivers them with retries. Start as many workers as you like. Every
setting is a flag with an environment variable behind it; the flag wins. It
stops cleanly on SIGTERM, after the deliveries under way.

Example: with the channels in accessrelay.yaml, and the API's secrets opened:

    ACCESSRELAY_REDIS_URL=redis://redis:6379/0 worker --secrets-identity-file identity.txt`

// maxMaxBody bounds what one request can make ingest hold and Redis store.
const maxMaxBody = 64 << 20

// ParseIngest reads the settings of ingest from args (without the program's
// name) and environ (as os.Environ gives it). Asked for help or the version it
// writes that to stdout and returns [ErrHelp].
func ParseIngest(args, environ []string, stdout io.Writer) (IngestSettings, error) {
	var f ingestFlags
	p, err := parseFlags("ingest", ingestAbout, &f, args, environ, stdout)
	if err != nil {
		return IngestSettings{}, err
	}
	s := IngestSettings{
		Given:             p.given,
		Config:            p.text("config", f.Config),
		RedisURL:          secret.New(p.text("redis-url", f.RedisURL)),
		HooksAddr:         p.addr("hooks-addr", f.HooksAddr),
		APIAddr:           p.addr("api-addr", f.APIAddr),
		OpsAddr:           p.addr("ops-addr", f.OpsAddr),
		LogLevel:          p.oneOf("log-level", f.LogLevel, "debug", "info", "warn", "error"),
		LogFormat:         p.oneOf("log-format", f.LogFormat, "json", "text"),
		ShutdownTimeout:   p.duration("shutdown-timeout", f.ShutdownTimeout),
		MaxBody:           p.size("max-body", f.MaxBody, maxMaxBody),
		EnqueueTimeout:    p.duration("enqueue-timeout", f.EnqueueTimeout),
		Ack:               p.ack("ack", f.Ack),
		SecretsRecipients: p.recipients("secrets-recipients", f.SecretsRecipients),
	}
	if f.SecretsRecipientsFile != "" {
		s.SecretsRecipients = p.recipientsFile("secrets-recipients-file", f)
		p.given.names["secrets-recipients"] = cmp.Or(p.given.names["secrets-recipients-file"], "--secrets-recipients-file")
	}
	if s.HooksAddr == "" && s.APIAddr == "" {
		p.fail("hooks-addr", "is off and so is --api-addr: nothing is left to do, turn one on")
	}
	return s, p.err
}

// ParseWorker reads the settings of worker; see [ParseIngest].
func ParseWorker(args, environ []string, stdout io.Writer) (WorkerSettings, error) {
	var f workerFlags
	p, err := parseFlags("worker", workerAbout, &f, args, environ, stdout)
	if err != nil {
		return WorkerSettings{}, err
	}
	s := WorkerSettings{
		Given:               p.given,
		Config:              p.text("config", f.Config),
		RedisURL:            secret.New(p.text("redis-url", f.RedisURL)),
		OpsAddr:             p.addr("ops-addr", f.OpsAddr),
		LogLevel:            p.oneOf("log-level", f.LogLevel, "debug", "info", "warn", "error"),
		LogFormat:           p.oneOf("log-format", f.LogFormat, "json", "text"),
		Concurrency:         p.count("concurrency", f.Concurrency, 10_000),
		Ack:                 p.ack("ack", f.Ack),
		ShutdownTimeout:     p.duration("shutdown-timeout", f.ShutdownTimeout),
		SecretsIdentityFile: f.SecretsIdentityFile,
		ProxyURL:            p.proxy("proxy-url", f.ProxyURL),
	}
	return s, p.err
}
