package e2e

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The secrets of TestReloadUnderLoad: each must stay out of the log.
const (
	oldSecret    = "canary-reload-the-Old-one-24-bytes"
	newSecret    = "canary-reload-the-New-one-24-bytes"
	newerSecret  = "canary-reload-the-newer-one-24-byte"
	steadySecret = "canary-reload-that-stays-24-bytes"
	badSecret    = "canary-reload-of-a-file-with-errors"
)

const (
	msgReloaded    = "config reloaded"
	msgNotReloaded = "config not reloaded; the old one stays in force"
)

// reloading is an ingest under load whose file changes.
type reloading struct {
	*site
	load    *steadyLoad
	secrets []string     // what the next file takes from those that rotate
	leeway  string       // and of the source whose keys are fetched
	guests  []sourceConf // and whom it has besides
	log     logCounter
	besides int64 // events accepted outside the load
}

// TestReloadUnderLoad: while requests keep coming in on open connections, the
// file changes, is wrong, and changes again. No request that was good under the
// file in force is refused or lost, and what has left the file does not pass.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	r := newReloading(t)
	p := r.relay.ingest
	l := r.load

	// Who is in every file passes all the time.
	l.add("a secret that stays", "steady", bearerWith(steadySecret), http.StatusOK)
	l.add("a key that stays", srcES384, r.good(srcES384), http.StatusOK)
	l.add("keys from a URL that stay", srcIDP, r.good(srcIDP), http.StatusOK)
	var old []*flow
	for _, m := range r.methods() {
		l.add("the new secret", m.source, m.with(newSecret), http.StatusOK)
		old = append(old, l.add("the old secret", m.source, m.with(oldSecret), http.StatusOK))
	}
	l.add("the second file's secret", "by-file", bearerWith(newSecret), http.StatusOK)
	oldFile := l.add("the first file's secret", "by-file", bearerWith(oldSecret), http.StatusOK)
	newerFile := l.add("what the first file will say", "by-file", bearerWith(newerSecret), http.StatusUnauthorized)
	l.add("the second key of the file", "by-key", r.good(srcES256), http.StatusOK)
	oldKey := l.add("the first key of the file", "by-key", r.good(srcGlobex), http.StatusOK)
	guest := l.add("a guest", "guest", bearerWith(newSecret), http.StatusNotFound)
	l.more(5)

	// The old secrets leave the file, and a source comes. What was let in before
	// is still answered.
	under := l.begin("rotate-bearer", bearerWith(oldSecret))
	r.secrets = []string{newSecret}
	r.guests = []sourceConf{{"guest", bearerAuth(newSecret)}}
	gone, come := turn(http.StatusUnauthorized, old...), turn(http.StatusOK, guest)
	r.reload(1)
	gone()
	come()
	l.more(5)
	r.answered(under, "a request under way while its secret was removed")

	r.refuseBadFiles()

	// The file stays, but those that it names say something else. A source whose
	// keys were fetched changes while its provider is down.
	r.jwks.down.Store(true)
	r.leeway = "40s"
	write(t, filepath.Join(r.relay.dir, "one.secret"), newerSecret+"\n")
	write(t, filepath.Join(r.relay.dir, "keys.pem"), r.pem("es256"))
	r.write()
	l.more(2) // nothing has changed before the signal
	gone, come = turn(http.StatusUnauthorized, oldFile, oldKey), turn(http.StatusOK, newerFile)
	r.reload(2)
	gone()
	come()
	l.more(5)
	if got := probe(t, p.listener("ops")+"/readyz"); got != http.StatusOK {
		t.Errorf("/readyz is %d after a reload while the identity provider is down", got)
	}

	// A source goes while a request to it is under way.
	under = l.begin("guest", bearerWith(newSecret))
	guests := r.guests
	r.guests = nil
	gone = turn(http.StatusNotFound, guest)
	r.reload(3)
	gone()
	r.answered(under, "a request under way while its source was removed")
	l.more(5)

	// Many signals at once: the file of the last is in force in the end.
	guest.expect.Store(&expectation{from: http.StatusNotFound, to: http.StatusOK, free: true})
	last := sourceConf{"of-the-last-file", bearerAuth(newSecret)}
	for _, r.guests = range [][]sourceConf{guests, nil, guests, nil, guests, nil, guests, nil, {guests[0], last}} {
		r.write()
		p.signal(syscall.SIGHUP)
	}
	eventually(t, soon, "the last file is in force", func() bool {
		got, err := do(r.request(last.id, bearerWith(newSecret)))
		return err == nil && got.status == http.StatusOK
	})
	r.besides++
	guest.expect.Store(&expectation{from: http.StatusOK, to: http.StatusOK})
	l.more(5)
	r.checkEnd(3)
}

// answered sends the body of a request that was let in before a reload.
func (r *reloading) answered(u *underWay, what string) {
	r.t.Helper()
	if got := u.finish(); got.status != http.StatusOK {
		r.t.Errorf("%s: status %d, %s", what, got.status, got.body)
		return
	}
	r.besides++
}

