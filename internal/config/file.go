package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"accessrelay/internal/authn"
	"accessrelay/internal/channel"
	"accessrelay/internal/channel/sns"
	"accessrelay/internal/ratelimit"
	"accessrelay/internal/source"
)

// Need says which secrets of the file a program resolves. Of the rest it checks
// the shape; the variables and files they come from need not exist for it.
type Need int

const (
	// NeedAuth is for who authenticates senders: ingest.
	NeedAuth Need = 1 << iota
	// NeedChannels is for who delivers: workers.
	NeedChannels
)

// Known is what this build can handle.
type Known struct {
	Platforms map[string]source.Platform // by their name in the file
	Kinds     channel.Kinds
}

// File is the content of accessrelay.yaml, checked. It is not to be changed.
type File struct {
	Tenants   []*Tenant // at least one
	Delivery  Delivery
	Retention Retention

	tenants map[string]*Tenant
	sources map[string]*Source
}

// Tenant is one customer of the relay.
type Tenant struct {
	ID       string // UUID, in lower case
	Name     string
	APIKeys  []APIKey
	Sources  []*Source
	Channels []*channel.Channel // of the file, all enabled; Config is nil without NeedChannels
}

// APIKey lets its holder call the management API for the tenant.
type APIKey struct {
	Name   string
	SHA256 [sha256.Size]byte // of the key; no two keys of the file have the same
}

// Source is a platform's account that sends webhooks.
type Source struct {
	ID          string // unique over all tenants
	TenantID    string
	Platform    source.Platform // set up by the source's own keys, if it has any
	Settings    source.Settings // those keys; nil if the platform takes none
	Auth        authn.Config    // exactly one method; without NeedAuth not to be used
	DedupWindow time.Duration   // 0: off
	RateLimit   *ratelimit.Rate // nil: none
}

// Delivery is how hard deliveries are tried.
type Delivery struct {
	MaxRetries    int             // after the first attempt
	Backoff       []time.Duration // before each retry; the last repeats; never empty
	Timeout       time.Duration   // of one attempt
	MaxAge        time.Duration   // after it a throttled delivery is dead
	AllowNetworks []netip.Prefix  // private addresses that channels made by the API may reach
	// AWSDefaultCredentialsFor are the topics for which channels made by the API may
	// use the workers' own AWS credentials.
	AWSDefaultCredentialsFor sns.Patterns
}

// Retention is how long records are kept.
type Retention struct {
	Receipts    time.Duration
	DeadLetters time.Duration // 0: until replayed or deleted
}

// The values of keys that the file leaves out.
const (
	DefaultDedupWindow = 2 * time.Hour
	defaultMaxRetries  = 3
	defaultTimeout     = 15 * time.Second
	defaultMaxAge      = 24 * time.Hour
	defaultReceipts    = 7 * 24 * time.Hour
)

func defaultBackoff() []time.Duration {
	return []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute}
}

// SourceByID returns the source that the hook path names, or nil.
func (f *File) SourceByID(id string) *Source { return f.sources[id] }

// TenantByID returns the tenant of that UUID, in lower case, or nil.
func (f *File) TenantByID(id string) *Tenant { return f.tenants[id] }

// ErrLack says that a variable is not set, or that a file which the config names
// cannot be read: the config itself may be right, and be meant for another program.
var ErrLack = errors.New("the environment lacks something")

// Load reads and checks the file at path. Its secrets come from the file
// itself, from files beside it, and from variables that lookup knows (as
// os.LookupEnv does). An error is one line: the path, the line, the key, and
// what is wrong with it; it shows no secret. Of what the config refers to and
// this environment has not, it is an [ErrLack].
func Load(path string, need Need, known Known, lookup func(string) (string, bool)) (*File, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the config: %w", err)
	}
	root, err := parseYAML(data)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
	l := &loader{dir: filepath.Dir(path), need: need, known: known, lookup: lookup, sourceLines: map[string]int{}}
	f := l.file(at{n: root, line: root.line})
	if l.err != nil {
		return nil, fmt.Errorf("%s:%w", path, l.err)
	}
	return f, nil
}

// readFile reads a config or secret file, which is small.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, shortPathError(path, err)
	}
	defer func() { _ = f.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, shortPathError(path, err)
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("%s: larger than 1 MiB", path)
	}
	return data, nil
}

// shortPathError leaves out which call of the system it was.
func shortPathError(path string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}
