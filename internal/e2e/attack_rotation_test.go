package e2e

import (
	"maps"
	"net/http"
	"syscall"
	"testing"
)

// rotation is a source whose secret is being replaced: at first both pass, then
// the old one has left the file.
type rotation struct {
	source         string
	both, newOnly  map[string]any // auth
	oldOne, newOne credential
	reason         string
}

func (s *site) rotations() []rotation {
	lists := func(method, key string, more map[string]any) func(...string) map[string]any {
		return func(secrets ...string) map[string]any {
			auth := map[string]any{key: secrets}
			maps.Copy(auth, more)
			return map[string]any{method: auth}
		}
	}
	const before, now = "canary-rotation-the-Old-one", "canary-rotation-the-New-one"
	set := func(name, value string) credential { return func(r *http.Request) { r.Header.Set(name, value) } }
	basic := func(password string) credential { return func(r *http.Request) { r.SetBasicAuth(basicUser, password) } }
	hook := func(secret string) credential {
		return func(r *http.Request) { goodWebhook(secret).put(s, r) }
	}
	bySecret := func(source, method, key string, more map[string]any, with func(string) credential) rotation {
		auth := lists(method, key, more)
		return rotation{source, auth(before, now), auth(now), with(before), with(now), "secret"}
	}
	key := func(pems string) map[string]any { return map[string]any{"jwt": map[string]any{"key": pems}} }
	oldKey := s.jwt(srcES384, asIs)
	newKey := s.jwt(srcES256, asIs)
	standard := lists("hmac", "secrets", map[string]any{"scheme": "standard-webhooks"})
	github := bySecret("rotate-github", "hmac", "secrets", map[string]any{"scheme": "github"}, func(secret string) credential {
		return set("X-Hub-Signature-256", "sha256="+hexMAC(secret, attackBody))
	})
	github.reason = "signature"
	return []rotation{
		bySecret("rotate-bearer", "bearer", "secrets", nil, func(secret string) credential { return set("Authorization", "Bearer "+secret) }),
		bySecret("rotate-header", "header", "secrets", map[string]any{"name": secretHeader}, func(secret string) credential { return set(secretHeader, secret) }),
		bySecret("rotate-basic", "basic", "passwords", map[string]any{"username": basicUser}, basic),
		{"rotate-hooks", standard(whsec(before), whsec(now)), standard(whsec(now)), hook(whsec(before)), hook(whsec(now)), "signature"},
		github,
		{"rotate-jwt", key(s.pem("es384") + s.pem("es256")), key(s.pem("es256")), oldKey, newKey, "algorithm"},
	}
}

// rotate takes the old secrets out of the file and returns the number of cases.
// That both passed before is the good twin.
func (a *assault) rotate(t *testing.T) int {
	t.Helper()
	rotations := a.rotations()
	for _, r := range rotations {
		for _, c := range []credential{r.oldOne, r.newOne, r.oldOne} {
			if !a.pass(t, r.source, c) {
				t.Errorf("%s: refused while both are in the file", r.source)
			}
		}
	}
	a.rotated = true
	a.writeFile()
	p := a.relay.ingest
	p.signal(syscall.SIGHUP)
	eventually(t, soon, "ingest has read the new file", func() bool { return len(p.logged("config reloaded")) == 1 })
	for _, r := range rotations {
		t.Run("rotation/"+r.source, func(t *testing.T) {
			a.refused(t, attack{name: r.source, source: r.source, bad: r.oldOne, reason: r.reason})
			if !a.pass(t, r.source, r.newOne) {
				t.Error("the new secret is refused")
			}
		})
	}
	return len(rotations)
}