// newReloading starts an ingest with the first file.
func newReloading(t *testing.T) *reloading {
	t.Helper()
	r := &reloading{site: newKeys(t), leeway: "30s"}
	write(t, filepath.Join(r.relay.dir, "one.secret"), oldSecret+"\n")
	write(t, filepath.Join(r.relay.dir, "two.secret"), newSecret)
	write(t, filepath.Join(r.relay.dir, "keys.pem"), r.pem("globex")+r.pem("es256"))
	r.secrets = []string{oldSecret, newSecret}
	r.write()
	r.start()
	r.log = logCounter{p: r.relay.ingest}
	r.load = newSteadyLoad(t, r.hooks)
	return r
}

// method is one way to use shared secrets.
type method struct {
	source string
	auth   func(secrets []string) map[string]any
	with   func(secret string) credential
}

func (r *reloading) methods() []method {
	list := func(name, key string, more map[string]any) func([]string) map[string]any {
		return func(secrets []string) map[string]any {
			auth := map[string]any{key: secrets}
			maps.Copy(auth, more)
			return map[string]any{name: auth}
		}
	}
	set := func(name string) func(string) credential {
		return func(v string) credential { return func(r *http.Request) { r.Header.Set(name, v) } }
	}
	standard := list("hmac", "secrets", map[string]any{"scheme": "standard-webhooks"})
	return []method{
		{"rotate-bearer", list("bearer", "secrets", nil), bearerWith},
		{"rotate-header", list("header", "secrets", map[string]any{"name": secretHeader}), set(secretHeader)},
		{"rotate-basic", list("basic", "passwords", map[string]any{"username": basicUser}), func(password string) credential {
			return func(r *http.Request) { r.SetBasicAuth(basicUser, password) }
		}},
		{"rotate-hooks", func(secrets []string) map[string]any {
			var whsecs []string
			for _, s := range secrets {
				whsecs = append(whsecs, whsec(s))
			}
			return standard(whsecs)
		}, func(secret string) credential {
			return func(req *http.Request) { goodWebhook(whsec(secret)).put(r.site, req) }
		}},
		{"rotate-github", list("hmac", "secrets", map[string]any{"scheme": "github"}), func(secret string) credential {
			return set("X-Hub-Signature-256")("sha256=" + hexMAC(secret, attackBody))
		}},
	}
}

func bearerWith(secret string) credential {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+secret) }
}

// text is the file with these secrets. All that is not about secrets is the
// same in each.
func (r *reloading) text(secrets []string, steady string, guests []sourceConf) string {
	r.t.Helper()
	asked := func(more map[string]any) map[string]any {
		auth := map[string]any{"issuer": issuer, "audience": audience, "subject": subject}
		maps.Copy(auth, more)
		return map[string]any{"jwt": auth}
	}
	all := []sourceConf{
		{"steady", bearerAuth(steady)},
		{srcES384, asked(map[string]any{"key": r.pem("es384")})},
		{srcIDP, asked(map[string]any{"jwks_url": r.jwks.url, "leeway": r.leeway})},
		{"by-file", map[string]any{"bearer": map[string]any{"secrets_files": []string{"one.secret", "two.secret"}}}},
		{"by-key", asked(map[string]any{"key_file": "keys.pem"})},
	}
	for _, m := range r.methods() {
		all = append(all, sourceConf{m.source, m.auth(secrets)})
	}
	return fileOf(r.t, map[string][]sourceConf{tenant: all, tenant2: append([]sourceConf{{"other", bearerAuth(steady)}}, guests...)})
}

func bearerAuth(secrets ...string) map[string]any {
	return map[string]any{"bearer": map[string]any{"secrets": secrets}}
}

// write puts the file in its place at once: a signal may be on its way.
func (r *reloading) write() {
	r.t.Helper()
	r.place(r.text(r.secrets, steadySecret, r.guests))
}

func (r *reloading) place(text string) {
	r.t.Helper()
	next := r.relay.path() + ".next"
	write(r.t, next, text)
	if err := os.Rename(next, r.relay.path()); err != nil {
		r.t.Fatalf("replacing the file: %v", err)
	}
}

// reload writes the file and waits until it is in force, for the n-th time.
func (r *reloading) reload(n int) {
	r.t.Helper()
	r.write()
	r.hup(msgReloaded, n)
}

func (r *reloading) hup(msg string, n int) {
	r.t.Helper()
	p := r.relay.ingest
	p.signal(syscall.SIGHUP)
	eventually(r.t, soon, "ingest logs: "+msg, func() bool { return r.log.count(msg) >= n })
}

