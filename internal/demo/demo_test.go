package demo

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/authn"
	"accessrelay/internal/catalog"
	"accessrelay/internal/config"
	"accessrelay/internal/secret"
)

const (
	inboxURL = "http://sink:8083"
	mailAddr = "sink:8084"
)

// plan is a demo in three folders that are not there yet.
func plan(t *testing.T) Plan {
	t.Helper()
	root := t.TempDir()
	return Plan{
		ConfigDir: filepath.Join(root, "etc"), IngestDir: filepath.Join(root, "ingest"), WorkerDir: filepath.Join(root, "worker"),
		SenderDir: filepath.Join(root, "deep", "sender"), InboxURL: inboxURL, MailAddr: mailAddr,
	}
}

func prepare(t *testing.T, p Plan) *Demo {
	t.Helper()
	d, err := Prepare(p)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func noVariables(string) (string, bool) { return "", false }

func sourcesOf(t *testing.T, d *Demo) []Source {
	t.Helper()
	sources, err := d.Sources(noVariables)
	if err != nil {
		t.Fatal(err)
	}
	return sources
}

func load(t *testing.T, path string, need config.Need) *config.File {
	t.Helper()
	f, err := config.Load(path, need, config.Known{Platforms: catalog.Platforms(), Kinds: catalog.Kinds()}, noVariables)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// snapshot is every file with its mode and content.
func snapshot(t *testing.T, p Plan) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, dir := range []string{p.ConfigDir, p.IngestDir, p.WorkerDir, p.SenderDir} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			info, err := e.Info()
			if err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			out[filepath.Join(filepath.Base(dir), e.Name())] = info.Mode().String() + " " + string(data)
		}
	}
	return out
}

func TestFilesAndModes(t *testing.T) {
	p := plan(t)
	prepare(t, p)
	want := map[string]fs.FileMode{
		"etc/accessrelay.yaml": 0o644, "etc/p0-public.pem": 0o644, "etc/secrets-recipients": 0o644,
		"worker/identity.txt": 0o600, "worker/webhook-signing-secret": 0o600,
		"sender/p0-private.pem": 0o600, "sender/api-key": 0o600,
	}
	got := snapshot(t, p)
	for _, name := range catalog.PlatformNames() {
		if name != "p0" { // whose public key the relay has
			want["ingest/"+name+".secret"] = 0o600
		}
	}
	for name, mode := range want {
		if !strings.HasPrefix(got[name], mode.String()+" ") {
			t.Errorf("%s: %.10s, want %s", name, got[name], mode)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("left over: %v", got)
	}
	for dir, mode := range map[string]fs.FileMode{p.ConfigDir: 0o755, p.IngestDir: 0o700, p.WorkerDir: 0o700, p.SenderDir: 0o700} {
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v, want %v", dir, info.Mode(), err, mode)
		}
	}
}

func TestAgain(t *testing.T) {
	p := plan(t)
	first := prepare(t, p)
	before := snapshot(t, p)
	second := prepare(t, p)
	if after := snapshot(t, p); len(after) != len(before) {
		t.Errorf("%d files, were %d", len(after), len(before))
	} else {
		for name, was := range before {
			if after[name] != was {
				t.Errorf("%s has changed", name)
			}
		}
	}
	if !first.APIKey.Equal(second.APIKey) || !first.SigningSecret.Equal(second.SigningSecret) || first.Recipient != second.Recipient {
		t.Error("the keys of the second time are others")
	}
}

// Cut off after any file, the next run makes the rest, and all fits together.
func TestCutOff(t *testing.T) {
	p := plan(t)
	files := []string{
		filepath.Join(p.SenderDir, privateName), filepath.Join(p.ConfigDir, publicName), filepath.Join(p.SenderDir, apiKeyName),
		filepath.Join(p.WorkerDir, identityName), filepath.Join(p.ConfigDir, recipientsName),
		filepath.Join(p.WorkerDir, signingSecretName),
	}
	for _, name := range catalog.PlatformNames() {
		files = append(files, filepath.Join(p.IngestDir, name+secretSuffix))
	}
	files = append(files, filepath.Join(p.ConfigDir, configName))
	for n := range files {
		for _, f := range files[n:] {
			if err := os.Remove(f); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
		}
		works(t, prepare(t, p))
	}
}

