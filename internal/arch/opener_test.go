package arch

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestIngestCannotOpenSecrets looks at what the linker left in the programs. It
// drops code that nothing reaches, so a program without these symbols cannot
// open a sealed secret whatever it is given. Imports would not tell: sealing and
// opening are one package.
func TestIngestCannotOpenSecrets(t *testing.T) {
	readsSources(t)
	openers := []string{module + "/internal/secret.NewOpener", "filippo.io/age.Decrypt"}
	sealer := module + "/internal/secret.NewSealer"

	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", dir, "./cmd/ingest", "./cmd/worker")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the programs: %v\n%s", err, out)
	}

	ingest := symbols(t, filepath.Join(dir, "ingest"))
	if !ingest[sealer] {
		t.Errorf("ingest has no %s: it could not seal, or this test looks for a name of the past", sealer)
	}
	worker := symbols(t, filepath.Join(dir, "worker"))
	for _, opener := range openers {
		if ingest[opener] {
			t.Errorf("ingest holds %s: what faces the internet must not be able to open secrets", opener)
		}
		if !worker[opener] {
			t.Errorf("worker has no %s: it could not open secrets, or this test looks for a name of the past", opener)
		}
	}
}

// symbols returns the names in a program's symbol table.
func symbols(t *testing.T, program string) map[string]bool {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "tool", "nm", program).Output()
	if err != nil {
		t.Fatalf("reading the symbols of %s: %v", filepath.Base(program), err)
	}
	names := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); len(fields) >= 3 {
			names[strings.Join(fields[2:], " ")] = true
		}
	}
	return names
}
