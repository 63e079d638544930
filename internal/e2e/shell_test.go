package e2e

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shell is a bash that what a page says is pasted into, block by block. What its
// commands do to variables and folders stays, as it would for a reader.
type shell struct {
	t     *testing.T
	dir   string
	cmd   *exec.Cmd
	in    *os.File
	marks *os.File      // a line when a block is over
	lines *bufio.Reader // of marks
	n     int
}

// The files in which a shell notes what happened, beside the folder it works in.
const (
	outputFile = "output"   // what everything printed
	failedFile = "failed"   // the commands that failed
	statusFile = "statuses" // what curl was answered
)

// newShell starts a bash in dir/work. For its commands bin/ has the programs,
// programs of the folder tools come first, and the variables env are set.
func newShell(t *testing.T, dir, tools string, env []string) *shell {
	t.Helper()
	work := filepath.Join(dir, "work")
	if err := os.MkdirAll(work, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(bin, filepath.Join(work, "bin")); err != nil {
		t.Fatal(err)
	}
	output, err := os.Create(filepath.Join(dir, outputFile))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = output.Close() }()
	stdin, in := pipe(t)
	marks, mark := pipe(t)
	defer func() { _, _ = stdin.Close(), mark.Close() }()
	s := &shell{t: t, dir: dir, in: in, marks: marks, lines: bufio.NewReader(marks)}
	s.cmd = exec.Command("bash", "--noprofile", "--norc")
	s.cmd.Dir = work
	s.cmd.Env = append([]string{"PATH=" + tools + ":" + os.Getenv("PATH"), "HOME=" + dir, "GORACE=atexit_sleep_ms=0"}, env...)
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = stdin, output, output
	s.cmd.ExtraFiles = []*os.File{mark} // 3
	// A group of its own: what the page starts in the background ends with it.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatalf("starting bash: %v", err)
	}
	t.Cleanup(s.end)
	// The last trap is for a test that dies: bash then reads the end of its input.
	if code := s.source("set -E -o pipefail\ntrap 'kill -KILL 0' EXIT\n" +
		`trap 'code=$?; printf "%s (exit code %d)\n" "$BASH_COMMAND" "$code" >>` + filepath.Join(dir, failedFile) + "' ERR\n"); code != 0 {
		t.Fatalf("setting bash up: code %d: %s", code, s.read(outputFile))
	}
	return s
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatalf("making a pipe: %v", err)
	}
	return r, w
}

func (s *shell) end() {
	_ = s.in.Close()
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	_ = s.cmd.Wait() // it was killed
	_ = s.marks.Close()
	for line := range strings.Lines(s.printed()) {
		if strings.Contains(line, "DATA RACE") || strings.HasPrefix(line, "panic:") {
			s.t.Error(line)
		}
	}
}

// source has bash read a script and returns the exit code of its last command.
func (s *shell) source(script string) int {
	s.t.Helper()
	s.n++
	path := filepath.Join(s.dir, fmt.Sprintf("block-%d.sh", s.n))
	write(s.t, path, script)
	if _, err := fmt.Fprintf(s.in, ". %s </dev/null; echo $? >&3\n", path); err != nil {
		s.t.Fatalf("bash takes no more commands: %v\n%s", err, s.read(outputFile))
	}
	_ = s.marks.SetReadDeadline(time.Now().Add(soon))
	line, err := s.lines.ReadString('\n')
	code, convErr := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || convErr != nil {
		s.t.Fatalf("bash did not come to the end of\n%s\n(%v)\n%s", script, err, s.read(outputFile))
	}
	return code
}

// read returns what is in one of the files, "" if there is none.
func (s *shell) read(name string) string {
	b, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil && !os.IsNotExist(err) {
		s.t.Errorf("reading what bash left: %v", err)
	}
	return string(b)
}

// printed is what everything printed, to the terminal and into logs (*.log).
func (s *shell) printed() string {
	out := s.read(outputFile)
	logs, err := filepath.Glob(filepath.Join(s.dir, "work", "*.log"))
	if err != nil {
		s.t.Errorf("looking for logs: %v", err)
	}
	for _, log := range logs {
		out += "\n==> " + filepath.Base(log) + "\n" + s.read(filepath.Join("work", filepath.Base(log)))
	}
	return out
}

// ran is what became of a script.
type ran struct {
	output   string
	failed   []string // commands
	statuses []int    // that curl was answered, in turn; 0: no answer
}

// run has bash read a script and returns what became of it.
func (s *shell) run(script string) ran {
	s.t.Helper()
	output, failed, statuses := len(s.read(outputFile)), len(s.read(failedFile)), len(s.read(statusFile))
	code := s.source(script)
	out := ran{output: s.read(outputFile)[output:]}
	for line := range strings.Lines(s.read(failedFile)[failed:]) {
		if !strings.HasPrefix(line, ". ") { // the reading of the script itself
			out.failed = append(out.failed, strings.TrimSpace(line))
		}
	}
	if code != 0 && out.failed == nil { // a list with && sets off no trap
		out.failed = []string{fmt.Sprintf("the last command (exit code %d)", code)}
	}
	for _, text := range strings.Fields(s.read(statusFile)[statuses:]) {
		status, _ := strconv.Atoi(text) // curl writes 000 where there is no answer
		out.statuses = append(out.statuses, status)
	}
	return out
}

// curls counts the curls of a script; api is what docs/api.md calls one with a key.
func curls(script string) int {
	return len(regexp.MustCompile(`(?m)(^|[(|;&] ?)(curl|api) `).FindAllString(script, -1))
}

// writeTools makes the folder that comes first on a shell's PATH: what the pages
// call and must be another for a test.
func writeTools(t *testing.T, dir string, redisPort int) string {
	t.Helper()
	tools := filepath.Join(dir, "tools")
	if err := os.MkdirAll(tools, 0o700); err != nil {
		t.Fatal(err)
	}
	path := func(name string) string {
		p, err := exec.LookPath(name)
		if err != nil {
			t.Fatalf("this test follows the README, which calls %s, and it is not on PATH: install it", name)
		}
		return p
	}
	for _, name := range []string{"bash", "openssl", "sed", "python3"} {
		path(name)
	}
	for name, script := range map[string]string{
		// The statuses are noted; all else is as always.
		"curl": `said=$(mktemp); ` + path("curl") + ` "$@" -w '%{stderr}\nstatus %{http_code}\n' 2>"$said"; code=$?
sed -n 's/^status //p' "$said" >>` + filepath.Join(dir, statusFile) + `; cat "$said" >&2; rm "$said"; exit $code`,
		"redis-server": "exec " + path("redis-server") + fmt.Sprintf(` "$@" --port %d`, redisPort),
		"make":         `[ "$*" = build ]`, // bin/ is there
	} {
		if err := os.WriteFile(filepath.Join(tools, name), []byte("#!/bin/bash\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return tools
}
