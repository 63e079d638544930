package relayctl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"accessrelay/internal/authn"
	"accessrelay/internal/channel"
	"accessrelay/internal/config"
	"accessrelay/internal/secret"
	"accessrelay/internal/sender"
	"accessrelay/internal/source"
	"accessrelay/internal/standin"
)

// localHooks is where a relay on this machine takes webhooks.
const localHooks = "http://127.0.0.1:8080"

// party is a platform that is stood in for towards one source.
type party struct {
	name     string // the source's id; empty without a file
	platform string
	url      string
	auth     *authn.Config   // nil without a file
	reads    source.Platform // as the source sets it up; nil without a file
	samples  []source.Sample

	bodies  []body
	client  *sender.Client
	missing error // why it cannot send
	outcome       // of its webhooks, kept by the tally
}

func (p *party) close() {
	if p.client != nil {
		p.client.Close()
	}
}

// parties are those that are to send.
func (c *sendCmd) parties(t *Terminal) ([]*party, error) {
	if c.Config == "" && len(c.Source) == 0 && c.URL != "" && (c.KeyFile != "" || c.TokenFile != "") {
		return c.withoutFile(c.URL)
	}
	out, err := c.fromFile(t)
	if _, named := t.lookup("ACCESSRELAY_CONFIG"); !named && c.Config == "" && c.Print && len(c.Source) == 0 && errors.Is(err, fs.ErrNotExist) {
		url, err := hookURL(c.URL, "SOURCE", false)
		if err != nil {
			return nil, err
		}
		return c.withoutFile(url)
	}
	return out, err
}

// withoutFile is a platform that posts to that URL.
func (c *sendCmd) withoutFile(url string) ([]*party, error) {
	p := &party{platform: cmp.Or(c.Platform, "p0"), url: url}
	var err error
	p.samples, err = samplesOf(p.platform)
	return []*party{p}, err
}

// fromFile takes the sources that are meant out of the file.
func (c *sendCmd) fromFile(t *Terminal) ([]*party, error) {
	if err := config.CheckEnviron(t.Environ); err != nil {
		return nil, badUsage("%w", err)
	}
	f, err := loadFile(configFile(c.Config, t), config.NeedAuth, t)
	if err != nil {
		switch {
		case c.Config != "" || !errors.Is(err, fs.ErrNotExist):
			return nil, err
		case c.List:
			return nil, fmt.Errorf("%w: name the relay's file with --config; without it there are the samples of platforms: --list --platform apono", err)
		case len(c.Source) > 0:
			return nil, fmt.Errorf("%w: name the relay's file, which has the source, with --config", err)
		}
		return nil, fmt.Errorf("%w: name the relay's file with --config, or do without it: --url and --key-file or --token-file", err)
	}
	sources, err := c.choose(f)
	if err != nil {
		return nil, err
	}
	var out []*party
	for _, s := range sources {
		sampler, ok := s.Platform.(source.Sampler)
		if !ok {
			return nil, fmt.Errorf("%s: platform %s has no samples", s.ID, s.Platform.Name())
		}
		p := &party{name: s.ID, platform: s.Platform.Name(), auth: &s.Auth, reads: s.Platform, samples: sampler.Samples()}
		if p.url, err = hookURL(c.URL, s.ID, len(sources) > 1); err != nil {
			return nil, err
		}
		if other := otherSource(f, p.url, s.ID); other != "" {
			fmt.Fprintf(t.Err, "%s: --url is the hook of %s, another source of the file, and gets what is sent as %s\n", s.ID, other, s.ID)
		}
		out = append(out, p)
	}
	return out, nil
}

// choose picks sources of the file by the flags.
func (c *sendCmd) choose(f *config.File) ([]*config.Source, error) {
	var all, ofPlatform []*config.Source
	for _, tenant := range f.Tenants {
		for _, s := range tenant.Sources {
			all = append(all, s)
			if s.Platform.Name() == c.Platform {
				ofPlatform = append(ofPlatform, s)
			}
		}
	}
	switch {
	case len(all) == 0:
		return nil, errors.New("the file has no source")
	case len(c.Source) > 0:
		var out []*config.Source
		for _, id := range c.Source {
			s := f.SourceByID(id)
			if s == nil {
				return nil, badUsage("--source: the file has no source %q (it has %s)", id, ids(all))
			}
			out = append(out, s)
		}
		return out, nil
	case c.Platform == "" && len(all) > 1 && !c.All:
		return nil, badUsage("--source: is missing, and the file has several: %s; or --all: every sample of every source", ids(all))
	case c.Platform == "":
		return all, nil
	case len(ofPlatform) == 0:
		return nil, badUsage("--platform: the file has no source of %q (it has %s)", c.Platform, list(all, func(s *config.Source) string {
			return s.ID + " of " + s.Platform.Name()
		}))
	case len(ofPlatform) > 1:
		return nil, badUsage("--platform: the file has several sources of %s: name one with --source: %s", c.Platform, ids(ofPlatform))
	}
	return ofPlatform, nil
}

