// Package e2e runs the real programs, built from this module, around a real
// redis-server, and judges them by what the outside can see: answers, what
// destinations receive, metrics, logs, exit codes.
package e2e

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// inParallel is how many tests run at a time. They mostly wait (for retries,
// leases, windows), so the number of cores would be too few.
const inParallel = 8

// bin is the folder with the programs.
var bin string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	if err := raiseParallel(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	dir, err := os.MkdirTemp("", "accessrelay-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e: making a folder for the programs:", err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bin = dir
	if err := build(dir); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	return code
}

// raiseParallel leaves a -parallel of the command line alone.
func raiseParallel() error {
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return nil
	}
	return flag.Set("test.parallel", fmt.Sprint(inParallel))
}

// build makes the programs, once for all tests.
func build(dir string) error {
	// go test's cache notes the files that a test looks at itself. Without this
	// it would repeat the verdict on older sources.
	for _, root := range []string{"../../go.mod", "../../cmd", "../../internal"} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err == nil && !strings.HasSuffix(path, "_test.go") {
				_, err = os.Stat(path)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("looking at the sources: %w", err)
		}
	}
	if raceEnabled {
		return compile(dir, "-race", "accessrelay/cmd/...")
	}
	return compile(dir, "accessrelay/cmd/...")
}

// plain builds ingest and worker as users run them. One call serves all tests.
var plain = sync.OnceValues(func() (string, error) {
	if !raceEnabled {
		return bin, nil
	}
	dir := filepath.Join(bin, "plain")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", fmt.Errorf("making a folder for the programs: %w", err)
	}
	return dir, compile(dir, "accessrelay/cmd/ingest", "accessrelay/cmd/worker")
})

// plainBuild is a folder with the programs as users run them, for tests that
// measure: the race detector costs more than what is measured.
func plainBuild(t *testing.T) string {
	t.Helper()
	dir, err := plain()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func compile(dir string, args ...string) error {
	cmd := exec.Command("go", append([]string{"build", "-o", dir + string(filepath.Separator)}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the programs: %w\n%s", err, out)
	}
	return nil
}
