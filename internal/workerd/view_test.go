package workerd

import (
	"os"
	"path/filepath"
	"testing"

	"accessrelay/internal/catalog"
	"accessrelay/internal/config"
	"accessrelay/internal/event"
	"accessrelay/internal/source"
)

func viewOf(t *testing.T, sources string) *view {
	t.Helper()
	path := filepath.Join(t.TempDir(), "accessrelay.yaml")
	text := "tenants: [{id: 8d5b2c1e-3f4a-4a57-9d7e-2f6b1c0a9e11, name: acme, sources: [" + sources + "]}]\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	known := config.Known{Platforms: catalog.Platforms(), Kinds: catalog.Kinds()}
	f, err := config.Load(path, config.NeedChannels, known, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	v := &view{}
	v.replace(f)
	return v
}

func read(p source.Platform, body string) event.Event {
	e := event.Event{Raw: []byte(body)}
	p.Normalize([]byte(body), &e)
	return e
}

// Two sources of one platform each read events their own way, without a secret of
// theirs; what is left of a third is delivered as it came.
func TestSourcesSetTheirPlatformUp(t *testing.T) {
	v := viewOf(t, `
{id: a, platform: generic, auth: {bearer: {secrets: ["${UNSET}"]}}, event_type: $.kind},
{id: b, platform: generic, auth: {bearer: {secrets: ["${UNSET}"]}}, event_type: $.what.happened,
 event_types: {OPENED: grant.active}, fields: {request.id: "$.ticket"}}`)
	const body = `{"kind":"grant.expired","what":{"happened":"OPENED"},"ticket":17}`
	for id, want := range map[string]event.Type{"a": event.GrantExpired, "b": event.GrantActive} {
		s, ok := v.source(id)
		if !ok {
			t.Fatalf("source %s is not there", id)
		}
		e := read(s.Platform, body)
		if e.Type != want || (e.Request != nil) != (id == "b") {
			t.Errorf("%s reads %s, request %+v; want %s", id, e.Type, e.Request, want)
		}
	}
	if _, ok := v.source("c"); ok {
		t.Error("a source that is not in the file is there")
	}
	p, ok := platform("generic")
	if !ok {
		t.Fatal("the platform of a source that has left is not known")
	}
	if e := read(p, body); e.Type != event.Unrecognized || string(e.Raw) != body {
		t.Errorf("of a source that has left: %s, raw %s", e.Type, e.Raw)
	}
}
