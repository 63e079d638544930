package recipes

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"accessrelay/internal/event"
)

// Every recipe has a vendor here and a schema, and nothing is left over.
func TestNothingIsForgotten(t *testing.T) {
	var names []string
	for _, p := range pages(t) {
		names = append(names, p.name)
	}
	if want := sortedKeys(vendors); !slices.Equal(names, want) {
		t.Errorf("there are pages for %v, and vendors %v", names, want)
	}
	schemas, err := filepath.Glob("testdata/schemas/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(schemas) != len(names) {
		t.Errorf("%d schemas for %d recipes", len(schemas), len(names))
	}
	index, err := os.ReadFile(filepath.Join(pagesDir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !bytes.Contains(index, []byte("("+name+".md)")) {
			t.Errorf("the index does not link %s.md", name)
		}
	}
}

// What a recipe sends is what its vendor documents, whatever the event.
func TestVendorsTakeIt(t *testing.T) {
	all := events()
	for _, p := range pages(t) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			ch, b := p.channel(t)
			v, schema := vendors[p.name], compile(t, p.name)
			d := newDestination(t)
			for _, ev := range all {
				got, err := d.send(t.Context(), ch, ev.Event)
				if err != nil {
					t.Errorf("%s: %v: %v", p.at(b.line), ev, err)
					continue
				}
				for _, w := range v.wrong(got, schema) {
					t.Errorf("%s: %v: %.600s", p.at(p.lineOf(b, w.path)), ev, w.text)
				}
				if t.Failed() {
					t.Fatalf("the body:\n%.3000s", got.body)
				}
			}
		})
	}
}

// wrong is a breach of what the vendor documents.
type wrong struct {
	path []string // in the body
	text string
}

func (v vendor) wrong(got request, schema *jsonschema.Schema) []wrong {
	var out []wrong
	add := func(format string, args ...any) { out = append(out, wrong{text: fmt.Sprintf(format, args...)}) }
	if got.url != v.url {
		add("it went to %s", got.url)
	}
	if ct := got.header.Get("Content-Type"); ct != "application/json" {
		add("its content type is %q", ct)
	}
	for name, value := range v.headers {
		if got.header.Get(name) != value {
			add("its header %s is not what the vendor wants", name)
		}
	}
	if v.bytes > 0 && len(got.body) > v.bytes {
		add("it has %d bytes, and the vendor takes %d", len(got.body), v.bytes)
	}
	if !v.inBody && bytes.Contains(got.body, []byte("c4n4ry")) {
		add("it tells a secret of the channel")
	}
	body, err := jsonschema.UnmarshalJSON(bytes.NewReader(inUTF16(got.body)))
	if err != nil {
		add("%v", err)
		return out
	}
	var invalid *jsonschema.ValidationError
	if err := schema.Validate(body); errors.As(err, &invalid) {
		for _, leaf := range leaves(invalid) {
			out = append(out, wrong{leaf.InstanceLocation, leaf.Error()})
		}
	} else if err != nil {
		add("%v", err)
	}
	if v.more != nil && len(out) == 0 {
		for _, problem := range v.more(body) {
			add("%s", problem)
		}
	}
	return out
}

// inUTF16 makes two characters of each that UTF-16 writes as two. Vendors say
// "characters" and mean either: what is short enough now is so for both.
func inUTF16(body []byte) []byte {
	out := make([]byte, 0, len(body))
	for _, c := range string(body) {
		if utf16.RuneLen(c) == 2 {
			out = append(out, "\ue000\ue000"...)
			continue
		}
		out = utf8.AppendRune(out, c)
	}
	return out
}

// leaves are where a validation failed at last.
func leaves(e *jsonschema.ValidationError) []*jsonschema.ValidationError {
	if len(e.Causes) == 0 {
		return []*jsonschema.ValidationError{e}
	}
	var out []*jsonschema.ValidationError
	for _, c := range e.Causes {
		out = append(out, leaves(c)...)
	}
	return out
}

