package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the goldens with what comes out; then read the diff")

// badFile is one case of testdata/bad.txt: a line "=== name (needs)", the file,
// a line of dashes, the error.
type badFile struct {
	name string
	need Need
	yaml string
	want string
}

func readBadFiles(t *testing.T, path string) []badFile {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []badFile
	for i, part := range strings.Split("\n"+string(data), "\n=== ")[1:] {
		head, rest, _ := strings.Cut(part, "\n")
		name, needs, _ := strings.Cut(head, " (")
		yaml, want, ok := strings.Cut(rest, "----\n")
		if !ok {
			t.Fatalf("case %d, %s: no line of dashes", i, name)
		}
		c := badFile{name: name, yaml: yaml, want: strings.TrimSpace(want)}
		if strings.Contains(needs, "auth") {
			c.need |= NeedAuth
		}
		if strings.Contains(needs, "channels") {
			c.need |= NeedChannels
		}
		out = append(out, c)
	}
	return out
}

// badVars are the variables that the cases can use.
var badVars = map[string]string{"EMPTY": "", "URL": "https://hooks.example.com/S3CR3T", "PLAIN": "http://S3CR3T"}

func TestBadFiles(t *testing.T) {
	golden, err := filepath.Abs("testdata/bad.txt")
	if err != nil {
		t.Fatal(err)
	}
	cases := readBadFiles(t, golden)
	files, err := filepath.Abs("testdata/files")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := os.CopyFS("files", os.DirFS(files)); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for i, c := range cases {
		if err := os.WriteFile("accessrelay.yaml", []byte(c.yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		got := "no error"
		if _, err := Load("accessrelay.yaml", c.need, stubs(), lookupIn(badVars)); err != nil {
			got = err.Error()
		}
		needs := map[Need]string{0: "none", NeedAuth: "auth", NeedChannels: "channels", NeedAuth | NeedChannels: "auth, channels"}[c.need]
		if i > 0 {
			out.WriteString("\n")
		}
		out.WriteString("=== " + c.name + " (" + needs + ")\n" + c.yaml + "----\n" + got + "\n")
		if *update {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if strings.Contains(got, "\n") || strings.Contains(got, "S3CR3T") {
				t.Errorf("more than a line, or a secret: %q", got)
			}
		})
	}
	if *update {
		if err := os.WriteFile(golden, []byte(out.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
