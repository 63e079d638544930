package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// process is one run of a program.
type process struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd

	mu    sync.Mutex
	lines []string // of stderr and stdout, as they came

	done     chan struct{} // closed when it has ended and its output is read
	expected atomic.Bool   // the test ended it, or meant to
}

// exited is how a run ended that was not meant to last.
type exited struct {
	code           int
	stdout, stderr string
}

// command prepares a program that sees nothing of the test's environment but
// PATH. name is that of a program, or the path of another build of one.
func command(name string, env, args []string) *exec.Cmd {
	if !filepath.IsAbs(name) {
		name = filepath.Join(bin, name)
	}
	cmd := exec.Command(name, args...)
	// The race detector would wait a second before each exit.
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0"}, env...)
	cmd.SysProcAttr = procAttr()
	return cmd
}

// runProgram runs a program to its end.
func runProgram(t *testing.T, name string, env []string, args ...string) exited {
	t.Helper()
	cmd := command(name, env, args)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	timer := time.AfterFunc(soon, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	if !timer.Stop() {
		t.Fatalf("%s %v did not end within %v:\n%s", name, args, soon, stderr.String())
	}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatalf("running %s: %v", name, err)
	}
	return exited{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// startProcess starts a program that lasts. At the end of the test it is asked
// to stop, and must do so cleanly, unless the test ended it.
func startProcess(t *testing.T, name string, env, args []string) *process {
	t.Helper()
	p := &process{t: t, name: filepath.Base(name), cmd: command(name, env, args), done: make(chan struct{})}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatalf("making a pipe: %v", err)
	}
	p.cmd.Stdout, p.cmd.Stderr = w, w
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	_ = w.Close()
	go func() {
		defer close(p.done)
		p.read(r)
		_ = p.cmd.Wait() // how it ended is in its ProcessState
	}()
	t.Cleanup(p.cleanup)
	return p
}

func (p *process) read(r io.ReadCloser) {
	defer func() { _ = r.Close() }()
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			p.mu.Lock()
			p.lines = append(p.lines, strings.TrimSuffix(line, "\n"))
			p.mu.Unlock()
		}
		if err != nil {
			return
		}
	}
}

func (p *process) cleanup() {
	if !p.ended() {
		p.signal(syscall.SIGCONT) // if a failed test left it stopped
		if code := p.stop(); code != 0 {
			p.t.Errorf("%s ended with code %d when asked to stop", p.name, code)
		}
	} else if !p.expected.Load() {
		p.t.Errorf("%s ended by itself: %v", p.name, p.cmd.ProcessState)
	}
	for _, l := range p.output() {
		if strings.Contains(l, "DATA RACE") || strings.HasPrefix(l, "panic:") || strings.HasPrefix(l, "goroutine ") {
			p.t.Errorf("%s: %s", p.name, l)
		}
	}
	if p.t.Failed() {
		p.t.Logf("output of %s (pid %d), calls of the API aside:\n%s", p.name, p.cmd.Process.Pid, strings.Join(p.story(), "\n"))
	}
}

// output returns all lines so far.
func (p *process) output() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.lines...)
}

// story is the output without the many calls that waiting makes.
func (p *process) story() []string {
	return slices.DeleteFunc(p.output(), func(l string) bool { return strings.Contains(l, `"msg":"API call"`) })
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("%v to %s: %v", s, p.name, err)
	}
}

// terminate asks the program to stop.
func (p *process) terminate() {
	p.t.Helper()
	p.expected.Store(true)
	p.signal(syscall.SIGTERM)
}

// wait returns the exit code once the program has ended.
func (p *process) wait() int {
	p.t.Helper()
	p.expected.Store(true)
	const limit = 60 * time.Second
	select {
	case <-p.done:
	case <-time.After(limit):
		_ = p.cmd.Process.Kill()
		<-p.done
		p.t.Errorf("%s did not end within %v", p.name, limit)
	}
	return p.cmd.ProcessState.ExitCode()
}

// stop is terminate and wait.
func (p *process) stop() int { p.t.Helper(); p.terminate(); return p.wait() }

// kill ends the program at once, without a chance to clean up. It may be called
// from any goroutine.
func (p *process) kill() {
	p.expected.Store(true)
	_ = p.cmd.Process.Kill() // an error means that it is gone already
	<-p.done
}

// record is one line of the log.
type record map[string]any

func (r record) text(key string) string { s, _ := r[key].(string); return s }

// log returns the lines that are log records.
func (p *process) log() []record {
	var out []record
	for _, l := range p.output() {
		var r record
		if json.Unmarshal([]byte(l), &r) == nil {
			out = append(out, r)
		}
	}
	return out
}

// logged returns the records with that message.
func (p *process) logged(msg string) []record {
	var out []record
	for _, r := range p.log() {
		if r.text("msg") == msg {
			out = append(out, r)
		}
	}
	return out
}

// listener returns the base URL of a listener, as the program has logged it.
func (p *process) listener(name string) string {
	p.t.Helper()
	var addr string
	eventually(p.t, soon, p.name+" listens for "+name, func() bool {
		for _, r := range p.logged("listening") {
			if r.text("listener") == name {
				addr = r.text("addr")
			}
		}
		if addr == "" && p.ended() {
			p.t.Fatalf("%s ended before it listened for %s:\n%s", p.name, name, strings.Join(p.output(), "\n"))
		}
		return addr != ""
	})
	return "http://" + addr
}

// awaitReady returns once /readyz says that the program can do its job.
func (p *process) awaitReady() {
	p.t.Helper()
	ops := p.listener("ops")
	eventually(p.t, soon, p.name+" is ready", func() bool { return probe(p.t, ops+"/readyz") == http.StatusOK })
}

// probe returns the status of a GET, 0 if there was no answer.
func probe(t *testing.T, url string) int {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode
}

// client opens a connection a request, so that none is left when a test ends
// and what a program does with connections is seen.
var client = &http.Client{
	Transport: &http.Transport{DisableKeepAlives: true, Proxy: nil},
	Timeout:   soon,
}