// refuseBadFiles has ingest read files that would change every secret, were it
// not for something wrong near their end.
func (r *reloading) refuseBadFiles() {
	r.t.Helper()
	stolen := []sourceConf{{"guest", bearerAuth(badSecret)}}
	good := r.text([]string{badSecret}, badSecret, stolen)
	last := func(auth string) string {
		return strings.TrimRight(good, "\n") + "\n      - {id: last, platform: p0, auth: " + auth + "}\n"
	}
	bad := []struct{ name, text, key string }{
		{"no YAML", good + "  - [" + badSecret, "accessrelay.yaml"},
		{"an unknown key", last(`{bearer: {secrets: ["` + badSecret + `"], realm: x}}`), "auth.bearer.realm"},
		{"an unknown method", last(`{digest: {secrets: ["` + badSecret + `"]}}`), "auth.digest"},
		{"two methods", last(`{bearer: {secrets: ["` + badSecret + `"]}, basic: {username: x, passwords: ["` + badSecret + `"]}}`), "auth"},
		{"no secrets", last(`{bearer: {secrets: []}}`), "auth.bearer.secrets"},
		{"an empty secret", last(`{header: {name: X-A, secrets: ["` + badSecret + `", ""]}}`), "auth.header.secrets[1]"},
		{"a secret with a blank", last(`{bearer: {secrets: [" ` + badSecret + `"]}}`), "auth.bearer.secrets[0]"},
		{"a file that is not there", last(`{bearer: {secrets_files: [absent.secret]}}`), "auth.bearer.secrets_files[0]"},
		{"a variable that is not set", last(`{basic: {username: x, passwords: ["${NOWHERE}"]}}`), "auth.basic.passwords[0]"},
		{"a secret that is no whsec_", last(`{hmac: {scheme: standard-webhooks, secrets: ["` + badSecret + `"]}}`), "auth.hmac.secrets[0]"},
		{"an unknown scheme", last(`{hmac: {scheme: md5, secrets: ["` + badSecret + `"]}}`), "auth.hmac.scheme"},
		{"a key that is none", last(`{jwt: {key: "` + badSecret + `"}}`), "auth.jwt.key"},
		{"HMAC for a JWT", last(`{jwt: {key_file: keys.pem, algorithms: [HS256]}}`), "auth.jwt.algorithms"},
		{"a source twice", strings.Replace(last(`{bearer: {secrets: ["`+badSecret+`"]}}`), "id: last", "id: steady", 1), "id"},
	}
	for i, b := range bad {
		r.place(b.text)
		r.hup(msgNotReloaded, i+1)
		rec := r.log.last(msgNotReloaded)
		if text := rec.text("error"); rec.text("level") != "ERROR" || !strings.Contains(text, b.key) || strings.ContainsAny(text, "\r\n") {
			r.t.Errorf("%s: the log says %v, want one line that names %s", b.name, rec, b.key)
		}
	}
	if err := os.Remove(r.relay.path()); err != nil {
		r.t.Fatalf("removing the file: %v", err)
	}
	r.hup(msgNotReloaded, len(bad)+1)
	r.load.more(3) // each as before
	if got, err := do(r.request("steady", bearerWith(badSecret))); err != nil || got.status != http.StatusUnauthorized {
		r.t.Errorf("the secret of a file with errors: status %d, %v", got.status, err)
	}
	if n := r.log.count(msgReloaded); n != 1 {
		r.t.Errorf("%d reloads are logged, want the one before the files with errors", n)
	}
}

// request is one of a source, outside the load.
func (r *reloading) request(source string, with credential) *http.Request {
	r.t.Helper()
	req, err := http.NewRequest(http.MethodPost, r.hooks+source, bytes.NewReader([]byte(attackBody)))
	if err != nil {
		r.t.Fatalf("making a request: %v", err)
	}
	req.Header.Set("Content-Type", "application/json")
	with(req)
	return req
}

// checkEnd ends the load and adds everything up. reloads is how many were
// waited for.
func (r *reloading) checkEnd(reloads int) {
	t := r.t
	t.Helper()
	r.load.end()
	var answers, accepted int64
	for _, s := range r.load.flows {
		answers += s.answers.Load()
		accepted += s.accepted.Load()
	}
	p := r.relay.ingest
	n, err := r.relay.redis.Client().LLen(t.Context(), pending).Result()
	if want := accepted + r.besides; err != nil || n != want {
		t.Errorf("Redis has %d events (%v), %d answers said so", n, err, want)
	}
	if n := r.jwks.fetches(); n != 1 {
		t.Errorf("the key set was fetched %d times: a reload keeps what was fetched", n)
	}
	p.stop()
	if n := r.log.count(msgReloaded); n <= reloads {
		t.Errorf("%d reloads are logged", n)
	}
	log := strings.Join(p.output(), "\n")
	secrets := canaries{}
	for i, s := range []string{oldSecret, newSecret, newerSecret, steadySecret, badSecret} {
		secrets[fmt.Sprint("secret ", i)] = s
		secrets[fmt.Sprint("signing secret ", i)] = strings.TrimPrefix(whsec(s), "whsec_")
	}
	secrets.find(t, "the log", log)
	t.Logf("%d requests on %d connections over %d reloads and %d files with errors, %d of them accepted",
		answers, len(r.load.flows), r.log.count(msgReloaded), r.log.count(msgNotReloaded), accepted)
}
