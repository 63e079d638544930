package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// reader follows a page: it pastes commands into a shell, and YAML into files.
type reader struct {
	t     *testing.T
	shell *shell
	// addresses are those that other programs may have on this machine, and the
	// hosts that are not there: each is followed by what it is here.
	addresses *strings.Replacer
	hooks     string // the base URLs
	api       string
	inbox     string

	file     string // the last whole file that the page says to write
	reload   string // how the page says that a changed file is read
	statuses []int  // of the curls of the last commands
	verifier string // the Python that the page shows
}

func newReader(t *testing.T) *reader {
	t.Helper()
	dir := t.TempDir()
	ports := freePorts(t, 5)
	at := func(i int) string { return fmt.Sprintf("127.0.0.1:%d", ports[i]) }
	provider := newJWKSServer(t, jwks(claims{"kty": "OKP", "kid": "idp-1", "crv": "Ed25519", "x": strings.Repeat("A", 43)}))
	r := &reader{t: t, hooks: "http://" + at(0), api: "http://" + at(1), inbox: "http://" + at(2), addresses: strings.NewReplacer(
		"127.0.0.1:8080", at(0), "127.0.0.1:8081", at(1), "127.0.0.1:8083", at(2), "127.0.0.1:8084", at(4),
		"https://idp.example.com/.well-known/jwks.json", provider.url,
		"hooks.slack.com", "slack.invalid", "audit.example.com", "audit.invalid", // nobody is to be told
	)}
	r.shell = newShell(t, dir, writeTools(t, dir, ports[3]), []string{
		"ACCESSRELAY_HOOKS_ADDR=" + at(0), "ACCESSRELAY_API_ADDR=" + at(1), "ACCESSRELAY_OPS_ADDR=127.0.0.1:0",
		"ACCESSRELAY_API_URL=" + r.api, fmt.Sprintf("ACCESSRELAY_REDIS_URL=redis://127.0.0.1:%d/0", ports[3]),
	})
	return r
}

// freePorts finds ports that nothing listens on, away from those that the system
// gives to connections and from redisserver's.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	const first, count = 30000, 2700
	var out []int
	for range count {
		port := first + rand.IntN(count)
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		defer func() { _ = l.Close() }() // all at the end, so that they differ
		if out = append(out, port); len(out) == n {
			return out
		}
	}
	t.Fatal("no free ports between 30000 and 32700")
	return nil
}

// follow does what a block says and returns what was wrong with it.
func (r *reader) follow(b block) []string {
	r.t.Helper()
	switch b.lang {
	case "sh":
		return r.run(b.text)
	case "yaml":
		return r.yaml(b)
	case "python":
		r.verifier += b.text
	case "":
		if status, ok := strings.CutPrefix(b.text, "HTTP/1.1 "); ok {
			return r.answered(status)
		}
	default:
		return []string{"nobody knows how to follow a block of " + b.lang}
	}
	return nil
}

// run pastes commands. All must succeed, and every curl be answered 2xx: what
// else the page promises stands in the block behind.
func (r *reader) run(text string) []string {
	r.t.Helper()
	reloads := strings.Contains(text, "kill -HUP")
	before := strings.Count(r.shell.printed(), `"config reloaded"`)
	got := r.shell.run(r.addresses.Replace(text))
	r.statuses = got.statuses
	if problems := r.judge(text, got); problems != nil {
		return problems
	}
	if strings.Contains(text, "bin/ingest ") {
		r.awaitUp()
	}
	if reloads {
		r.reload = text
		// A reader takes longer to turn to the next command than the programs do to reload.
		eventually(r.t, soon, "both programs have read the file", func() bool {
			return strings.Count(r.shell.printed(), `"config reloaded"`) >= before+2
		})
	}
	return nil
}

// judge says what was wrong with commands that were run.
func (r *reader) judge(text string, got ran) []string {
	problems := got.failed
	for _, s := range got.statuses {
		if s < 200 || s > 299 {
			problems = append(problems, fmt.Sprintf("curl was answered %d", s))
		}
	}
	if n := curls(text); n != len(got.statuses) {
		problems = append(problems, fmt.Sprintf("of %d curls %d were made", n, len(got.statuses)))
	}
	if problems != nil {
		problems = append(problems, strings.TrimSpace(got.output))
	}
	return problems
}

func (r *reader) awaitUp() {
	r.t.Helper()
	for _, url := range []string{r.hooks + "/", r.api + "/v1/events/x", r.inbox + "/"} {
		eventually(r.t, soon, url+" answers", func() bool { return probe(r.t, url) != 0 })
	}
}

// answered compares the last curl's answer with what the page shows of it.
func (r *reader) answered(shown string) []string {
	want, _, _ := strings.Cut(shown, " ")
	if len(r.statuses) == 0 {
		return []string{"an answer is shown, and nothing was asked"}
	}
	if got := fmt.Sprint(r.statuses[len(r.statuses)-1]); got != want {
		return []string{fmt.Sprintf("curl was answered %s, not %s", got, want)}
	}
	return nil
}

var writeTo = regexp.MustCompile("(?s).*Write `([^`]+)`")

// yaml writes a whole file where the text before it says, and pastes a source
// into the last one.
func (r *reader) yaml(b block) []string {
	r.t.Helper()
	switch {
	case strings.HasPrefix(b.text, "tenants:"):
		name := writeTo.FindStringSubmatch(b.before)
		if name == nil {
			return []string{"the text before the block does not say which file it is (Write `…`)"}
		}
		r.file = filepath.Join(r.shell.dir, "work", name[1])
		write(r.t, r.file, r.addresses.Replace(b.text))
		return nil
	case strings.HasPrefix(b.text, sourceItem):
		return r.paste(b.text)
	}
	return []string{"neither a whole file nor a source"}
}

// sourceItem is how a source begins in the file.
const sourceItem = "      - id: "

// paste puts a source at the end of the file, in the place of one of its id, and
// has the file read as the page says. A file that is refused is put back.
func (r *reader) paste(source string) []string {
	r.t.Helper()
	if r.file == "" || r.reload == "" {
		return []string{"a source, and so far no file or no word of how it is read"}
	}
	old := readPage(r.t, r.file)
	id, _, _ := strings.Cut(source, "\n")
	parts := strings.Split(old, sourceItem)
	text := parts[0]
	for _, p := range parts[1:] {
		if line, _, _ := strings.Cut(sourceItem+p, "\n"); strings.Fields(line)[2] != strings.Fields(id)[2] {
			text += sourceItem + p
		}
	}
	write(r.t, r.file, text+r.addresses.Replace(source))
	problems := r.run(r.reload)
	if problems != nil {
		if err := os.WriteFile(r.file, []byte(old), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	return problems
}
