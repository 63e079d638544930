package demo

import (
	"crypto/rand"
	"fmt"
	"path/filepath"

	"accessrelay/internal/catalog"
	"accessrelay/internal/config"
	"accessrelay/internal/sender"
	"accessrelay/internal/source"
	"accessrelay/internal/standin"
)

// What P0's tokens say in the demo.
var p0Claims = sender.Claims{Issuer: "p0", Audience: "accessrelay-demo", Subject: "demo-notifier", TTL: TokenTTL}

// way is how a source of the demo knows its platform.
type way struct {
	auth   string                 // the method with its keys; %q is the file of its secret
	secret func() ([]byte, error) // nil: there is none
	more   string                 // further keys of the source, a line each
}

// ways are those of platforms that a plain secret does not suit or that can do
// better. What is not listed gets bearer.
var ways = map[string]way{
	"p0": {auth: fmt.Sprintf("jwt: {key_file: %s, issuer: %s, audience: %s, subject: %s}",
		publicName, p0Claims.Issuer, p0Claims.Audience, p0Claims.Subject)},
	"permit":  {auth: "header: {name: X-Permit-Secret, secrets_files: [%q]}", secret: newSecret},
	"jitsudo": {auth: "hmac: {scheme: standard-webhooks, secrets_files: [%q]}", secret: newSigningSecret},
	"generic": {auth: "basic: {username: relay, passwords_files: [%q]}", secret: newSecret, more: "event_type: $.kind"},
}

var bearer = way{auth: "bearer: {secrets_files: [%q]}", secret: newSecret}

func newSecret() ([]byte, error) { return []byte(rand.Text() + "\n"), nil }

// sourceData is what a source's part of the file depends on.
type sourceData struct{ ID, Platform, Auth, More string }

// sources makes the secrets of a source of every platform, in dir.
func sources(dir string) ([]sourceData, error) {
	var out []sourceData
	for _, platform := range catalog.PlatformNames() {
		w, ok := ways[platform]
		if !ok {
			w = bearer
		}
		s := sourceData{ID: sourceID(platform), Platform: platform, Auth: w.auth, More: w.more}
		if w.secret != nil {
			file := filepath.Join(dir, platform+secretSuffix)
			if _, err := ensure(file, modePrivate, w.secret); err != nil {
				return nil, err
			}
			s.Auth = fmt.Sprintf(w.auth, file)
		}
		out = append(out, s)
	}
	return out, nil
}

func sourceID(platform string) string { return "demo-" + platform }

// Source is one source of the demo, as its platform sees it.
type Source struct {
	ID       string
	Platform string
	// Samples are of the platform as the source sets it up.
	Samples []source.Sample
	// Credentials are those that the file asks for.
	Credentials sender.Credentials
}

// Sources returns the sources that the demo's file has: one of every platform,
// unless the file is of an earlier version or somebody changed it. lookup is
// asked for the variables that the file refers to.
func (d *Demo) Sources(lookup func(string) (string, bool)) ([]Source, error) {
	known := config.Known{Platforms: catalog.Platforms(), Kinds: catalog.Kinds()}
	f, err := config.Load(d.ConfigFile, config.NeedAuth, known, lookup)
	if err != nil {
		return nil, err
	}
	var out []Source
	for _, tenant := range f.Tenants {
		for _, s := range tenant.Sources {
			credentials, err := standin.Credentials(s.Auth, standin.Options{Key: d.p0, Claims: sender.Claims{TTL: TokenTTL}})
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.ID, err)
			}
			sampler, ok := s.Platform.(source.Sampler)
			if !ok {
				return nil, fmt.Errorf("%s: platform %s has no samples", s.ID, s.Platform.Name())
			}
			out = append(out, Source{ID: s.ID, Platform: s.Platform.Name(), Samples: sampler.Samples(), Credentials: credentials})
		}
	}
	return out, nil
}
