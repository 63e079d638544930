package relayctl

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What would be sent is shown without its credentials, and nothing is sent.
func TestSendPrint(t *testing.T) {
	s := newSite(t)
	for id, want := range map[string]string{
		"by-jwt":    `Authorization: Bearer \*\*\*\nContent-Type: application/json\nUser-Agent: relayctl\n`,
		"by-bearer": `Authorization: Bearer \*\*\*\nContent-Type: application/json\nUser-Agent: relayctl\n`,
		"by-header": `Content-Type: application/json\nUser-Agent: relayctl\nX-Permit-Secret: \*\*\*\n`,
		"by-basic":  `Authorization: Basic \*\*\*\nContent-Type: application/json\nUser-Agent: relayctl\n`,
		"by-hmac": `Content-Type: application/json\nUser-Agent: relayctl\nWebhook-Id: \S+\n` +
			`Webhook-Signature: \*\*\*\nWebhook-Timestamp: \d+\n`,
		"by-github": `Content-Type: application/json\nUser-Agent: relayctl\nX-Hub-Signature-256: \*\*\*\n`,
	} {
		for _, key := range []string{"", "--key-file=" + s.key} { // one for a JWT may be missing: it does not show
			args := []string{"--source", id, "--sample=request-denied,request-failed", "--print"}
			if key != "" {
				args = append(args, key)
			}
			got := s.send(t, args...)
			if got.code != exitOK || got.err != "" {
				t.Errorf("%s: %+v", id, got)
			}
			block := func(sample, status string) string {
				return `### ` + id + `: ` + sample + `\nPOST ` + s.URL + `/v1/hooks/` + id + `\n` + want + `\n\{[^\n]*"status":"` + status + `"[^\n]*\}\n`
			}
			matches(t, got.out, block("request-denied", "DENIED")+"\n"+block("request-failed", "ERRORED"))
		}
	}
	if len(s.paths) > 0 {
		t.Errorf("it was sent: %v", s.paths)
	}
}

// Where a source has no sample it is said.
func TestSendPrintWithoutASample(t *testing.T) {
	file := filepath.Join(t.TempDir(), "relay.yaml")
	if err := os.WriteFile(file, []byte(oddFile), 0o600); err != nil {
		t.Fatal(err)
	}
	got := relayctl(t, "send", "--config", file, "--all", "--print")
	if got.code != exitFailed || got.err != "odd: there is no sample of what the source reads: send a body of your own with --body\n" ||
		strings.Count(got.out, "### by-bearer: ") != 10 {
		t.Errorf("%+v", got)
	}
}

// To see what a platform sends takes no file and no key.
func TestSendPrintWithoutAFile(t *testing.T) {
	t.Chdir(t.TempDir())
	got := relayctl(t, "send", "--print", "--platform=apono", "--sample=manual")
	if got.code != exitOK || got.err != "" {
		t.Errorf("%+v", got)
	}
	matches(t, got.out, `### apono: manual\nPOST http://127\.0\.0\.1:8080/v1/hooks/SOURCE\nAuthorization: Bearer \*\*\*\n[^{]*\n\n\{.*\}\n`)
	const own = "{\n  \"a\": 1\n}"
	got = run(t.Context(), Terminal{In: strings.NewReader(own + "\n")}, "send", "--print", "--body=-", "--url=https://h/p")
	if got.code != exitOK || !strings.Contains(got.out, "\nPOST https://h/p\n") || !strings.HasSuffix(got.out, "\n\n"+own+"\n") {
		t.Errorf("a body of one's own: %+v", got)
	}
	// A file that is named must be there.
	for _, environ := range [][]string{nil, {"ACCESSRELAY_CONFIG=none.yaml"}} {
		args := []string{"send", "--print"}
		if environ == nil {
			args = append(args, "--config=none.yaml")
		}
		got := run(t.Context(), Terminal{Environ: environ}, args...)
		if got.code != exitFailed || !strings.HasPrefix(got.err, "relayctl: reading the config: none.yaml: no such file") {
			t.Errorf("%v: %+v", environ, got)
		}
	}
}

// A header that nobody has thought of is taken for a credential.
func TestMaskedHeaders(t *testing.T) {
	got := maskedHeaders(http.Header{"Authorization": {"S3CR3T"}, "X-New": {"S3CR3T of two words"}, "Content-Type": {"text/plain"}})
	if want := "Authorization: ***\nContent-Type: text/plain\nX-New: ***\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
