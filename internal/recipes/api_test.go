package recipes

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/api"
	"accessrelay/internal/catalog"
	"accessrelay/internal/channel"
	"accessrelay/internal/channelstore"
	"accessrelay/internal/secret"
)

// call is what every page's command is, but for the names.
var call = regexp.MustCompile(`^(?:export [A-Z_]+=…\n)+envsubst '([^']*)' < docs/recipes/([a-z]+)\.json \|
  curl -sS -H "X-API-Key: \$API_KEY" -H "X-Tenant-ID: \$TENANT" -H 'Content-Type: application/json' -d @- \\
    \$API/v1/notification-channels/([a-z-]+)\n$`)

// What a page's command sends makes the channel that its YAML is.
func TestTheAPITakesThem(t *testing.T) {
	for _, p := range pages(t) {
		ch, yaml := p.channel(t)
		sh := p.block(t, "sh")
		m := call.FindStringSubmatch(sh.text)
		if m == nil {
			t.Fatalf("%s: the command is not what the others are", p.at(sh.line))
		}
		used := variables(yaml.text)
		if want := "$" + strings.Join(used, " $"); m[1] != want || m[2] != p.name {
			t.Errorf("%s: it puts %s into %s.json, and the recipe has %s", p.at(sh.line), m[1], m[2], want)
		}
		for _, name := range used {
			if !strings.Contains(sh.text, "export "+name+"=…\n") {
				t.Errorf("%s: %s is not exported", p.at(sh.line), name)
			}
		}
		path := filepath.Join(pagesDir, p.name+".json")
		want := written(t, ch, used)
		if *update {
			if err := os.WriteFile(path, want, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(text, want) {
			t.Errorf("%s does not say what %s says; run go test ./internal/recipes -update", path, p.at(yaml.line))
		}
		for _, name := range used {
			text = bytes.ReplaceAll(text, []byte("${"+name+"}"), []byte(planted(name)))
		}
		made := post(t, "/v1/notification-channels/"+m[3], text)
		if made == nil {
			t.Errorf("%s: the API refuses it", p.at(sh.line))
			continue
		}
		if made.Name != ch.Name || made.Type != ch.Type || !slices.Equal(made.Filters, ch.Filters) ||
			(made.RateLimit == nil) != (ch.RateLimit == nil) || ch.RateLimit != nil && *made.RateLimit != *ch.RateLimit {
			t.Errorf("%s: the API makes another channel of it: %+v", p.at(sh.line), made)
		}
	}
}

// written is the channel as a call of the API, with the variables' names in place
// of what they hold.
func written(t *testing.T, ch *channel.Channel, used []string) []byte {
	t.Helper()
	o := struct {
		Name      string          `json:"name"`
		Filters   []string        `json:"event_filters,omitempty"`
		RateLimit string          `json:"rate_limit,omitempty"`
		Config    json.RawMessage `json:"config"`
	}{Name: ch.Name, Filters: ch.Filters, Config: ch.Config.Reveal()}
	if ch.RateLimit != nil {
		o.RateLimit = ch.RateLimit.String()
	}
	out := encode(o)
	for _, name := range used {
		out = bytes.ReplaceAll(out, []byte(planted(name)), []byte("${"+name+"}"))
	}
	return out
}

// post makes one call to an API of its own and returns the channel that came of
// it, or nil.
func post(t *testing.T, path string, body []byte) *channel.Channel {
	t.Helper()
	_, recipient, err := secret.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := secret.NewSealer(recipient)
	if err != nil {
		t.Fatal(err)
	}
	var kept store
	srv := httptest.NewServer(api.New(api.Config{
		Tenants: func() []api.Tenant {
			return []api.Tenant{{ID: tenant, Keys: []api.Key{{Name: "k", SHA256: secret.HashAPIKey("ark_k")}}}}
		},
		Channels: &kept, FileChannels: func(string) []*channel.Channel { return nil },
		Kinds: catalog.Kinds(), Sealer: sealer, Now: func() time.Time { return now },
	}))
	defer srv.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-API-Key", "ark_k")
	req.Header.Set("X-Tenant-ID", tenant)
	req.Header.Set("Content-Type", "application/json")
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusCreated || kept.made == nil {
		t.Logf("%s: %s", resp.Status, answer)
		return nil
	}
	return &kept.made.Channel
}

// store keeps the channel that was made last. Nothing else is asked of it.
type store struct {
	api.ChannelStore
	made *channelstore.Record
}

func (s *store) Create(_ context.Context, r channelstore.Record) error {
	s.made = &r
	return nil
}
