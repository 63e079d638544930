package relayctl

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/catalog"
	"accessrelay/internal/demo"
	"accessrelay/internal/secret"
	"accessrelay/internal/sender"
)

// shell runs a printed command as if it were pasted.
func shell(t *testing.T, command string) string {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatal("the test pastes what is printed and needs curl: apt-get install curl, brew install curl, …")
	}
	out, err := exec.Command("sh", "-c", command).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// webhooks returns the ids of the events in the inbox of the webhook channel,
// after waiting until there are n, at most for so long.
func webhooks(t *testing.T, inbox string, n int, wait time.Duration) []string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	deadline := time.Now().Add(wait)
	for {
		resp, err := client.Get(inbox + "/api/messages?path=/webhook/demo")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		var list struct {
			Data []struct {
				Payload struct {
					Data struct{ ID string }
				}
			}
		}
		if err := json.Unmarshal(body, &list); err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, m := range list.Data {
			ids = append(ids, m.Payload.Data.ID)
		}
		if len(ids) >= n || time.Now().After(deadline) {
			return ids
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestDev(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	dev := start(t, "dev", "--free-ports")
	out := dev.await("Ctrl-C stops it.")
	samples := 0
	for _, name := range catalog.PlatformNames() {
		samples += len(catalog.Samples(name))
	}
	if !strings.Contains(out, "NOTHING SURVIVES ITS EXIT") || !strings.Contains(out, fmt.Sprintf("%d sample events went in and were delivered %d times", samples, len(catalog.Kinds())*samples)) {
		t.Errorf("it does not say so: %s", out)
	}
	inbox, _, _ := strings.Cut(line(t, out, "Inbox "), " ")
	var events []string
	for l := range strings.Lines(out) {
		if strings.HasPrefix(l, "curl -sS -i ") {
			events = append(events, l)
		}
	}
	if len(events) != 2 || !strings.Contains(events[0], "/v1/hooks/demo-p0 ") || !strings.Contains(events[1], "/v1/hooks/demo-apono ") {
		t.Fatalf("there are %d commands to paste: %s", len(events), out)
	}
	list := "curl -sS http" + line(t, out, "curl -sS http")

	before := len(webhooks(t, inbox, samples, time.Second))
	for n := 1; n <= 4; n++ {
		answer := shell(t, events[n%2])
		if !strings.HasPrefix(answer, "HTTP/1.1 200 OK") {
			t.Fatalf("pasted: %s", answer)
		}
		ids := webhooks(t, inbox, before+n, time.Second)
		if len(ids) != before+n {
			t.Fatalf("%d notifications one second after paste %d, were %d", len(ids), n, before)
		}
		if id := line(t, answer, "Accessrelay-Event-Id:"); ids[len(ids)-1] != id {
			t.Errorf("the last is %s, want %s", ids[len(ids)-1], id)
		}
	}
	again := strings.Fields(shell(t, "printf '%s\\n' "+line(t, out, quote(calledAs)+" ")))
	if got := relayctl(t, again...); got.code != exitOK || !strings.Contains(got.out, fmt.Sprintf("\n%d sent in ", samples)) {
		t.Errorf("every sample once more: %+v", got)
	}
	var channels struct {
		Data []struct {
			Type string `json:"channel_type"`
		}
	}
	if err := json.Unmarshal([]byte(shell(t, list)), &channels); err != nil || len(channels.Data) != len(catalog.Kinds()) {
		t.Errorf("the channels: %+v %v", channels, err)
	}

	if code := dev.stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if out := dev.out.String(); !strings.HasSuffix(out, "stopped; nothing is left of it.\n") {
		t.Errorf("it does not say that it has stopped: %s", out)
	}
	if e := dev.err.String(); e != "" {
		t.Errorf("it has something to say that a newcomer would stumble over: %s", e)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left over: %v %v", left, err)
	}
}

func TestDevVerbose(t *testing.T) {
	dev := start(t, "dev", "--free-ports", "--verbose")
	dev.await("Ctrl-C stops it.")
	dev.stop()
	if log := dev.err.String(); !strings.Contains(log, "program=ingest") || !strings.Contains(log, "program=worker") {
		t.Errorf("no log of both programs: %s", log)
	}
}

func TestDevTakenPort(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	port := ln.Addr().(*net.TCPAddr).Port
	got := relayctl(t, "dev", "--hooks-port=0", "--dashboard-port=0", "--inbox-port=0", "--mail-port=0", "--ingest-ops-port=0", "--worker-ops-port=0",
		fmt.Sprintf("--api-port=%d", port))
	want := fmt.Sprintf("relayctl: --api-port: 127.0.0.1:%d is taken: give another one, or --free-ports for free ones everywhere\n", port)
	if got.code != exitFailed || got.err != want {
		t.Errorf("%d %q, want %q", got.code, got.err, want)
	}
}

// Stopped while it starts, it ends as cleanly.
func TestDevStoppedEarly(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	dev := start(t, "dev", "--free-ports")
	dev.await("starting")
	if code := dev.stop(); code != exitOK {
		t.Errorf("exit code %d: %s", code, dev.err.String())
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left over: %v %v", left, err)
	}
}

func TestQuote(t *testing.T) {
	for _, s := range []string{"plain", "", "it's", `"$HOME" \ $(x) ` + "`x`", "two\nlines", "http://h/p?q=1&r=2", "é"} {
		if got := shell(t, "printf %s "+quote(s)); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}

func TestCurlEventIsNewEachTime(t *testing.T) {
	command, err := curlEvent("http://127.0.0.1:1/v1/hooks/x", demo.Source{
		Samples: catalog.Samples("p0"), Credentials: sender.Bearer(secret.New("TOKEN")),
	})
	if err != nil || !strings.Contains(command, "'Authorization: Bearer TOKEN'") {
		t.Fatal(command, err)
	}
	if strings.Contains(command, marker) || strings.Contains(command, "\n") {
		t.Errorf("%s", command)
	}
	echo := "printf '%s\\n' " + strings.TrimPrefix(command, "curl ")
	one, two := shell(t, echo), shell(t, echo)
	if one == two {
		t.Error("two pastes are the same event")
	}
	body := one[strings.Index(one, "{"):]
	if !json.Valid([]byte(body)) {
		t.Errorf("not JSON: %s", body)
	}
}
