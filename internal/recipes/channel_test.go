package recipes

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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
	return p.load(t, config.NeedChannels, func(name string) (string, bool) { return planted(name), true })
}

func (p page) load(t *testing.T, need config.Need, lookup func(string) (string, bool)) (*channel.Channel, block) {
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
	f, err := config.Load(path, need, known, lookup)
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

// Ingest loads every recipe without its variables, and what it shows of a template
// has none of what they hold.
func TestIngestNeedsNoSecret(t *testing.T) {
	for _, p := range pages(t) {
		ch, b := p.load(t, config.NeedAuth, func(string) (string, bool) { return "", false })
		var shown struct {
			Template string `json:"body_template"`
		}
		if err := json.Unmarshal(ch.Masked, &shown); err != nil {
			t.Fatal(err)
		}
		if ch.Config != nil || !strings.Contains(shown.Template, "{{type}}") {
			t.Errorf("%s: ingest shows %s", p.at(b.line), ch.Masked)
		}
		if inBody := vendors[p.name].inBody; strings.Contains(shown.Template, channel.Mask) != inBody {
			t.Errorf("%s: a key in the template shows as %q", p.at(b.line), shown.Template)
		}
	}
}
