package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// startTimeout is how long a program may take to be ready.
const startTimeout = 20 * time.Second

// program is a running one of ours.
type program struct {
	name string
	cmd  *exec.Cmd
}

// start runs a program of the rig and returns when it is ready. What it logs
// goes to stderr: warnings only.
func (r *rig) start(ctx context.Context, name string, env ...string) (*program, error) {
	ops, err := freeAddr()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(filepath.Join(r.opts.bin, name)) //nolint:gosec,noctx // the programs that the caller built
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "ACCESSRELAY_CONFIG=" + r.config, "ACCESSRELAY_REDIS_URL=" + r.redis.URL(),
		"ACCESSRELAY_OPS_ADDR=" + ops, "ACCESSRELAY_LOG_LEVEL=warn",
	}, env...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	p := &program{name, cmd}
	r.programs = append(r.programs, p)
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for !ready(ctx, ops) {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%s is not ready: %w", name, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return p, nil
}

// prober asks programs on this machine whether they are ready.
var prober = &http.Client{Timeout: time.Second}

func ready(ctx context.Context, addr string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := prober.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// memory is what the program has in memory (its resident set), in bytes.
func (p *program) memory() (int64, error) {
	pid := strconv.Itoa(p.cmd.Process.Pid)
	text, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		// Without /proc, as on macOS: in KiB too.
		text, err = exec.Command("ps", "-o", "rss=", "-p", pid).Output() //nolint:gosec,noctx // a number, and ps is quick
		if err != nil {
			return 0, fmt.Errorf("reading the memory of %s: %w", p.name, err)
		}
		text = append([]byte("VmRSS:"), text...)
	}
	_, rest, ok := bytes.Cut(text, []byte("VmRSS:"))
	fields := strings.Fields(string(rest))
	if !ok || len(fields) == 0 {
		return 0, fmt.Errorf("reading the memory of %s: it has ended", p.name)
	}
	kib, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading the memory of %s: %w", p.name, err)
	}
	return kib << 10, nil
}

func (p *program) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(startTimeout, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	_ = p.cmd.Wait() // measured is over
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}
