package e2e

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const readme = "../../README.md"

// notPasted are the sections of the README whose commands this test leaves out:
// they build, or start Docker or a page to look at. A new section is pasted.
var notPasted = []string{"Try it", "Run it with Docker"}

// TestReadme pastes the README into a shell from top to bottom, as a reader does:
// every command must succeed, every curl be answered as the page says, every
// YAML block be accepted.
func TestReadme(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	page := readPage(t, readme)
	for _, b := range blocks(page) {
		if slices.Contains(notPasted, b.section) {
			continue
		}
		for _, problem := range r.follow(b) {
			t.Errorf("README.md:%d (%s): %s", b.line, b.section, problem)
		}
	}
	if t.Failed() {
		t.Fatalf("what the commands printed:\n%s", r.shell.printed())
	}
	r.checkArrived()
	r.checkFails()
}

// message is one that the inbox shows.
type message struct {
	Path    string            `json:"path"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`

	Signature struct{ State, Reason string } `json:"signature"`
}

// checkArrived: the events of all platforms and of the API came out at the
// destinations, and the README's Python takes their signatures and no others.
func (r *reader) checkArrived() {
	r.t.Helper()
	var got []message
	arrived := map[string]bool{}
	eventually(r.t, soon, "the events that the README sends have arrived", func() bool {
		got = r.messages("/webhook/siem")
		for _, m := range got {
			var body struct {
				Type string
				Data struct{ Source string }
			}
			if err := json.Unmarshal([]byte(m.Body), &body); err != nil {
				r.t.Fatalf("reading a webhook: %v", err)
			}
			if m.Signature.State != "verified" {
				r.t.Fatalf("the inbox says that the signature is %q %s", m.Signature.State, m.Signature.Reason)
			}
			arrived[body.Data.Source+" "+body.Type] = true
		}
		return len(arrived) >= 6
	})
	for _, want := range []string{"acme-p0 preapproval.created", "acme-apono grant.active", "acme-permit request.approved",
		"acme-jitsudo request.break_glass", "acme-tickets grant.revoked", "api grant.revoked"} {
		if !arrived[want] {
			r.t.Errorf("no %s among %v", want, arrived)
		}
	}
	eventually(r.t, soon, "Slack was told", func() bool { return len(r.messages("/slack/security")) > 0 })
	r.checkVerifier(got)
}

func (r *reader) messages(path string) []message {
	r.t.Helper()
	req, err := http.NewRequest(http.MethodGet, r.inbox+"/api/messages?path="+path, nil)
	if err != nil {
		r.t.Fatalf("making a request: %v", err)
	}
	got, err := do(req)
	if err != nil {
		r.t.Fatalf("asking the inbox: %v", err)
	}
	return decode[struct{ Data []message }](r.t, got, http.StatusOK).Data
}

// driver calls the README's verify with each webhook as it came, with another
// body, with another secret, and with another time.
const driver = `
import json, sys
asked = json.load(sys.stdin)
secret, other = asked["secret"], "whsec_" + base64.b64encode(b"another secret of the same length").decode()
for m in asked["messages"]:
    headers, body = {k.lower(): v for k, v in m["headers"].items()}, m["body"].encode()
    late = {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) - 1000)}
    print(verify(secret, headers, body), verify(secret, headers, body + b" "), verify(other, headers, body), verify(secret, late, body))
`

func (r *reader) checkVerifier(got []message) {
	r.t.Helper()
	secret := strings.TrimSpace(readPage(r.t, filepath.Join(r.shell.dir, "work", "worker", "siem.secret")))
	cmd := exec.Command("python3", "-c", r.verifier+driver)
	cmd.Stdin = strings.NewReader(toJSON(r.t, map[string]any{"secret": secret, "messages": got}))
	out, err := cmd.CombinedOutput()
	if want := strings.Repeat("True False False False\n", len(got)); err != nil || string(out) != want {
		r.t.Errorf("the README's verify says of webhooks as they came, with another body, secret and time:\n%s(%v)", out, err)
	}
}

// checkFails: what is wrong with a page is found. Each of these is a way in which
// the README could be wrong.
func (r *reader) checkFails() {
	r.t.Helper()
	curl := "curl -sS http://127.0.0.1:8080/v1/hooks/acme-apono -H \"Authorization: Bearer $(cat etc/apono.secret)\" -H 'Content-Type: application/json' "
	for name, b := range map[string]block{
		"a hook that is not there":   {lang: "sh", text: "curl -sS http://127.0.0.1:8080/v1/hooks/acme-nobody -d '{}'\n"},
		"a body that is none":        {lang: "sh", text: curl + "-d '{}'\n"},
		"an answer in a variable":    {lang: "sh", text: "X=$(curl -sS http://127.0.0.1:8081/v1/events/evt_1)\necho $X\n"},
		"nobody there":               {lang: "sh", text: "curl -sS http://127.0.0.1:1/ || true\n"},
		"a command that is not one":  {lang: "sh", text: "bin/relayctl sned\ntrue\n"},
		"a flag that is not one":     {lang: "sh", text: "bin/relayctl keygen api-key --owt | sed -n 1p\n"},
		"a list of commands":         {lang: "sh", text: "false && true\n"},
		"a source with a wrong key":  {lang: "yaml", text: "      - id: acme-x\n        platform: apono\n        auth: {bearer: {secret: x}}\n"},
		"a source without its file":  {lang: "yaml", text: "      - id: acme-x\n        platform: apono\n        auth: {bearer: {secrets_files: [x.secret]}}\n"},
		"a platform that is none":    {lang: "yaml", text: "      - id: acme-x\n        platform: sailpoint\n        auth: {bearer: {secrets: [x]}}\n"},
		"a file without a name":      {lang: "yaml", text: "tenants: []\n"},
		"a fragment of another kind": {lang: "yaml", text: "delivery: {max_retries: 1}\n"},
		"another status":             {lang: "", text: "HTTP/1.1 299 Accepted\n"},
		"an unknown language":        {lang: "ruby", text: "puts 1\n"},
	} {
		if got := r.follow(b); got == nil {
			r.t.Errorf("%s is not noticed: %q", name, b.text)
		}
	}
	good := block{lang: "sh", text: curl + `-d '{"event_type": "AccessRequestCreated"}'` + "\n"}
	if got := r.follow(good); got != nil {
		r.t.Errorf("what is right after all these: %v", got)
	}
}