func compile(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile(filepath.Join("testdata", "schemas", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The table of a page says what each type becomes there. It has every type once.
func TestTablesTellWhatBecomes(t *testing.T) {
	for _, p := range pages(t) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			ch, _ := p.channel(t)
			d := newDestination(t)
			head, rows := p.table(t, "What each event becomes")
			seen := map[event.Type]bool{}
			for _, r := range rows {
				if len(r.cells) != len(head) {
					t.Fatalf("%s: %d cells, want %d", p.at(r.line), len(r.cells), len(head))
				}
				for _, typ := range ticked(r.cells[0]) {
					typ := event.Type(typ)
					if !typ.Known() || seen[typ] {
						t.Errorf("%s: %s is no type, or it stands here twice", p.at(r.line), typ)
					}
					seen[typ] = true
					got, err := d.send(t.Context(), ch, full(typ))
					if err != nil {
						t.Fatalf("%s: %v", p.at(r.line), err)
					}
					body := decode(t, got.body)
					for i, column := range head[1:] {
						path, want := ticked(column), ticked(r.cells[i+1])
						if len(path) == 0 {
							continue // for people
						}
						if is := fmt.Sprint(get(body, path[0])); len(want) != 1 || is != want[0] {
							t.Errorf("%s: of %s, %s is %s", p.at(r.line), typ, path[0], is)
						}
					}
				}
			}
			for _, typ := range event.Types() {
				if !seen[typ] {
					t.Errorf("%s: what becomes of %s is not told", p.at(rows[0].line), typ)
				}
			}
		})
	}
}

// Where a vendor ties events together, those of one request are tied, and no others.
func TestEventsOfOneRequestMeet(t *testing.T) {
	for _, p := range pages(t) {
		v := vendors[p.name]
		if v.keyed == "" {
			continue
		}
		ch, _ := p.channel(t)
		d := newDestination(t)
		key := func(ev *event.Event) string {
			t.Helper()
			got, err := d.send(t.Context(), ch, ev)
			if err != nil {
				t.Fatalf("%s: %v", p.name, err)
			}
			s, _ := get(decode(t, got.body), v.keyed).(string)
			if s == "" {
				t.Fatalf("%s: no %s", p.name, v.keyed)
			}
			return s
		}
		want := key(full(event.GrantActive))
		for _, typ := range event.Types() {
			if got := key(full(typ)); got != want {
				t.Errorf("%s: %s is tied to %q, not %q", p.name, typ, got, want)
			}
		}
		others := map[string]string{want: "the first"}
		for what, change := range map[string]func(*event.Event){
			"another request": func(ev *event.Event) { ev.Request.ID = "req-1043" },
			"another source":  func(ev *event.Event) { ev.Source = "globex-jitsudo" },
			"no request":      func(ev *event.Event) { ev.Request = nil },
			"no request, another event": func(ev *event.Event) {
				ev.Request, ev.ID = nil, "evt_01kf04w5g0000000000000000d"
			},
		} {
			ev := full(event.GrantActive)
			change(ev)
			k := key(ev)
			if other := others[k]; other != "" {
				t.Errorf("%s: %s is tied to %s", p.name, what, other)
			}
			others[k] = what
		}
	}
}

// One body of each recipe, to look at.
func TestGoldens(t *testing.T) {
	for _, p := range pages(t) {
		ch, _ := p.channel(t)
		d := newDestination(t)
		var out bytes.Buffer
		for _, ev := range []*event.Event{full(event.GrantActive), full(event.RequestBreakGlass), full(event.GrantRevoked), minimal(event.UserCreated)} {
			got, err := d.send(t.Context(), ch, ev)
			if err != nil {
				t.Fatalf("%s: %v", p.name, err)
			}
			fmt.Fprintf(&out, "---------- %s\n%s", ev.Type, encode(decode(t, got.body)))
		}
		path := filepath.Join("testdata", "golden", p.name+".txt")
		if *update {
			if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(out.Bytes(), want) {
			t.Errorf("%s is out of date; if what is sent now is right, run go test ./internal/recipes -update\n%s", path, firstDifference(string(want), out.String()))
		}
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d\nwas %s\nis  %s", i+1, w[i], g[i])
		}
	}
	return "one is longer than the other"
}
