package chaos

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"accessrelay/internal/event"
	"accessrelay/internal/sender"
	"accessrelay/internal/source"
	"accessrelay/internal/source/p0"
)

// tenant is one customer of the relay, with one source.
type tenant struct {
	id, name string
	apiKey   string
	source   string
	channels []*channel
}

// channel is a destination of the file.
type channel struct {
	tenant  *tenant
	name    string
	kind    string // as the file has it
	filters []string
}

func (c *channel) path() string { return "/" + c.tenant.name + "/" + c.name }

// site is who sends what to whom: all that decides which event belongs where.
type site struct {
	tenants  []*tenant
	channels []*channel // of all tenants
	samples  []source.Sample
	signer   *sender.Signer
}

// Where channels point to: no such host exists, and only the workers' own
// proxies, which are our sinks, take requests for it.
const sinkHost = "http://sinks.invalid"

// maxEvents is what the number in a payload has room for.
const maxEvents = 9_999_999

func newSite() (*site, error) {
	key, err := sender.NewP0Key()
	if err != nil {
		return nil, err
	}
	signer, err := sender.NewSigner(key)
	if err != nil {
		return nil, err
	}
	s := &site{samples: p0.New().Samples(), signer: signer}
	acme, globex := s.tenant("acme"), s.tenant("globex")
	s.channel(acme, "siem", "generic-webhook")
	s.channel(acme, "chat", "slack-webhook", "request.*", "grant.revoked")
	s.channel(acme, "audit", "generic-webhook", "grant.*", "preapproval.*")
	s.channel(globex, "siem", "generic-webhook")
	s.channel(globex, "chat", "slack-webhook")
	return s, nil
}

func (s *site) tenant(name string) *tenant {
	t := &tenant{id: uuid.NewString(), name: name, apiKey: "ark_" + rand.Text(), source: name + "-p0"}
	s.tenants = append(s.tenants, t)
	return t
}

func (s *site) channel(t *tenant, name, kind string, filters ...string) {
	c := &channel{tenant: t, name: name, kind: kind, filters: filters}
	t.channels = append(t.channels, c)
	s.channels = append(s.channels, c)
}

// Event n: every tenant gets every sample in turn.

func (s *site) sampleOf(n int) source.Sample { return s.samples[n%len(s.samples)] }
func (s *site) tenantOf(n int) *tenant       { return s.tenants[n/len(s.samples)%len(s.tenants)] }

// body is event n as its sender sends it, the same at every try.
func (s *site) body(n int) []byte { return s.sampleOf(n).Body(fmt.Sprintf("chaos%07dx", n)) }

var numbered = regexp.MustCompile(`chaos(\d{7})x`)

// numberIn finds the number of the event that a delivery is about. Every
// channel type shows the id of the platform's request, which holds it.
func numberIn(delivery []byte) (int, bool) {
	m := numbered.FindSubmatch(delivery)
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(string(m[1]))
	return n, err == nil
}

// wants reports whether event n is to be delivered to c.
func (s *site) wants(c *channel, n int) bool {
	return c.tenant == s.tenantOf(n) && event.Match(c.filters, s.sampleOf(n).Event)
}

// at returns the channel of a request's path, or nil.
func (s *site) at(path string) *channel {
	for _, c := range s.channels {
		if c.path() == path {
			return c
		}
	}
	return nil
}

// attemptTimeout is delivery.timeout: short, so that a sink that hangs costs little.
const attemptTimeout = 2 * time.Second

// pace is the rate_limit of Slack's channels, whose own would be one message a
// second: enough for the load, and little enough that its lines are used.
const pace = "100/s"

// write puts accessrelay.yaml and the senders' key into dir.
func (s *site) write(dir string) (path string, err error) {
	public, err := s.signer.PublicPEM()
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "p0-public.pem"), public, 0o600); err != nil {
		return "", fmt.Errorf("writing the senders' key: %w", err)
	}
	var b strings.Builder
	b.WriteString("tenants:\n")
	for _, t := range s.tenants {
		sum := sha256.Sum256([]byte(t.apiKey))
		fmt.Fprintf(&b, "  - id: %s\n    name: %s\n", t.id, t.name)
		fmt.Fprintf(&b, "    api_keys: [{name: chaos, sha256: %s}]\n", hex.EncodeToString(sum[:]))
		fmt.Fprintf(&b, "    sources:\n      - {id: %s, platform: p0, auth: {jwt: {key_file: p0-public.pem}}}\n", t.source)
		b.WriteString("    channels:\n")
		for _, c := range t.channels {
			limit := ""
			if c.kind == "slack-webhook" {
				limit = ", rate_limit: " + pace
			}
			fmt.Fprintf(&b, "      - {name: %s, type: %s, config: {url: %q}, event_filters: [%s]%s}\n",
				c.name, c.kind, sinkHost+c.path(), strings.Join(quoted(c.filters), ", "), limit)
		}
	}
	fmt.Fprintf(&b, "delivery: {backoff: [1s, 2s, 5s], timeout: %s}\n", attemptTimeout)
	path = filepath.Join(dir, "accessrelay.yaml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		return "", fmt.Errorf("writing the file of the relay: %w", err)
	}
	return path, nil
}

func quoted(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = strconv.Quote(s)
	}
	return out
}
