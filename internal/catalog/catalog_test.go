package catalog

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// Every folder that reads a platform is listed: one that is forgotten would be
// there and do nothing. The names are what configs, paths, metrics and records
// hold: they must not change, nor clash.
func TestPlatforms(t *testing.T) {
	entries, err := os.ReadDir("../source")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, e := range entries {
		if e.IsDir() && e.Name() != "canonical" && e.Name() != "testdata" { // canonical is the relay's own
			want = append(want, e.Name())
		}
	}
	if got := PlatformNames(); !slices.Equal(got, want) || len(got) != len(platforms()) {
		t.Errorf("%d platforms, %v; there are folders for %v", len(platforms()), got, want)
	}
	for _, name := range want {
		if len(Samples(name)) == 0 {
			t.Errorf("platform %s has no samples", name)
		}
	}
	if Samples("nobody") != nil {
		t.Error("there are samples of nobody")
	}
}

func TestKinds(t *testing.T) {
	want := map[string]string{"slack-webhook": "slack_webhook", "email": "email", "generic-webhook": "generic_webhook", "aws-sns": "aws_sns"}
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
