package catalog

import (
	"strings"
	"testing"
)

// The names are what configs, paths, metrics and records hold: they must not
// change, nor clash.
func TestPlatforms(t *testing.T) {
	want := []string{"p0"}
	got := Platforms()
	if len(got) != len(want) {
		t.Errorf("%d platforms, want %v", len(got), want)
	}
	for _, name := range want {
		if p := got[name]; p == nil || p.Name() != name || len(p.Methods()) == 0 {
			t.Errorf("platform %s is %v", name, p)
		}
	}
}

func TestKinds(t *testing.T) {
	want := map[string]string{"slack-webhook": "slack_webhook", "generic-webhook": "generic_webhook"}
	kinds := Kinds()
	if len(kinds) != len(want) {
		t.Errorf("kinds %v, want %v", kinds.Slugs(), want)
	}
	for slug, typ := range want {
		k := kinds.BySlug(slug)
		if k == nil || k.Type() != typ || kinds.ByType(typ) != k {
			t.Errorf("kind %s is %v, want type %s", slug, k, typ)
			continue
		}
		if strings.ReplaceAll(k.Slug(), "-", "_") != k.Type() {
			t.Errorf("slug %s and type %s differ in more than the dash", k.Slug(), k.Type())
		}
	}
}
