package recipes

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"accessrelay/internal/catalog"
	"accessrelay/internal/channel"
	"accessrelay/internal/config"
)

const tenant = "8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11"

var variable = regexp.MustCompile(`\$\{([A-Z0-9_]+)\}`)

// variables are those that a recipe asks its reader to set, sorted.
func variables(text string) []string {
	var out []string
	for _, m := range variable.FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// planted is what a variable holds in these tests: 32 characters, as many as the
// keys of most vendors have, or an address.
func planted(name string) string {
	sum := sha256.Sum256([]byte(name))
	value := "c4n4ry" + hex.EncodeToString(sum[:13])
	if strings.HasSuffix(name, "_URL") {
		return "https://hook.example.com/" + value
	}
	return value
}

// channel loads the page's YAML as a channel of the file, as a worker does.
func (p page) channel(t *testing.T) (*channel.Channel, block) {
	t.Helper()
	b := p.block(t, "yaml")
	const head = "tenants:\n  - id: " + tenant + "\n    name: acme\n    channels:\n"
	text := head
	for line := range strings.Lines(b.text) {
		text += "      " + line
	}
	path := filepath.Join(t.TempDir(), "accessrelay.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	known := config.Known{Platforms: catalog.Platforms(), Kinds: catalog.Kinds()}
	f, err := config.Load(path, config.NeedChannels, known, func(name string) (string, bool) { return planted(name), true })
	if err != nil {
		line, problem := b.line, strings.TrimPrefix(err.Error(), path+":")
		if number, rest, ok := strings.Cut(problem, ":"); ok {
			if n, err := strconv.Atoi(number); err == nil {
				line, problem = b.line+n-1-strings.Count(head, "\n"), rest
			}
		}
		t.Fatalf("%s: the file is refused:%s", p.at(line), problem)
	}
	channels := f.Tenants[0].Channels
	if len(channels) != 1 {
		t.Fatalf("%s: %d channels, want one", p.at(b.line), len(channels))
	}
	return channels[0], b
}