// works checks that everything fits together.
func works(t *testing.T, d *Demo) {
	t.Helper()
	f := load(t, d.ConfigFile, config.NeedAuth|config.NeedChannels)
	tenant := f.TenantByID(TenantID)
	if tenant == nil {
		t.Fatal("the tenant is not there")
	}
	if got := secret.HashAPIKey(d.APIKey.Reveal()); len(tenant.APIKeys) != 1 || got != hex.EncodeToString(tenant.APIKeys[0].SHA256[:]) {
		t.Error("the API key is not the file's")
	}
	for _, src := range sourcesOf(t, d) {
		a, err := authn.New(f.SourceByID(src.ID).Auth, authn.Options{})
		if err != nil {
			t.Fatal(err)
		}
		body := src.Samples[0].Body("x")
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		if err := src.Credentials(r, body); err != nil {
			t.Fatal(err)
		}
		if err := a.Authenticate(r, body); err != nil {
			t.Errorf("%s: its credentials are refused: %v", src.ID, err)
		}
	}
	sealer, err := secret.NewSealer(d.Recipient)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := sealer.Seal([]byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	id, err := os.Open(d.IdentityFile)
	if err != nil {
		t.Fatal(err)
	}
	defer id.Close()
	opener, err := secret.NewOpener(id)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := opener.Open(sealed); err != nil || string(plain) != "x" {
		t.Errorf("the identity does not open what the recipient sealed: %v", err)
	}
}

// A new platform or channel type belongs into the demo too.
func TestCoversTheCatalog(t *testing.T) {
	d := prepare(t, plan(t))
	tenant := load(t, d.ConfigFile, config.NeedAuth|config.NeedChannels).TenantByID(TenantID)
	var platforms, sources, types []string
	for _, s := range tenant.Sources {
		platforms = append(platforms, s.Platform.Name())
	}
	for _, s := range sourcesOf(t, d) {
		sources = append(sources, s.Platform)
	}
	slices.Sort(platforms)
	slices.Sort(sources)
	if want := catalog.PlatformNames(); !slices.Equal(platforms, want) || !slices.Equal(sources, want) {
		t.Errorf("sources of %v in the file and of %v to send from, want one of each of %v", platforms, sources, want)
	}
	for _, c := range tenant.Channels {
		types = append(types, c.Type)
		var shown struct {
			URL      string
			Endpoint string
			SMTPHost string `json:"smtp_host"`
			SMTPPort int    `json:"smtp_port"`
		}
		if err := json.Unmarshal(c.Masked, &shown); err != nil {
			t.Fatal(err)
		}
		http := strings.HasPrefix(shown.URL, inboxURL+"/") || strings.HasPrefix(shown.Endpoint, inboxURL+"/")
		mail := shown.SMTPHost+":"+strconv.Itoa(shown.SMTPPort) == mailAddr
		if !http && !mail {
			t.Errorf("channel %s does not point at the inbox: %s", c.Name, c.Masked)
		}
	}
	want := catalog.ChannelTypes()
	slices.Sort(types)
	slices.Sort(want)
	if !slices.Equal(types, want) {
		t.Errorf("channels of %v, want one of each of %v", types, want)
	}
}

// Ingest need not reach what the workers' folder holds.
func TestIngestNeedsNoSecretOfWorkers(t *testing.T) {
	p := plan(t)
	d := prepare(t, p)
	if err := os.RemoveAll(p.WorkerDir); err != nil {
		t.Fatal(err)
	}
	load(t, d.ConfigFile, config.NeedAuth)
	data, err := os.ReadFile(d.ConfigFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []secret.String{d.APIKey, d.SigningSecret} {
		if strings.Contains(string(data), s.Reveal()) {
			t.Error("the file holds a secret")
		}
	}
}

func TestTokenLivesADay(t *testing.T) {
	d := prepare(t, plan(t))
	f := load(t, d.ConfigFile, config.NeedAuth)
	sources := sourcesOf(t, d)
	p0 := sources[slices.IndexFunc(sources, func(s Source) bool { return s.ID == P0Source })]
	for after, ok := range map[time.Duration]bool{0: true, 23*time.Hour + 59*time.Minute: true, 24*time.Hour + time.Minute: false} {
		a, err := authn.New(f.SourceByID(P0Source).Auth, authn.Options{Now: func() time.Time { return time.Now().Add(after) }})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
		if err := p0.Credentials(r, nil); err != nil {
			t.Fatal(err)
		}
		if err := a.Authenticate(r, nil); (err == nil) != ok {
			t.Errorf("after %v: %v", after, err)
		}
	}
}

func TestPrepareRefuses(t *testing.T) {
	p := plan(t)
	for _, bad := range []string{"", "sink:8083", "ftp://sink", "http://"} {
		p.InboxURL = bad
		if _, err := Prepare(p); err == nil {
			t.Errorf("inbox %q is taken", bad)
		}
	}
	p = plan(t)
	for _, bad := range []string{"", "sink", ":8084", "sink:0", "sink:smtp", "sink:70000"} {
		p.MailAddr = bad
		if _, err := Prepare(p); !errors.Is(err, ErrMailAddr) {
			t.Errorf("mail address %q: %v", bad, err)
		}
	}
	for name, text := range map[string]string{privateName: "S3CR3T", apiKeyName: "", identityName: "AGE-SECRET-KEY-1S3CR3T\n"} {
		p := plan(t)
		for _, dir := range []string{p.SenderDir, p.WorkerDir} {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := Prepare(p)
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "S3CR3T") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s holds nonsense: %v", name, err)
		}
	}
	p = plan(t)
	if err := os.WriteFile(p.ConfigDir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Prepare(p); err == nil || !strings.Contains(err.Error(), p.ConfigDir) {
		t.Errorf("a file where the folder is to be: %v", err)
	}
}

// A way of a platform that is gone, or misspelt, would do nothing.
func TestWays(t *testing.T) {
	for platform, w := range ways {
		if !slices.Contains(catalog.PlatformNames(), platform) {
			t.Errorf("there is no platform %s", platform)
		}
		if (w.secret != nil) != strings.Contains(w.auth, "%q") {
			t.Errorf("%s: a secret without its file, or a file without its secret", platform)
		}
	}
}

// A demo that an earlier version made goes on with the sources that it has.
func TestEarlierVersion(t *testing.T) {
	p := plan(t)
	d := prepare(t, p)
	public, err := os.ReadFile(filepath.Join(p.ConfigDir, publicName))
	if err != nil {
		t.Fatal(err)
	}
	const earlier = `tenants:
  - id: ` + TenantID + `
    name: demo
    sources:
      - id: demo-p0
        platform: p0
        auth: {jwt: {key_file: p0-public.pem, issuer: p0, audience: accessrelay-demo, subject: demo-notifier}}
`
	if err := os.WriteFile(d.ConfigFile, []byte(earlier), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(p.IngestDir); err != nil {
		t.Fatal(err)
	}
	p.IngestDir = "" // a command line of that version
	d = prepare(t, p)
	if got := sourcesOf(t, d); len(got) != 1 || got[0].ID != P0Source {
		t.Errorf("sources %+v", got)
	}
	if now, err := os.ReadFile(filepath.Join(p.ConfigDir, publicName)); err != nil || string(now) != string(public) {
		t.Error("the key is another one")
	}
	if now, err := os.ReadFile(d.ConfigFile); err != nil || string(now) != earlier {
		t.Error("the file was changed")
	}
}

// What is wrong with a file that somebody has changed is said as by the programs.
func TestSourcesOfABrokenFile(t *testing.T) {
	d := prepare(t, plan(t))
	if err := os.WriteFile(d.ConfigFile, []byte("tenants: 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Sources(noVariables); err == nil || !strings.Contains(err.Error(), "accessrelay.yaml:1: tenants: ") {
		t.Errorf("%v", err)
	}
}
