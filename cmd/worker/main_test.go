package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// asProgram in the environment makes the test's own binary the program.
const asProgram = "AS_THE_PROGRAM=1"

func TestMain(m *testing.M) {
	if name, value, _ := strings.Cut(asProgram, "="); os.Getenv(name) == value {
		main()
	}
	m.Run()
}

// runProgram runs the program, which must end by itself.
func runProgram(t *testing.T, environ, args []string) (code int, stderr string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0], args...)
	c.Env = append([]string{asProgram}, environ...)
	var text strings.Builder
	c.Stderr = &text
	if err := c.Run(); err != nil {
		if _, ok := errors.AsType[*exec.ExitError](err); !ok {
			t.Fatal(err)
		}
	}
	return c.ProcessState.ExitCode(), text.String()
}

// What is wrong with a setting is said by the name that it was given by, before
// the file is looked at and before anything is connected.
func TestWrongSettings(t *testing.T) {
	redis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer redis.Close()
	good := "ACCESSRELAY_REDIS_URL=redis://" + redis.Addr().String()
	noFile := "ACCESSRELAY_CONFIG=" + t.TempDir() + "/none.yaml"
	const unknown = ": the Redis URL has an unknown scheme; want redis, rediss, redis-sentinel, redis-cluster, rediss-sentinel or rediss-cluster\n"
	tests := []struct {
		environ, args []string
		code          int
		want          string // the beginning of the line
	}{
		{[]string{noFile, "ACCESSRELAY_REDIS_URL=foo://x"}, nil, 2, "ACCESSRELAY_REDIS_URL" + unknown},
		{[]string{noFile, good}, []string{"--redis-url=foo://x"}, 2, "--redis-url" + unknown},
		{[]string{noFile, "ACCESSRELAY_REDIS_URL=redis://x?pool_size=many"}, nil, 2, "ACCESSRELAY_REDIS_URL: the Redis URL has the query option pool_size, "},
		{[]string{noFile, good, "ACCESSRELAY_PROXY_URL=proxy"}, nil, 2, "ACCESSRELAY_PROXY_URL: must be a URL "},
		{[]string{noFile, good, "ACCESSRELAY_ACK=disk"}, nil, 2, "ACCESSRELAY_ACK: "},
		{[]string{noFile, good}, nil, 1, "reading the config: "},
	}
	for _, tt := range tests {
		code, text := runProgram(t, tt.environ, tt.args)
		if code != tt.code || !strings.HasPrefix(text, "worker: "+tt.want) || strings.Count(text, "\n") != 1 {
			t.Errorf("%v %v: code %d, %q; want %d, %q", tt.environ, tt.args, code, text, tt.code, tt.want)
		}
	}
	// A connection would wait in the listener's queue.
	if err := redis.(*net.TCPListener).SetDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if conn, err := redis.Accept(); err == nil {
		_ = conn.Close()
		t.Error("it connected to Redis")
	}
}
