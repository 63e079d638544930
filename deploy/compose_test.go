// Package deploy has the images and the compose file; its test keeps who may
// read what.
package deploy

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	serviceLine = regexp.MustCompile(`^  ([a-z]+):$`)
	mountLine   = regexp.MustCompile(`^      - ([a-z-]+):(/[^:]+)(:ro)?$`)
	folderFlag  = regexp.MustCompile(`^      - --[a-z]+-dir=(/.+)$`)
)

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The demo's channels deliver to where the sink listens.
func TestSinkListensWhereSetupSays(t *testing.T) {
	compose := read(t, "compose.yaml")
	for _, pair := range []struct{ setup, sink string }{
		{`--sink-url=http://sink`, `--addr=`},
		{`--sink-smtp-addr=sink`, `--smtp-addr=`},
	} {
		told := regexp.MustCompile(regexp.QuoteMeta(pair.setup) + `:(\d+)\n`).FindStringSubmatch(compose)
		listens := regexp.MustCompile(`inbox,.*"` + pair.sink + `:(\d+)"`).FindStringSubmatch(compose)
		if told == nil || listens == nil || told[1] != listens[1] {
			t.Errorf("setup is told %s:%v, and the sink listens at %s:%v", pair.setup, told, pair.sink, listens)
		}
	}
}

// What setup makes is read by whom README.md says, and by nobody else. A
// folder that setup writes is in its image with the owner that a new volume
// takes over.
func TestWhoReadsWhat(t *testing.T) {
	who := map[string][]string{} // volume to services
	var service string
	var folders []string
	mounted := map[string]bool{} // by setup
	for line := range strings.Lines(read(t, "compose.yaml")) {
		line = strings.TrimRight(line, "\n")
		if m := serviceLine.FindStringSubmatch(line); m != nil {
			service = m[1]
		}
		if m := folderFlag.FindStringSubmatch(line); m != nil {
			folders = append(folders, m[1])
		}
		m := mountLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		who[m[1]] = append(who[m[1]], service)
		writes := service == "setup" || service == "redis"
		if readOnly := m[3] != ""; readOnly == writes {
			t.Errorf("%s mounts %s read-only: %v", service, m[1], readOnly)
		}
		if service == "setup" {
			mounted[m[2]] = true
		}
	}
	want := map[string][]string{
		"redis":          {"redis"},
		"config":         {"setup", "ingest", "worker"},
		"ingest-secrets": {"setup", "ingest"},
		"worker-secrets": {"setup", "worker"},
		"sender-secrets": {"setup"},
	}
	if !maps.EqualFunc(who, want, slices.Equal) {
		t.Errorf("volumes are mounted by %v, want %v", who, want)
	}
	dockerfile := read(t, "Dockerfile")
	if len(folders) != len(mounted) || len(folders) == 0 {
		t.Errorf("setup is told %v and mounts %v", folders, mounted)
	}
	for _, f := range folders {
		if !mounted[f] {
			t.Errorf("setup writes %s, which is no volume", f)
		}
		if !regexp.MustCompile(`(?m)^COPY .*--chown=65532:65532 /out/\w+ ` + regexp.QuoteMeta(f) + `$`).MatchString(dockerfile) {
			t.Errorf("the image has no folder %s", f)
		}
	}
}
