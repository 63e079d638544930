package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/ack"
	"accessrelay/internal/secret"
)

// reveal makes settings comparable: secrets compare by identity.
func revealIngest(s IngestSettings) (IngestSettings, string) {
	s.Given = Given{}
	url := s.RedisURL.Reveal()
	s.RedisURL = secret.String{}
	return s, url
}

func defaultIngest() IngestSettings {
	return IngestSettings{
		Config: "accessrelay.yaml", HooksAddr: ":8080", APIAddr: "127.0.0.1:8081", OpsAddr: ":9090",
		LogLevel: "info", LogFormat: "json", ShutdownTimeout: 25 * time.Second,
		MaxBody: 1 << 20, EnqueueTimeout: 500 * time.Millisecond, Ack: ack.Memory,
	}
}

func TestParseIngest(t *testing.T) {
	const defaultURL = "redis://127.0.0.1:6379/0"
	tests := []struct {
		name    string
		args    []string
		environ []string
		change  func(*IngestSettings)
		url     string
	}{
		{"defaults", nil, nil, func(*IngestSettings) {}, defaultURL},
		{"all flags",
			[]string{"--config=/etc/relay.yaml", "--redis-url", "rediss://r/1", "--hooks-addr=:1", "--api-addr=:2", "--ops-addr=:3",
				"--log-level=debug", "--log-format=text", "--shutdown-timeout=1m", "--max-body=64KiB", "--enqueue-timeout=1s",
				"--ack=replicas:2", "--secrets-recipients=age1a, age1b"},
			nil,
			func(s *IngestSettings) {
				*s = IngestSettings{Config: "/etc/relay.yaml", HooksAddr: ":1", APIAddr: ":2", OpsAddr: ":3", LogLevel: "debug",
					LogFormat: "text", ShutdownTimeout: time.Minute, MaxBody: 64 << 10, EnqueueTimeout: time.Second, Ack: ack.Replicas(2),
					SecretsRecipients: []string{"age1a", "age1b"}}
			}, "rediss://r/1"},
		{"all variables", nil,
			[]string{"ACCESSRELAY_CONFIG=/etc/relay.yaml", "ACCESSRELAY_REDIS_URL=rediss://r/1", "ACCESSRELAY_HOOKS_ADDR=:1",
				"ACCESSRELAY_API_ADDR=:2", "ACCESSRELAY_OPS_ADDR=:3", "ACCESSRELAY_LOG_LEVEL=debug", "ACCESSRELAY_LOG_FORMAT=text",
				"ACCESSRELAY_SHUTDOWN_TIMEOUT=1m", "ACCESSRELAY_MAX_BODY=64KiB", "ACCESSRELAY_ENQUEUE_TIMEOUT=1s",
				"ACCESSRELAY_ACK=fsync", "ACCESSRELAY_SECRETS_RECIPIENTS=age1a,age1b"},
			func(s *IngestSettings) {
				*s = IngestSettings{Config: "/etc/relay.yaml", HooksAddr: ":1", APIAddr: ":2", OpsAddr: ":3", LogLevel: "debug",
					LogFormat: "text", ShutdownTimeout: time.Minute, MaxBody: 64 << 10, EnqueueTimeout: time.Second, Ack: ack.Fsync,
					SecretsRecipients: []string{"age1a", "age1b"}}
			}, "rediss://r/1"},
		{"the flag wins", []string{"--ops-addr=:1"}, []string{"ACCESSRELAY_OPS_ADDR=:2"}, func(s *IngestSettings) { s.OpsAddr = ":1" }, defaultURL},
		{"empty flag turns off", []string{"--api-addr="}, nil, func(s *IngestSettings) { s.APIAddr = "" }, defaultURL},
		{"empty variable turns off", nil, []string{"ACCESSRELAY_HOOKS_ADDR=", "ACCESSRELAY_OPS_ADDR="},
			func(s *IngestSettings) { s.HooksAddr, s.OpsAddr = "", "" }, defaultURL},
		{"the worker's and the world's variables", nil, []string{"ACCESSRELAY_CONCURRENCY=nonsense", "PATH=/bin", "HTTP_PROXY=x", "odd"},
			func(*IngestSettings) {}, defaultURL},
		{"what Kubernetes sets for a Service of our name", nil, []string{
			"ACCESSRELAY_SERVICE_HOST=10.0.0.1", "ACCESSRELAY_SERVICE_PORT=8080", "ACCESSRELAY_SERVICE_PORT_HOOKS=8080",
			"ACCESSRELAY_PORT=tcp://10.0.0.1:8080", "ACCESSRELAY_PORT_8080_TCP=tcp://10.0.0.1:8080", "ACCESSRELAY_PORT_8080_TCP_ADDR=10.0.0.1",
			"ACCESSRELAY_INGEST_PORT_8080_TCP_PROTO=tcp", "ACCESSRELAY_INGEST_PORT=tcp://10.0.0.1:8080"},
			func(*IngestSettings) {}, defaultURL},
		{"a later variable of the same name wins", nil, []string{"ACCESSRELAY_OPS_ADDR=:1", "ACCESSRELAY_OPS_ADDR=:2"},
			func(s *IngestSettings) { s.OpsAddr = ":2" }, defaultURL},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := ParseIngest(tt.args, tt.environ, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			want := defaultIngest()
			tt.change(&want)
			got, url := revealIngest(s)
			if !reflect.DeepEqual(got, want) || url != tt.url {
				t.Errorf("got  %+v %s\nwant %+v %s", got, url, want, tt.url)
			}
		})
	}
}

