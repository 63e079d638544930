package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// process is a program that is started again and again, with the same flags.
// Its output goes to one file. Who breaks it holds busy.
type process struct {
	name    string
	program string
	args    []string
	log     *os.File
	ready   func(context.Context) error // nil once it can do its job
	busy    sync.Mutex                  // held by the fault that has it
	// strange is told of an end that nobody asked for.
	strange func(what string)

	mu   sync.Mutex
	life *life // nil while it is down
}

// life is one run.
type life struct {
	cmd     *exec.Cmd
	done    chan struct{}
	mu      sync.Mutex
	ordered bool // its end is ours
}

func newProcess(dir, name, program string, args []string, ready func(context.Context) error, strange func(string)) (*process, error) {
	log, err := os.OpenFile(filepath.Join(dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the log of %s: %w", name, err)
	}
	return &process{name: name, program: program, args: args, log: log, ready: ready, strange: strange}, nil
}

// start begins a life. It does not wait until the program is ready.
func (p *process) start() error {
	cmd := exec.Command(p.program, p.args...) //nolint:noctx,gosec // it outlives what starts it, and is ended by name; the programs are the caller's
	// Nothing of this environment is to change what is proved. Under the race
	// detector a program would wait a second before each exit.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0"}
	cmd.Stdout, cmd.Stderr = p.log, p.log
	cmd.SysProcAttr = procAttr()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", p.name, err)
	}
	l := &life{cmd: cmd, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		_ = cmd.Wait() // how it ended is in its ProcessState
		l.mu.Lock()
		defer l.mu.Unlock()
		if !l.ordered {
			p.strange(fmt.Sprintf("%s ended by itself: %v", p.name, cmd.ProcessState))
		}
	}()
	p.mu.Lock()
	p.life = l
	p.mu.Unlock()
	return nil
}

func (p *process) current() *life {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.life
}

// awaitReady returns once the program can do its job, or has ended.
func (p *process) awaitReady(ctx context.Context) error {
	l := p.current()
	if l == nil {
		return fmt.Errorf("%s is down", p.name)
	}
	var last error
	ended := false
	ok := poll(ctx, 20*time.Millisecond, func() bool {
		last = p.ready(ctx)
		select {
		case <-l.done:
			ended = true
			return true
		default:
			return last == nil
		}
	})
	switch {
	case ok && last == nil:
		return nil
	case ended:
		return fmt.Errorf("waiting for %s: it has ended, %v; its log says why", p.name, l.cmd.ProcessState)
	default:
		return fmt.Errorf("waiting for %s: %w", p.name, errors.Join(last, ctx.Err()))
	}
}

func (p *process) signal(s syscall.Signal) {
	if l := p.current(); l != nil {
		_ = l.cmd.Process.Signal(s) // it may be gone already: that is reported where it ended
	}
}

func (l *life) order() {
	l.mu.Lock()
	l.ordered = true
	l.mu.Unlock()
}

// kill ends the life at once and returns when it is over.
func (p *process) kill() {
	l := p.current()
	if l == nil {
		return
	}
	l.order()
	_ = l.cmd.Process.Kill() // an error means that it is gone already
	<-l.done
}

// terminate asks the program to stop and returns its exit code, or an error if
// it did not stop in time, and was killed.
func (p *process) terminate(limit time.Duration) (int, error) {
	l := p.current()
	if l == nil {
		return 0, nil
	}
	l.order()
	_ = l.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-l.done:
		return l.cmd.ProcessState.ExitCode(), nil
	case <-timer.C:
		_ = l.cmd.Process.Kill()
		<-l.done
		return -1, fmt.Errorf("%s did not stop within %v", p.name, limit)
	}
}

// close ends the process for good.
func (p *process) close() {
	p.kill()
	_ = p.log.Close()
}

// poll asks until it is told yes, or ctx ends.
func poll(ctx context.Context, every time.Duration, done func() bool) bool {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return false
		case <-ticker.C:
		}
	}
	return true
}

// probe is a readiness check: GET must answer 200.
func probe(client *http.Client, url string) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
		if err == nil && resp.StatusCode != http.StatusOK {
			err = fmt.Errorf("status %d: %s", resp.StatusCode, text)
		}
		return err
	}
}