func ids(sources []*config.Source) string {
	return list(sources, func(s *config.Source) string { return s.ID })
}

// hookURL is where the source's platform posts to. A URL with a path is one
// source's.
func hookURL(given, id string, several bool) (string, error) {
	if given == "" {
		given = localHooks
	}
	u, err := url.Parse(given)
	switch {
	case err != nil:
		return "", badUsage("--url: not a URL such as %s", localHooks)
	case strings.Trim(u.Path, "/") == "" && u.RawQuery == "":
		u.Path = "/v1/hooks/" + id
		return u.String(), nil
	case several:
		return "", badUsage("--url: has a path, and there are several sources: give the part before it, as in https://relay.example.com")
	}
	return given, nil
}

// otherSource returns the source of the file that the path of a URL names, if it
// is not id.
func otherSource(f *config.File, target, id string) string {
	u, err := url.Parse(target)
	if err != nil {
		return ""
	}
	_, named, ok := strings.Cut(u.Path, "/v1/hooks/")
	named = strings.TrimRight(named, "/")
	if !ok || named == id || f.SourceByID(named) == nil {
		return ""
	}
	return named
}

// connect gives each of the parties its credentials.
func (c *sendCmd) connect(ctx context.Context, parties []*party, t *Terminal) error {
	o, err := c.ownCredentials()
	if err != nil {
		return err
	}
	for _, p := range parties {
		if p.missing != nil {
			continue
		}
		credentials, err := p.credentials(o)
		switch {
		case errors.Is(err, standin.ErrNoKey) && c.Print: // its token is masked anyway
			credentials = sender.Bearer(secret.New(channel.Mask))
		case errors.Is(err, standin.ErrNoKey) && len(parties) > 1:
			p.missing = errors.New("known by a JWT: needs --key-file with the platform's private key, or --token-file with a token")
			continue
		case errors.Is(err, standin.ErrNoKey):
			return badUsage("--key-file: is missing: senders of %s are known by a JWT: give the platform's private key, or with --token-file a token", p.name)
		case err != nil:
			return fmt.Errorf("%s: %w", p.name, err)
		}
		if p.auth != nil && err == nil {
			if err := standin.Refusal(ctx, *p.auth, credentials); err != nil {
				fmt.Fprintf(t.Err, "%s: by this file the relay will refuse what is sent: %v\n", p.name, err)
			}
		}
		if p.client, err = sender.New(p.url, credentials); err != nil {
			return badUsage("--url: %v", err)
		}
	}
	return nil
}

func (p *party) credentials(o standin.Options) (sender.Credentials, error) {
	if p.auth != nil {
		return standin.Credentials(*p.auth, o)
	}
	switch {
	case !o.Token.IsZero():
		return sender.Bearer(o.Token), nil
	case o.Key == nil:
		return nil, standin.ErrNoKey
	}
	return o.Key.JWT(o.Claims), nil
}

// ownCredentials are what the platform has and the file has not.
func (c *sendCmd) ownCredentials() (standin.Options, error) {
	o := standin.Options{Claims: sender.Claims{Issuer: c.Issuer, Audience: c.Audience, Subject: c.Subject, TTL: c.TTL}}
	switch {
	case c.KeyFile != "":
		key, err := os.ReadFile(c.KeyFile)
		if err != nil {
			return o, fmt.Errorf("--key-file: %w", shortPath(err))
		}
		if o.Key, err = sender.NewSigner(key); err != nil {
			return o, fmt.Errorf("--key-file: %s: %w", c.KeyFile, err)
		}
		o.Key.KeyID = c.Kid
	case c.TokenFile != "":
		data, err := os.ReadFile(c.TokenFile)
		if err != nil {
			return o, fmt.Errorf("--token-file: %w", shortPath(err))
		}
		token := strings.TrimSpace(string(data))
		if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return o, fmt.Errorf("--token-file: %s: holds no token alone", c.TokenFile)
		}
		o.Token = secret.New(token)
	}
	return o, nil
}
