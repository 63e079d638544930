package e2e

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestOperatorsTool sets a relay up with relayctl and sends it every sample.
func TestOperatorsTool(t *testing.T) {
	t.Parallel()
	hook := newSink(t)
	r := newRelay(t, webhookTo("hook", hook))
	private, public := filepath.Join(r.dir, "private.pem"), filepath.Join(r.dir, "p0-public.pem")
	tool(t, "keygen", "p0", "--private", private, "--public", public)
	key := regexp.MustCompile(`(?m)\Akey: (\S+)\nsha256: ([0-9a-f]{64})\n\z`).FindStringSubmatch(tool(t, "keygen", "api-key"))
	if key == nil {
		t.Fatal("keygen api-key does not print a key and its sha256")
	}
	config := r.file()
	config = regexp.MustCompile(`sha256: [0-9a-f]{64}`).ReplaceAllString(config, "sha256: "+key[2])
	write(t, r.path(), config)
	tool(t, "config", "check", r.path())
	r.apiKey = key[1]
	r.startIngest()
	r.startWorker()

	url := r.ingest.listener("hooks") + "/v1/hooks/" + theSource
	send := func(more ...string) exited {
		t.Helper()
		return runProgram(t, "relayctl", nil, append([]string{"send", "--url", url, "--key-file", private,
			"--issuer", issuer, "--audience", audience, "--subject", subject}, more...)...)
	}
	if got := send("--all"); got.code != 0 {
		t.Fatalf("send --all: code %d, %s%s", got.code, got.stdout, got.stderr)
	}
	types := map[string]bool{}
	eventually(t, soon, "the samples arrive, of every type that P0 has", func() bool {
		for _, q := range hook.all() {
			types[q.eventType()] = true
		}
		return len(types) >= 10
	})
	for _, want := range []string{"preapproval.created", "preapproval.expired", "request.pending", "request.approved", "request.denied",
		"request.failed", "grant.active", "grant.expired", "grant.revoked", "unrecognized"} {
		if !types[want] {
			t.Errorf("no %s among %v", want, types)
		}
	}
	for _, q := range hook.all() {
		if got := r.settle(q.id(), soon); got.Status != "delivered" {
			t.Errorf("%+v", got)
		}
	}
	if got := send("--subject", "somebody-else"); got.code != 1 {
		t.Errorf("sending with a wrong subject: code %d, %s%s", got.code, got.stdout, got.stderr)
	}
	if got := runProgram(t, "relayctl", nil, "config", "check", public); got.code != 1 || strings.Count(got.stderr, "\n") != 1 {
		t.Errorf("checking a file that is none: code %d, stderr %q", got.code, got.stderr)
	}
}

// tool runs relayctl and returns what it prints.
func tool(t *testing.T, args ...string) string {
	t.Helper()
	got := runProgram(t, "relayctl", nil, args...)
	if got.code != 0 {
		t.Fatalf("relayctl %v: code %d, %s", args, got.code, got.stderr)
	}
	return got.stdout
}
