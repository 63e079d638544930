package relayctl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDemo(t *testing.T) {
	root := t.TempDir()
	etc, worker, sender := filepath.Join(root, "etc"), filepath.Join(root, "worker"), filepath.Join(root, "sender")
	args := []string{"demo", "--config-dir", etc, "--worker-dir", worker, "--sender-dir", sender,
		"--sink-url=http://sink:8083", "--hooks-url=http://127.0.0.1:18080/", "--api-url=http://127.0.0.1:18081"}
	first := relayctl(t, args...)
	if first.code != exitOK || first.err != "" {
		t.Fatalf("%+v", first)
	}
	key, err := os.ReadFile(filepath.Join(sender, "api-key"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"  Hooks      http://127.0.0.1:18080/v1/hooks/demo-apono\n",
		"\n             http://127.0.0.1:18080/v1/hooks/demo-p0\n",
		"API key    " + strings.TrimSpace(string(key)) + "\n",
		"\ncurl -sS -i http://127.0.0.1:18080/v1/hooks/demo-p0 -H ",
		"\ncurl -sS -i http://127.0.0.1:18080/v1/hooks/demo-apono -H ",
		"\ncurl -sS http://127.0.0.1:18081/v1/notification-channels -H ",
	} {
		if !strings.Contains(first.out, want) {
			t.Errorf("it does not print %q: %s", want, first.out)
		}
	}

	// Again: the same but for the token.
	second := relayctl(t, args...)
	strip := func(s string) string {
		before, rest, _ := strings.Cut(s, "Bearer ")
		_, after, _ := strings.Cut(rest, "'")
		return before + after
	}
	if second.code != exitOK || strip(second.out) != strip(first.out) || second.out == first.out {
		t.Errorf("again: %+v, first %s", second, first.out)
	}

	got := relayctl(t, "config", "check", filepath.Join(etc, "accessrelay.yaml"))
	if got.code != exitOK {
		t.Errorf("its own file: %+v", got)
	}
	got = relayctl(t, "demo", "--config-dir", etc, "--worker-dir", worker, "--sender-dir", sender, "--sink-url=sink")
	if got.code != exitUsage || got.err != "relayctl: --sink-url: not a URL such as http://127.0.0.1:8083\n" {
		t.Errorf("%+v", got)
	}
	got = relayctl(t, "demo", "--config-dir", etc, "--worker-dir", worker, "--sender-dir", sender, "--sink-smtp-addr=sink")
	if got.code != exitUsage || got.err != "relayctl: --sink-smtp-addr: not an address such as 127.0.0.1:8084\n" {
		t.Errorf("%+v", got)
	}
}
