package relayctl

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// buffer is written by a command and read by the test at the same time.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// result is what a command came to.
type result struct {
	code     int
	out, err string
}

// relayctl runs a command to its end.
func relayctl(t *testing.T, args ...string) result {
	t.Helper()
	return run(t.Context(), Terminal{}, args...)
}

func run(ctx context.Context, t Terminal, args ...string) result {
	var out, err buffer
	t.Out, t.Err = &out, &err
	if t.In == nil {
		t.In = strings.NewReader("")
	}
	code := Run(ctx, args, t)
	return result{code, out.String(), err.String()}
}

// background is a command that runs until it is stopped.
type background struct {
	t        *testing.T
	out, err buffer
	cancel   context.CancelFunc
	done     chan int
}

// calledAs is where the tool of a background is said to be.
const calledAs = "./some where/relayctl"

func start(t *testing.T, args ...string) *background {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	b := &background{t: t, cancel: cancel, done: make(chan int, 1)}
	go func() {
		b.done <- Run(ctx, args, Terminal{In: strings.NewReader(""), Out: &b.out, Err: &b.err, Program: calledAs})
	}()
	t.Cleanup(func() { cancel() })
	return b
}

// await waits until the output has text and returns it all.
func (b *background) await(text string) string {
	b.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		out := b.out.String()
		if strings.Contains(out, text) {
			return out
		}
		select {
		case code := <-b.done:
			b.t.Fatalf("it ended with %d: %s%s", code, b.out.String(), b.err.String())
		default:
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("there is no %q: %s%s", text, out, b.err.String())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// stop ends the command as Ctrl-C does and returns its exit code.
func (b *background) stop() int {
	b.t.Helper()
	b.cancel()
	select {
	case code := <-b.done:
		return code
	case <-time.After(30 * time.Second):
		b.t.Fatal("it does not stop")
		return -1
	}
}

// line is the first line of text that begins with prefix, without it.
func line(t *testing.T, text, prefix string) string {
	t.Helper()
	for l := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(l), prefix); ok {
			return strings.TrimSpace(rest)
		}
	}
	t.Fatalf("no line begins with %q: %s", prefix, text)
	return ""
}