func TestParseWorker(t *testing.T) {
	s, err := ParseWorker([]string{"--concurrency=7"}, []string{
		"ACCESSRELAY_SECRETS_IDENTITY_FILE=id.txt", "ACCESSRELAY_PROXY_URL=http://user:S3CR3T@proxy:3128",
		"ACCESSRELAY_REDIS_URL=redis://:S3CR3T@r", "ACCESSRELAY_HOOKS_ADDR=nonsense of ingest",
	}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if shown := fmt.Sprintf("%+v %#v", s, s); strings.Contains(shown, "S3CR3T") {
		t.Errorf("printed settings show a secret: %s", shown)
	}
	if s.ProxyURL.Reveal() != "http://user:S3CR3T@proxy:3128" || s.RedisURL.Reveal() != "redis://:S3CR3T@r" {
		t.Error("a URL was not taken as it is")
	}
	s.Given, s.ProxyURL, s.RedisURL = Given{}, secret.String{}, secret.String{}
	want := WorkerSettings{
		Config: "accessrelay.yaml", OpsAddr: ":9091", LogLevel: "info", LogFormat: "json",
		Concurrency: 7, ShutdownTimeout: 25 * time.Second, SecretsIdentityFile: "id.txt",
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got  %+v\nwant %+v", s, want)
	}
}

func TestParseRefuses(t *testing.T) {
	ingest := func(args, environ []string) error { _, err := ParseIngest(args, environ, io.Discard); return err }
	worker := func(args, environ []string) error { _, err := ParseWorker(args, environ, io.Discard); return err }
	tests := []struct {
		parse func(args, environ []string) error
		arg   string
		env   string
		want  string
	}{
		{ingest, "--max-body=1mb", "", `--max-body: "1mb" must be a size such as 512KiB or 1MiB`},
		{ingest, "", "ACCESSRELAY_MAX_BODY=0", `ACCESSRELAY_MAX_BODY: must be more than 0`},
		{ingest, "", "ACCESSRELAY_MAX_BODY=", `ACCESSRELAY_MAX_BODY: "" must be a size such as 512KiB or 1MiB`},
		{ingest, "--max-body=1GiB", "", `--max-body: must be at most 64MiB`},
		{ingest, "--enqueue-timeout=0s", "", `--enqueue-timeout: must be more than 0`},
		{ingest, "", "ACCESSRELAY_SHUTDOWN_TIMEOUT=-1s", `ACCESSRELAY_SHUTDOWN_TIMEOUT: must be more than 0`},
		{ingest, "", "ACCESSRELAY_SHUTDOWN_TIMEOUT=20", `ACCESSRELAY_SHUTDOWN_TIMEOUT: "20" must be a duration such as 30s, 5m, 24h or 7d`},
		{ingest, "--ack=disk", "", `--ack: is "disk"; want memory, fsync or replicas:n with n from 1 to 16`},
		{ingest, "--log-level=loud", "", `--log-level: "loud" is not debug, info, warn or error`},
		{ingest, "", "ACCESSRELAY_LOG_FORMAT=", `ACCESSRELAY_LOG_FORMAT: "" is not json or text`},
		{ingest, "--hooks-addr=8080", "", `--hooks-addr: "8080" is not an address such as :8080 or 127.0.0.1:8080`},
		{ingest, "--ops-addr=:http", "", `--ops-addr: ":http" has no port from 0 to 65535`},
		{ingest, "--ops-addr=:70000", "", `--ops-addr: ":70000" has no port from 0 to 65535`},
		{ingest, "--hooks-addr=", "ACCESSRELAY_API_ADDR=", `--hooks-addr: is off and so is --api-addr: nothing is left to do, turn one on`},
		{ingest, "", "ACCESSRELAY_REDIS_URL=", `ACCESSRELAY_REDIS_URL: is empty`},
		{ingest, "", "ACCESSRELAY_CONFIG=", `ACCESSRELAY_CONFIG: is empty`},
		{ingest, "--secrets-recipients=AGE-SECRET-KEY-1S3CR3T", "", `--secrets-recipients: holds a secret key; it belongs to the workers, as --secrets-identity-file`},
		{ingest, "--secrets-recipients=age1a,,age1b", "", `--secrets-recipients: each recipient begins with age1; they are separated by commas`},
		{ingest, "", "ACCESSRELAY_REDIS_ULR=redis://:S3CR3T@r", `ACCESSRELAY_REDIS_ULR: no such setting, did you mean "ACCESSRELAY_REDIS_URL"?`},
		{ingest, "", "ACCESSRELAY_TENANT=x", `ACCESSRELAY_TENANT: no such setting`},
		{ingest, "", "ACCESSRELAY_PORT=8080", `ACCESSRELAY_PORT: no such setting`},
		{ingest, "--redis-ulr=redis://:S3CR3T@r", "", `unknown flag --redis-ulr, did you mean "--redis-url"?; see --help`},
		{ingest, "redis://:S3CR3T@r", "", `takes flags only, no arguments; see --help`},
		{ingest, "--concurrency=3", "", `unknown flag --concurrency; see --help`},
		{ingest, "--config", "", `--config: needs a value; see --help`},
		{worker, "", "ACCESSRELAY_ACK=replicas:0", `ACCESSRELAY_ACK: is "replicas:0"; want memory, fsync or replicas:n with n from 1 to 16`},
		{worker, "--concurrency=0", "", `--concurrency: "0" is not a whole number from 1 to 10000`},
		{worker, "", "ACCESSRELAY_CONCURRENCY=many", `ACCESSRELAY_CONCURRENCY: "many" is not a whole number from 1 to 10000`},
		{worker, "--proxy-url=S3CR3T@proxy", "", `--proxy-url: must be a URL such as http://proxy:3128 (http, https or socks5)`},
		{worker, "--proxy-url=ftp://proxy", "", `--proxy-url: must be a URL such as http://proxy:3128 (http, https or socks5)`},
		{worker, "--hooks-addr=:1", "", `unknown flag --hooks-addr; see --help`},
	}
	for _, tt := range tests {
		t.Run(tt.arg+tt.env, func(t *testing.T) {
			var args, environ []string
			if tt.arg != "" {
				args = []string{tt.arg}
			}
			if tt.env != "" {
				environ = []string{tt.env}
			}
			err := tt.parse(args, environ)
			if err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// What is found out later about a setting is said of it as it was given.
func TestMessage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "recipients")
	if err := os.WriteFile(file, []byte("age1a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, err     string
		args, environ []string
		want          string
	}{
		{"a flag", "--redis-url: no", []string{"--redis-url=x"}, nil, "--redis-url: no"},
		{"a variable", "--redis-url: no: never", []string{"--ack=memory"}, []string{"A=b", "ACCESSRELAY_REDIS_URL=x"}, "ACCESSRELAY_REDIS_URL: no: never"},
		{"the flag wins", "--redis-url: no", []string{"--redis-url", "x"}, []string{"ACCESSRELAY_REDIS_URL=y"}, "--redis-url: no"},
		{"a default", "--ops-addr: taken", nil, []string{"ACCESSRELAY_HOOKS_ADDR=:1"}, "--ops-addr: taken"},
		{"a file's flag", "--secrets-recipients: no", []string{"--secrets-recipients-file=" + file}, nil, "--secrets-recipients-file: no"},
		{"a file's variable", "--secrets-recipients: no", nil, []string{"ACCESSRELAY_SECRETS_RECIPIENTS_FILE=" + file}, "ACCESSRELAY_SECRETS_RECIPIENTS_FILE: no"},
		{"no setting", "accessrelay.yaml:3: --ack: no", nil, []string{"ACCESSRELAY_ACK=memory"}, "accessrelay.yaml:3: --ack: no"},
		{"already a variable", "ACCESSRELAY_ACK: no", nil, []string{"ACCESSRELAY_ACK=memory"}, "ACCESSRELAY_ACK: no"},
	}
	for _, tt := range tests {
		s, err := ParseIngest(tt.args, tt.environ, io.Discard)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if got := s.Message(errors.New(tt.err)); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	if got := (IngestSettings{}).Message(errors.New("--ack: no")); got != "--ack: no" {
		t.Errorf("settings that were made otherwise: %q", got)
	}
}

func TestHelp(t *testing.T) {
	t.Setenv("COLUMNS", "100")
	tests := []struct {
		name  string
		parse func(args, environ []string, w io.Writer) error
	}{
		{"ingest", func(a, e []string, w io.Writer) error { _, err := ParseIngest(a, e, w); return err }},
		{"worker", func(a, e []string, w io.Writer) error { _, err := ParseWorker(a, e, w); return err }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := tt.parse([]string{"--log-level=loud", "--help"}, []string{"ACCESSRELAY_NONSENSE=1"}, &out); !errors.Is(err, ErrHelp) {
				t.Errorf("got %v, want ErrHelp whatever else is wrong", err)
			}
			golden := filepath.Join("testdata", "help-"+tt.name+".txt")
			if *update {
				if err := os.WriteFile(golden, out.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if out.String() != string(want) {
				t.Errorf("help is now\n%s", out.String())
			}

			out.Reset()
			if err := tt.parse([]string{"--version"}, nil, &out); !errors.Is(err, ErrHelp) || !strings.HasPrefix(out.String(), tt.name+" ") {
				t.Errorf("--version: %v, %q", err, out.String())
			}
		})
	}
}
