package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
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

// However the signals come, nothing of dev survives its exit.
func TestDevStoppedTwice(t *testing.T) {
	for _, tt := range []struct {
		name, after string        // what it says before the first signal
		apart       time.Duration // at most this is between the two
	}{
		{"starting, at once", "starting", 0},
		{"starting, a moment apart", "starting", 20 * time.Millisecond},
		{"running, at once", "Ctrl-C stops it.", 0},
		{"running, half a millisecond apart", "Ctrl-C stops it.", 500 * time.Microsecond},
		{"running, 5 ms apart", "Ctrl-C stops it.", 5 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			stopTwice(t, tt.after, tt.apart)
		})
	}
}

func stopTwice(t *testing.T, after string, apart time.Duration) {
	t.Helper()
	dir := t.TempDir()
	c := exec.CommandContext(t.Context(), os.Args[0], "dev", "--free-ports")
	c.Env = []string{asProgram, "TMPDIR=" + dir}
	c.WaitDelay = 10 * time.Second
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("there is no %q: %v", after, err)
		}
		if strings.Contains(line, after) {
			break
		}
	}
	_ = c.Process.Signal(syscall.SIGTERM)
	<-time.After(apart)
	_ = c.Process.Signal(syscall.SIGTERM) // it may be over already
	if _, err := io.Copy(io.Discard, lines); err != nil {
		t.Error(err)
	}
	_ = c.Wait() // its own way of ending, or that of the signal
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left over: %v %v", left, err)
	}
}

// A second signal does not wait for what holds up the shutdown.
func TestSecondSignalKills(t *testing.T) {
	if os.Getenv("KILLED") == "1" {
		var last lastThings
		last.add(func() { _, _ = os.Stdout.WriteString("wiped\n") })
		signals := incoming()
		_, _ = os.Stdout.WriteString("ready\n")
		heedSignals(signals, func() { _, _ = os.Stdout.WriteString("stopping\n") }, &last)
	}
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSecondSignalKills$")
	c.Env = append(os.Environ(), "KILLED=1")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for _, want := range []string{"ready\n", "stopping\n", "wiped\n"} {
		if line, err := lines.ReadString('\n'); line != want {
			t.Fatalf("%q %v, want %q", line, err, want)
		}
		_ = c.Process.Signal(syscall.SIGTERM) // the third finds it dead, or dying
	}
	_ = c.Wait()
	if status := c.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("it ended with %v, not by the signal", c.ProcessState)
	}
}
