package relayctl

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/queue"
	"accessrelay/internal/redistest"
)

// fetch returns the status and the body of one request.
func fetch(t *testing.T, req *http.Request) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func request(t *testing.T, method, url, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestDashboard(t *testing.T) {
	srv := redistest.Start(t)
	tasks := queue.NewClient(srv.Client())
	defer tasks.Close()
	if err := tasks.EnqueueEvent(t.Context(), queue.EventTask{ID: "evt_06h02690994c2djb7ncecgm6a0", Body: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	d := start(t, "dashboard", "--addr=127.0.0.1:0", "--redis-url="+srv.URL(), "--username=ops", "--password-file="+file(t, "S3CR3T\n"))
	url := line(t, d.await("\n"), "dashboard: ")
	if status, _ := fetch(t, request(t, "GET", url+"/", "")); status != 401 {
		t.Errorf("without the password: %d", status)
	}
	req := request(t, "GET", url+"/api/queues", "")
	req.SetBasicAuth("ops", "S3CR3T")
	if status, body := fetch(t, req); status != 200 || !strings.Contains(body, `"size":1`) {
		t.Errorf("%d %s", status, body)
	}
	if code := d.stop(); code != exitOK || d.err.String() != "" {
		t.Errorf("exit code %d: %s", code, d.err.String())
	}
}

// Redis may come later; until then the operator is told.
func TestDashboardWithoutRedis(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	_ = ln.Close()
	d := start(t, "dashboard", "--addr=127.0.0.1:0", "--redis-url=redis://"+addr)
	url := line(t, d.await("\n"), "dashboard: ")
	if status, body := fetch(t, request(t, "GET", url+"/", "")); status != 200 || !strings.Contains(body, "<html") {
		t.Errorf("%d %s", status, body)
	}
	if e := d.err.String(); !strings.HasPrefix(e, "relayctl: --redis-url: Redis does not answer yet: ") || strings.Count(e, "\n") != 1 {
		t.Errorf("it says %q", e)
	}
	d.stop()
}

func TestDashboardWrong(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	const open = ": others than this machine could reach :8082: give --password-file, or --without-password if nobody else can"
	for _, tt := range []struct {
		environ []string
		args    []string
		code    int
		err     string // its beginning
	}{
		{nil, []string{"--addr=:8082"}, exitUsage, "--addr" + open},
		{nil, []string{"--addr=8082"}, exitUsage, `--addr: "8082" is not an address such as :8083 or 127.0.0.1:8083`},
		{nil, []string{"--username=ops"}, exitUsage, "--username: needs --password-file too"},
		{nil, []string{"--password-file=" + file(t, "\n")}, exitFailed, "--password-file: "},
		{nil, []string{"--password-file=x", "--without-password"}, exitUsage, "--password-file and --without-password exclude each other"},
		{nil, []string{"--redis-url=localhost"}, exitUsage, "--redis-url: the Redis URL "},
		{[]string{"ACCESSRELAY_REDIS_URL=http://:S3CR3T@x"}, nil, exitUsage, "ACCESSRELAY_REDIS_URL: the Redis URL "},
		{[]string{"ACCESSRELAY_REDIS_URL=redis://x"}, []string{"--redis-url=http://:S3CR3T@x"}, exitUsage, "--redis-url: the Redis URL "},
		{[]string{"ACCESSRELAY_REDIS=x"}, nil, exitUsage, "ACCESSRELAY_REDIS: no such setting"},
		{nil, []string{"--redis-url=redis://127.0.0.1:1", "--addr=" + taken.Addr().String()}, exitFailed, "--redis-url: Redis does not answer yet"},
	} {
		got := run(t.Context(), Terminal{Environ: tt.environ}, append([]string{"dashboard"}, tt.args...)...)
		if got.code != tt.code || !strings.HasPrefix(got.err, "relayctl: "+tt.err) || strings.Contains(got.err, "S3CR3T") {
			t.Errorf("%v %v: %+v, want %d %q", tt.environ, tt.args, got, tt.code, tt.err)
		}
	}
}

func TestWhoCanReach(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:1": true, "127.9.9.9:1": true, "[::1]:1": true, "localhost:1": true,
		":1": false, "0.0.0.0:1": false, "[::]:1": false, "10.0.0.1:1": false, "example.com:1": false, "nonsense": false,
	} {
		if got := isLoopback(addr); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
	for addr, want := range map[string]string{
		"[::]:8082": "127.0.0.1:8082", "0.0.0.0:1": "127.0.0.1:1", "10.0.0.1:1": "10.0.0.1:1", "[::1]:1": "[::1]:1",
	} {
		if got := browsable(addr); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}

func TestInbox(t *testing.T) {
	secret := file(t, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
	in := start(t, "inbox", "--addr=127.0.0.1:0", "--smtp-addr=127.0.0.1:0", "--signing-secret-file", "/webhook/siem="+secret)
	out := in.await("inbox: ")
	url := line(t, out, "inbox: ")
	for path, want := range map[string]int{"/webhook/other": 204, "/webhook/siem": 401} {
		if status, body := fetch(t, request(t, "POST", url+path, `{"type":"test"}`)); status != want {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	const mail = "From: a@example.com\r\nDate: Fri, 02 Jan 2026 03:04:05 +0000\r\nMessage-ID: <1@example.com>\r\nSubject: x\r\n\r\nx\r\n"
	if err := smtp.SendMail(line(t, out, "mail: smtp://"), nil, "a@example.com", []string{"ops@example.com"}, []byte(mail)); err != nil {
		t.Error(err)
	}
	var list struct{ Data []struct{ Path string } }
	_, body := fetch(t, request(t, "GET", url+"/api/messages", ""))
	if err := json.Unmarshal([]byte(body), &list); err != nil || len(list.Data) != 3 || list.Data[2].Path != "/email/ops" {
		t.Errorf("%s %v", body, err)
	}
	if code := in.stop(); code != exitOK {
		t.Errorf("exit code %d: %s", code, in.err.String())
	}
}

// An open page does not hold up the stop.
func TestInboxStopsWithAPageOpen(t *testing.T) {
	in := start(t, "inbox", "--addr=127.0.0.1:0", "--smtp-addr=")
	url := line(t, in.await("\n"), "inbox: ")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	begin := time.Now()
	if code := in.stop(); code != exitOK || time.Since(begin) > stopTimeout {
		t.Errorf("exit code %d after %v: %s", code, time.Since(begin), in.err.String())
	}
}

func TestInboxWrong(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	bad := file(t, "S3CR3T")
	for _, tt := range []struct {
		arg, want string
		code      int
	}{
		{"--addr=nonsense", `--addr: "nonsense" is not an address such as :8083 or 127.0.0.1:8083`, exitUsage},
		{"--addr=" + taken.Addr().String(), "--addr: " + taken.Addr().String() + " is taken: give another address", exitFailed},
		{"--smtp-addr=nonsense", `--smtp-addr: "nonsense" is not an address such as :8083 or 127.0.0.1:8083`, exitUsage},
		{"--smtp-addr=" + taken.Addr().String(), "--smtp-addr: " + taken.Addr().String() + " is taken: give another address, or none", exitFailed},
		{"--signing-secret-file=/webhook/x=" + bad, "--signing-secret-file: signing secret of /webhook/x: must start with whsec_", exitFailed},
		{"--signing-secret-file=/webhook/x=" + bad + "no", "--signing-secret-file: " + bad + "no: no such file or directory", exitFailed},
	} {
		got := relayctl(t, "inbox", "--addr=127.0.0.1:0", "--smtp-addr=", tt.arg)
		if got.code != tt.code || got.err != "relayctl: "+tt.want+"\n" {
			t.Errorf("%s: %+v, want %s", tt.arg, got, tt.want)
		}
	}
}
